"""TOML workloads: sweeps, parameters, and messages that lead to the key."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.common.parameters import describe_parameters, parse_parameters
from storbench.devices.base import DeviceInfo
from storbench.workloads.job import SizeShare
from storbench.workloads.steps import Idle, Measure, Note, Outcome, Precondition, Step, jobs_of
from storbench.workloads.toml_workload import parse_toml_workload

MIB = 1 << 20
DEVICE = DeviceInfo("file:t.bin", "file", 64 * MIB, 512, False)
BLANK = msgspec.structs.replace(DEVICE, blank=True)


def steps_of(text: str, info: DeviceInfo = DEVICE, **given: object) -> list[Step]:
    workload = parse_toml_workload(text, "w.toml")
    plan = workload.plan(info, parse_parameters(workload.parameters, given, "w.toml"))
    steps = [next(plan)]
    while True:
        try:
            steps.append(plan.send(Outcome()))
        except StopIteration:
            return steps


def measures_of(text: str, info: DeviceInfo = DEVICE, **given: object) -> list[Measure]:
    return [step for step in steps_of(text, info, **given) if isinstance(step, Measure)]


def refusal(text: str, **given: object) -> str:
    with pytest.raises(InputError) as caught:
        steps_of(text, DEVICE, **given)
    return str(caught.value)


def test_lists_sweep_and_units_are_those_that_people_type() -> None:
    steps = measures_of(
        '[defaults]\nduration = "2s"\nblock_size = ["4KiB", "1MiB"]\n[[phase]]\nread_fraction = [0.7, 0.3]\n'
        'rate_iops = "2K"\nramp = "500ms"\n'
    )
    assert [(s.job.block_size, s.job.read_fraction) for s in steps] == [
        (4096, 0.7), (4096, 0.3), (MIB, 0.7), (MIB, 0.3),
    ]  # fmt: skip
    assert {(s.job.duration, s.job.rate_iops, s.job.ramp) for s in steps} == {(2.0, 2000.0, 0.5)}
    assert steps[1].labels == {"block_size": 4096, "read_fraction": 0.3}


def test_defaults_are_parameters_and_a_phases_own_fields_are_not() -> None:
    text = '[defaults]\nduration = "2s"\nqueue_depth = [1, 4]\n[[phase]]\n[[phase]]\nduration = "9s"\n'
    steps = measures_of(text, duration="3s", queue_depth="8")
    assert [(s.job.duration, s.job.queue_depth) for s in steps] == [(3.0, 8), (9.0, 8)]
    listed = describe_parameters(parse_toml_workload(text, "w.toml").parameters)
    assert [(p.name, p.default) for p in listed] == [("duration", "2s"), ("queue_depth", "1,4"), ("prefill", "auto")]
    assert "unknown parameter 'block_size'" in refusal(text, block_size="4KiB")


def test_a_default_can_be_unset_for_a_phase() -> None:
    steps = steps_of('[defaults]\nduration="2s"\n[[phase]]\nkind="precondition"\nread_fraction=0\nduration="none"\n')
    assert [job.duration for job in jobs_of(steps[0])] == [None]


def test_kinds_of_phases() -> None:
    steps = steps_of(
        '[[phase]]\nkind="note"\nlabel="hello"\n[[phase]]\nkind="precondition"\nread_fraction=0\n'
        '[[phase]]\nkind="idle"\nduration="1s"\n[[phase]]\nduration="1s"\n'
    )
    assert [type(step) for step in steps] == [Note, Precondition, Idle, Measure]
    assert steps[2] == Idle("idle", 1.0)


def test_repeat_repeats_the_whole_phase() -> None:
    steps = measures_of("[[phase]]\nrepeat = 2\nqueue_depth = [1, 2]\n")
    assert [step.labels for step in steps] == [
        {"repeat": 1, "queue_depth": 1}, {"repeat": 1, "queue_depth": 2},
        {"repeat": 2, "queue_depth": 1}, {"repeat": 2, "queue_depth": 2},
    ]  # fmt: skip
    assert len({step.label for step in steps}) == 4
    assert len({step.job.seed for step in steps}) == 4


def test_jobs_beside_take_the_defaults() -> None:
    (step,) = measures_of(
        '[defaults]\nduration = "1s"\nblock_size = "8KiB"\n[[phase]]\n[[phase.beside]]\nread_fraction = 0.0\n'
    )
    assert [(job.block_size, job.read_fraction, job.duration) for job in jobs_of(step)] == [
        (8192, 1.0, 1.0), (8192, 0.0, 1.0),
    ]  # fmt: skip
    assert len({job.seed for job in jobs_of(step)}) == 2


def test_a_mix_of_block_sizes_is_one_value() -> None:
    (step,) = measures_of('[[phase]]\nblock_size_mix = [{size="4KiB", percent=60}, {size="8KiB", percent=40}]\n')
    assert step.job.block_size_mix == (SizeShare(4096, 60.0), SizeShare(8192, 40.0))


def test_a_blank_target_is_filled_unless_the_file_does_it() -> None:
    assert isinstance(steps_of("[[phase]]\n", BLANK)[0], Precondition)
    assert isinstance(steps_of('prefill = "never"\n[[phase]]\n', BLANK)[0], Note)
    own = steps_of('[[phase]]\nkind="precondition"\nread_fraction=0\n[[phase]]\n', BLANK)
    assert [type(step) for step in own] == [Precondition, Measure]


def test_the_same_file_gives_the_same_steps() -> None:
    text = "[[phase]]\nqueue_depth = [1, 2]\nrepeat = 3\n"
    assert steps_of(text) == steps_of(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[phase]]\n[[phase]]\n[[phase]]\nblok_size='4KiB'\n", "'phase[2].blok_size'\nDid you mean 'block_size'?"),
        ("[defaults]\nblok_size='4KiB'\n[[phase]]\n", "'defaults.blok_size'\nDid you mean 'block_size'?"),
        ("[defualts]\n[[phase]]\n", "'defualts'\nDid you mean 'defaults'?"),
        ("[[phase]]\n[[phase.beside]]\nx=1\n", "'phase[0].beside[0].x'"),
        ("[[phase]]\nkind='mesure'\n", "phase[0].kind: 'mesure' is not known\nDid you mean 'measure'?"),
        ("[[phase]]\nkind='idle'\n", "needs one duration"),
        ("[[phase]]\nkind='idle'\nduration=['1s','2s']\n", "needs one duration"),
        ("[[phase]]\nkind='idle'\nduration='1s'\nblock_size='4KiB'\n", "'phase[0].block_size'"),
        ("[[phase]]\nkind='note'\n", "needs a label"),
        ("[[phase]]\nblock_size='4k'\n", "phase[0]: block_size: '4k' is not a size"),
        ("[[phase]]\nduration='5'\n", "phase[0]: duration: '5' is not a duration"),
        ("[[phase]]\nblock_size=-1\n", "phase[0]: block_size"),
        ("[[phase]]\nqueue_depth=[]\n", "phase[0]: queue_depth"),
        ("[[phase]]\nread_fraction=1.5\n", "phase[0]: read_fraction"),
        ("[[phase]]\nread_fraction=0.333\n", "phase[0]: read_fraction 0.333 is not a whole percent"),
        ("[[phase]]\npattern='randon'\n", "phase[0]: pattern"),
        ("[[phase]]\nrepeat=0\n", "phase[0].repeat"),
        ("[[phase]]\nrepeat=true\n", "phase[0].repeat"),
        ("[[phase]]\nrepeat=9999\nqueue_depth=[1,2]\n", "more than 10,000"),
        ("[[phase]]\nfio_options={filename='/dev/sda'}\n", "-d says what is measured"),
        ("[[phase]]\nfio_options={thinktime='/dev/sda'}\n", "thinktime=/dev/sda is refused"),
        ("[[phase]]\nfio_options={exec_prerun='x'}\n", "starts no programs"),
        ("[defaults]\nfio_options={filename='/dev/sda'}\n[[phase]]\n", "-d says what is measured"),
        ("[[phase]]\nfio_options=3\n", "not a table"),
        ("[[phase]]\nblock_size_mix=[{size='4KiB', percnt=3}]\n", "block_size_mix[0]: unknown parameter 'percnt'"),
        ("[[phase]]\nblock_size_mix=[{size='4KiB', percent=30}]\n", "100"),
        ("[[phase]]\n[[phase.beside]]\nqueue_depth=[1,2]\n", "phase[0].beside[0].queue_depth is a list"),
        ("name='../evil'\n[[phase]]\n", "is not a name"),
        ("name=3\n[[phase]]\n", "name is not a text"),
        ("prefill='sometimes'\n[[phase]]\n", "prefill 'sometimes'"),
        ("name='x'\n", "there is no [[phase]]"),
        ("phase=3\n", "there is no [[phase]]"),
        ("phase=[3]\n", "phase[0] is not a table"),
        ("defaults=3\n[[phase]]\n", "defaults is not a table"),
        ("[[phase]]\nblock_size='128MiB'\n", "128MiB is larger than the target's 64MiB"),
        ("= what", "w.toml is not TOML"),
    ],
)
def test_each_refusal_leads_to_the_key(text: str, words: str) -> None:
    assert words in refusal(text)


FIELDS = st.dictionaries(
    st.sampled_from(["block_size", "duration", "queue_depth", "read_fraction", "pattern", "jobs", "blok", "span"]),
    st.one_of(st.integers(-5, 10**7), st.booleans(), st.sampled_from(["4KiB", "1s", "x", "", "none", "random"]),
              st.lists(st.integers(0, 9), max_size=3), st.floats(-1, 2)),
    max_size=4,
)  # fmt: skip


@given(FIELDS, FIELDS)
def test_any_fields_are_a_workload_or_an_input_error(defaults: dict[str, object], phase: dict[str, object]) -> None:
    toml = f"defaults = {_inline(defaults)}\nphase = [{_inline(phase)}]\n"
    try:
        workload = parse_toml_workload(toml, "w.toml")
        plan = workload.plan(DEVICE, workload.parameters())
    except InputError:
        return
    assert all(job.block_size <= DEVICE.size for step in plan for job in jobs_of(step))


def _inline(table: dict[str, object]) -> str:
    def show(value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return f"[{', '.join(map(show, value))}]"
        return f'"{value}"' if isinstance(value, str) else repr(value)

    return "{" + ", ".join(f"{name} = {show(value)}" for name, value in table.items()) + "}"
