"""Sweeps, seeds, labels and prefill."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.base import DeviceInfo
from storbench.workloads.job import Job
from storbench.workloads.phases import prefill_steps, step_seed, sweep, varying
from storbench.workloads.steps import Note, Precondition

MIB = 1 << 20


def device(size: int = 64 * MIB, *, blank: bool = True, logical: int = 512) -> DeviceInfo:
    return DeviceInfo("file:t.bin", "file", size, logical, blank)


READS = Job(read_fraction=1.0)
WRITES = Job(read_fraction=0.0)


def test_a_sweep_gives_every_combination_with_the_last_axis_fastest() -> None:
    assert sweep({"a": (1, 2), "b": (3, 4)}) == [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]


def test_a_sweep_of_too_many_steps_is_refused_before_it_is_made() -> None:
    with pytest.raises(InputError, match="more than 10,000"):
        sweep({"a": range(10**9), "b": range(10**9)})


def test_labels_hold_only_what_varies() -> None:
    points: list[dict[str, object]] = [
        {"block_size": 4096, "queue_depth": 1, "rate": None},
        {"block_size": 4096, "queue_depth": 2, "rate": 5.0},
    ]
    assert varying(points) == [{"queue_depth": 1}, {"queue_depth": 2, "rate": 5.0}]


@given(st.integers(0, 2**63), st.integers(-1, 10_000), st.integers(0, 4096))
def test_step_seeds_repeat_and_fit_what_fio_takes(seed: int, index: int, place: int) -> None:
    derived = step_seed(seed, index, place)
    assert derived == step_seed(seed, index, place)
    assert 1 <= derived < 2**31


def test_step_seeds_differ_from_step_to_step() -> None:
    assert len({step_seed(1, index, place) for index in range(100) for place in range(10)}) == 1000


def test_a_blank_target_is_filled_before_reads_only() -> None:
    assert [type(step) for step in prefill_steps(device(), [READS], "auto", 1)] == [Precondition]
    assert prefill_steps(device(), [WRITES], "auto", 1) == []
    assert prefill_steps(device(blank=False), [READS], "auto", 1) == []


def test_always_fills_whatever_the_target_holds_and_the_jobs_do() -> None:
    assert len(prefill_steps(device(blank=False), [WRITES], "always", 1)) == 1


def test_never_says_that_holes_are_read() -> None:
    (note,) = prefill_steps(device(), [READS], "never", 1)
    assert isinstance(note, Note)
    assert "holes" in note.label


def test_updates_in_place_need_contents_as_well() -> None:
    assert len(prefill_steps(device(), [WRITES], "auto", 1, in_place=True)) == 1


@given(st.integers(1, 1 << 40), st.sampled_from([512, 4096]), st.integers(0, 1 << 30))
def test_prefill_writes_every_block_that_is_read_exactly_once(size: int, logical: int, offset: int) -> None:
    size, offset = max(size // logical, 2) * logical, offset // logical * logical
    job = Job(block_size=logical, offset=offset if offset < size else 0)
    steps = prefill_steps(device(size, logical=logical), [job], "auto", 1)
    at = job.offset
    for step in steps:
        assert isinstance(step, Precondition)
        filled = step.job
        assert filled.span is not None
        assert (filled.pattern, filled.read_fraction, filled.queue_depth) == ("sequential", 0.0, 8)
        assert filled.offset == at
        assert filled.bytes == filled.span
        assert filled.span % filled.block_size == 0
        assert filled.block_size % logical == 0
        assert filled.block_size <= MIB
        filled.check_against(size, logical)
        at += filled.span
    assert at == size
