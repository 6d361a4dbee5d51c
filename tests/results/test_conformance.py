"""Conformant, adapted or invalid: whole runs are carried out on made-up numbers, then one thing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec
import pytest

from storbench.common.errors import InputError
from storbench.results.conformance import Conformance, conformance_of
from storbench.results.record import RunRecord, StepRecord
from storbench.results.run_file import Run, open_run
from storbench.results.run_writer import write_run

TESTS = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth")
MIB = 1 << 20
Changing = Callable[[list[StepRecord]], Sequence[StepRecord]]


@pytest.fixture(scope="module")
def suite(snia_runs: ModuleType) -> RunRecord:
    """All eight tests as they should be, on a disk of which everything is known."""
    run = snia_runs.perform("snia.pts", snia_runs.device(256 << 30), latency_ns=2e6)
    return cast("RunRecord", with_cache(run, "disabled"))


def with_cache(run: RunRecord, state: str) -> RunRecord:
    return msgspec.structs.replace(
        run,
        steps=[
            msgspec.structs.replace(s, facts={**s.facts, "write_cache_after": state}) if s.kind == "purge" else s
            for s in run.steps
        ],
    )


def classed(run: RunRecord) -> Conformance:
    """A record has all that a run read from a file has."""
    return conformance_of(cast("Run", run))


def changed(run: RunRecord, change: Changing) -> Conformance:
    return classed(msgspec.structs.replace(run, steps=list(change(list(run.steps)))))


def the_test(run: RunRecord, test: str) -> RunRecord:
    """Give the part of a suite that is one test, as a run of its own."""
    recipe = {**run.recipe, "specification": {**run.recipe["specification"], "tests": [test]}}
    steps = [s for s in run.steps if s.labels.get("test") == test]
    return msgspec.structs.replace(run, recipe=recipe, steps=steps)


def edited(step: StepRecord, **labels: object) -> StepRecord:
    return msgspec.structs.replace(step, step={**step.step, "labels": {**step.labels, **labels}})


def with_job(step: StepRecord, **fields: object) -> StepRecord:
    return msgspec.structs.replace(step, step={**step.step, "job": {**step.job, **fields}})


def of(steps: Sequence[StepRecord], **labels: object) -> list[StepRecord]:
    return [step for step in steps if labels.items() <= step.labels.items()]


def without(*phases: str, **labels: object) -> Changing:
    wanted = {**labels}
    return lambda steps: [
        s for s in steps if not (s.labels.get("phase") in phases and wanted.items() <= s.labels.items())
    ]


def test_the_whole_specification_as_prescribed_is_conformant(suite: RunRecord) -> None:
    found = classed(suite)
    assert found == Conformance("CONFORMANT", (), False)


@pytest.mark.parametrize(("edition", "cache"), [("pts-c-2.0", "enabled"), ("pts-e-1.1", "disabled")])
def test_so_are_the_other_editions(snia_runs: ModuleType, edition: str, cache: str) -> None:
    run = snia_runs.perform("snia.pts", snia_runs.device(), edition=edition, tests="iops,throughput,latency,wsat")
    assert classed(with_cache(run, cache)).grade == "CONFORMANT"
    other = "disabled" if cache == "enabled" else "enabled"
    (deviation,) = classed(with_cache(run, other)).deviations
    assert (deviation.what, deviation.required, deviation.actual) == ("volatile write cache", cache, other)


@pytest.mark.parametrize(
    ("scheme", "engine", "simulated", "emulated"),
    [("sim", "model", True, False), ("emu", "fio", False, True), ("nbd:emu-", "fio", False, True)],
)
def test_a_model_instead_of_a_device_is_said_and_is_no_deviation(
    snia_runs: ModuleType, scheme: str, engine: str, *, simulated: bool, emulated: bool
) -> None:
    run = snia_runs.perform("snia.latency", snia_runs.device(scheme=scheme, engine=engine))
    found = classed(run)
    assert (found.grade, found.simulated, found.emulated) == ("CONFORMANT", simulated, emulated)
    assert found.notes == ("the state of the volatile write cache is not known; it has to be disabled",)


@pytest.mark.parametrize(
    ("given", "what", "required", "actual"),
    [
        ({"element": "1s"}, "element", "1 min 0 s", "1 s"),
        ({"max_rounds": 9}, "max rounds", "25", "9"),
        ({"active_range": 0.5}, "active range", "1", "0.5"),
        ({"precondition_factor": 1}, "precondition factor", "2", "1"),
        ({"purge": False}, "purge", "yes", "no"),
        ({"data": "zeroes"}, "data", "random", "zeroes"),
        ({"latency_histogram": "1min"}, "latency histogram", "20 min 0 s", "1 min 0 s"),
    ],
)
def test_what_was_set_otherwise_makes_it_adapted(
    snia_runs: ModuleType, given: dict[str, object], what: str, required: str, actual: str
) -> None:
    found = classed(with_cache(snia_runs.perform("snia.latency", snia_runs.device(), **given), "disabled"))
    assert found.grade == "ADAPTED"
    assert [(d.what, d.required, d.actual) for d in found.deviations] == [(what, required, actual)]


def test_what_was_set_as_prescribed_changes_nothing(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.latency", snia_runs.device(), max_rounds=25, active_range=1.0)
    assert classed(with_cache(run, "disabled")).grade == "CONFORMANT"


def test_the_operators_own_choice_is_no_deviation(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.wsat", snia_runs.device(1 << 34), threads=2, queue_depth=8)
    assert classed(with_cache(run, "disabled")).grade == "CONFORMANT"


def test_a_short_suite_is_adapted_and_each_reason_stands_once(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.pts", snia_runs.device(scheme="sim", engine="model"), element="1s", scale=0.02)
    found = classed(run)
    assert (found.grade, found.faults) == ("ADAPTED", ())
    assert [deviation.what for deviation in found.deviations] == ["scale", "element"]


def test_no_purge_is_one_deviation_with_the_tests_that_it_concerns(suite: RunRecord) -> None:
    facts = {"purge_method": "none", "purge_check": "this kind of device offers no purge"}
    found = changed(
        suite, lambda steps: [msgspec.structs.replace(s, facts=facts) if s.kind == "purge" else s for s in steps]
    )
    (deviation,) = found.deviations
    assert deviation.what.startswith("purge (iops, throughput 128KiB, throughput 1MiB, latency, wsat, ")
    assert deviation.actual == "this kind of device offers no purge"
    assert found.grade == "ADAPTED"


@pytest.mark.parametrize(("verified", "grade"), [(True, "CONFORMANT"), (None, "CONFORMANT"), (False, "ADAPTED")])
def test_a_purge_that_did_not_work_is_a_deviation(suite: RunRecord, verified: bool | None, grade: str) -> None:
    def change(steps: list[StepRecord]) -> list[StepRecord]:
        purge = steps[0]
        return [msgspec.structs.replace(purge, facts={**purge.facts, "purge_verified": verified}), *steps[1:]]

    found = changed(the_test(suite, "iops"), change)
    assert found.grade == grade
    assert bool(found.notes) is (verified is None)


def swapped(steps: list[StepRecord]) -> list[StepRecord]:
    """Two elements of a round in the other order."""
    place = next(n for n, s in enumerate(steps) if s.labels.get("phase") == "round")
    return [*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :]]


def cut(steps: list[StepRecord]) -> list[StepRecord]:
    """The last element of the last round is missing."""
    last = max(n for n, s in enumerate(steps) if s.labels.get("phase") == "round")
    return steps[:last] + steps[last + 1 :]


def mislabelled(steps: list[StepRecord]) -> list[StepRecord]:
    """A load of another size than its label says."""
    place = next(n for n, s in enumerate(steps) if s.labels.get("phase") in ("round", "minute"))
    return [*steps[:place], with_job(steps[place], block_size=2048, block_size_mix=[]), *steps[place + 1 :]]


def narrowed(steps: list[StepRecord]) -> list[StepRecord]:
    """A load on a part of the range."""
    place = next(n for n, s in enumerate(steps) if s.labels.get("phase") in ("round", "minute", "access"))
    return [*steps[:place], with_job(steps[place], span=MIB), *steps[place + 1 :]]


@pytest.mark.parametrize("test", ["iops", "throughput", "latency", "cbw", "dirth"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (swapped, "round 1 has not the prescribed elements in the prescribed order"),
        (cut, "round 5 has not the prescribed elements in the prescribed order"),
        (without("round", round=3), "round 3 is missing or out of order"),
        (without("round", round=5), "rounds ended after 4 of 25 without a steady state"),
        (without("round"), "there are no rounds"),
        (without("purge"), "there is no purge before the first I/O"),
        (mislabelled, "put another load on the device than it says"),
        (narrowed, "did not use the active range"),
    ],
)
def test_a_hole_in_the_rounds_makes_it_invalid(suite: RunRecord, test: str, change: Changing, fault: str) -> None:
    found = changed(the_test(suite, test), change)
    assert found.grade == "INVALID"
    assert any(fault in text for text in found.faults), found.faults


@pytest.mark.parametrize(
    ("test", "change", "fault"),
    [
        ("iops", without("wipc"), "there is no workload-independent preconditioning"),
        ("throughput", without("round", "wipc", "purge", part="1MiB"), "throughput has no part for blocks of 1MiB"),
        ("latency", without("histogram"), "the response times were not captured"),
        ("wsat", without("histogram"), "the response times were not captured"),
        ("wsat", without("minute", minute=4), "minutes are missing or out of order"),
        ("wsat", without("minute"), "there are no samples"),
        ("wsat", lambda s: [*s[:4], s[-1]], "it ended after 3 minutes, by none of its rules"),
        ("wsat", lambda s: [s[0], edited(s[1], phase="precondition"), *s[1:]], "it was preconditioned"),
        ("hir", without("precondition"), "it was not preconditioned"),
        ("hir", without("precondition", minute=32), "minutes are missing or out of order in preconditioning"),
        ("hir", without("idle", repeat=7), "wait state 1 is not 360 writes and waits, then the baseline"),
        ("hir", without("minute", wait=5), "wait state 5 is not 360 writes and waits, then the baseline"),
        ("hir", without("access", "idle", "minute", wait=3), "wait states are missing or out of order"),
        ("xsr", without("minute", group=2), "groups are missing or out of order"),
        ("xsr", without("minute", group=3, minute=480), "group 3 has 479 of 480 minutes"),
        ("xsr", without("minute", minute=17), "minutes are missing or out of order in group 2"),
        ("xsr", lambda s: [s[0], *(with_job(x, pattern="random") for x in s[1:])], "another load than prescribed"),
        ("cbw", without("precondition"), "it was not preconditioned"),
        ("cbw", without("prewrite", round=2), "round 2 does not begin with its pre-writes"),
        ("cbw", without("histogram", point="mid"), "were not captured at the three points"),
        ("cbw", lambda s: [with_job(x, block_size_mix=[{"size": 8192, "percent": 100.0}]) if x.job else x for x in s],
         "the shares of the block sizes are not those prescribed"),
        ("dirth", without("precondition", round=2), "rounds of preconditioning are missing or out of order"),
    ],
)  # fmt: skip
def test_a_hole_in_the_procedure_makes_it_invalid(suite: RunRecord, test: str, change: Changing, fault: str) -> None:
    found = changed(the_test(suite, test), change)
    assert found.grade == "INVALID"
    assert any(fault in text for text in found.faults), found.faults


def test_a_test_that_was_asked_for_and_is_not_there(suite: RunRecord) -> None:
    found = changed(suite, lambda steps: [s for s in steps if s.labels.get("test") != "xsr"])
    assert found.faults == ("the xsr test was asked for and has no steps",)


def wipc_gap(steps: list[StepRecord]) -> list[StepRecord]:
    """The second thread begins one block late."""
    first = of(steps, phase="wipc")[0]
    beside = [dict(job) for job in first.step["beside"]]
    beside[0]["offset"] += 131072
    beside[0]["span"] -= 131072
    return [msgspec.structs.replace(s, step={**s.step, "beside": beside}) if s is first else s for s in steps]


def wipc_overlap(steps: list[StepRecord]) -> list[StepRecord]:
    """All threads begin at the start."""
    first = of(steps, phase="wipc")[0]
    beside = [{**job, "offset": 0} for job in first.step["beside"]]
    return [msgspec.structs.replace(s, step={**s.step, "beside": beside}) if s is first else s for s in steps]


def wipc_less(steps: list[StepRecord]) -> list[StepRecord]:
    """What was measured is less than what was planned."""
    first = of(steps, phase="wipc")[0]
    assert first.measurement is not None
    write = msgspec.structs.replace(first.measurement.write, bytes=100 * MIB)
    measured = msgspec.structs.replace(first.measurement, write=write)
    return [msgspec.structs.replace(s, measurement=measured) if s is first else s for s in steps]


@pytest.mark.parametrize(
    ("change", "what", "actual"),
    [
        (wipc_gap, "active range that is preconditioned (iops)", "1 times in whole"),
        (wipc_overlap, "active range that is preconditioned (iops)", "1 times in whole"),
        (wipc_less, "bytes of preconditioning (iops)", "356MiB"),
    ],
)
def test_preconditioning_that_does_not_cover_the_range_is_found_out(
    snia_runs: ModuleType, change: Changing, what: str, actual: str
) -> None:
    found = changed(with_cache(snia_runs.perform("snia.iops", snia_runs.device()), "disabled"), change)
    assert found.grade == "ADAPTED"
    assert [(deviation.what, deviation.actual) for deviation in found.deviations] == [(what, actual)]


def measured_for(step: StepRecord, seconds: float) -> StepRecord:
    assert step.measurement is not None
    return msgspec.structs.replace(step, measurement=msgspec.structs.replace(step.measurement, runtime_s=seconds))


@pytest.mark.parametrize(("seconds", "good"), [(60.0, True), (59.0, True), (61.5, True), (58.0, False), (70.0, False)])
def test_elements_are_as_long_as_they_were_measured(suite: RunRecord, seconds: float, good: bool) -> None:
    def change(steps: list[StepRecord]) -> list[StepRecord]:
        chosen = of(steps, phase="round", round=4, block_size=4096)
        return [measured_for(s, seconds) if s in chosen else s for s in steps]

    found = changed(the_test(suite, "iops"), change)
    assert (found.grade == "CONFORMANT") is good
    if not good:
        assert found.deviations[0].what == "length of the elements (iops)"
        assert found.deviations[0].actual.startswith("7 of them otherwise, at worst")


def paused(steps: list[StepRecord]) -> list[StepRecord]:
    """Ten minutes between two steps."""
    return [
        msgspec.structs.replace(s, started=s.started + 600 * (n > 40), ended=s.ended + 600 * (n > 40))
        for n, s in enumerate(steps)
    ]


def unloaded(steps: list[StepRecord]) -> list[StepRecord]:
    """Ten minutes within a step, before its load began."""
    return [
        msgspec.structs.replace(s, started=s.started + 600 * (n > 41), ended=s.ended + 600 * (n > 40))
        for n, s in enumerate(steps)
    ]


@pytest.mark.parametrize("change", [paused, unloaded])
@pytest.mark.parametrize(("engine", "good"), [("fio", False), ("model", True)])
def test_a_pause_is_a_deviation_in_real_time(suite: RunRecord, change: Changing, engine: str, *, good: bool) -> None:
    run = the_test(suite, "iops")
    run.recipe["device_info"] = {**run.recipe["device_info"], "engine": engine}
    found = changed(run, change)
    assert (found.grade == "CONFORMANT") is good
    if not good:
        assert found.deviations[0].what == "pauses between steps (iops)"
        assert "1 otherwise, the longest 10 min 0 s" in found.deviations[0].actual


def test_waits_are_as_long_as_they_were(suite: RunRecord) -> None:
    def change(steps: list[StepRecord]) -> list[StepRecord]:
        return [msgspec.structs.replace(s, ended=s.ended - 1) if s.labels.get("phase") == "idle" else s for s in steps]

    found = changed(the_test(suite, "hir"), change)
    assert "waits of wait state 1 (hir)" in [deviation.what for deviation in found.deviations]


def test_other_threads_than_prescribed_are_a_deviation(suite: RunRecord) -> None:
    found = changed(
        the_test(suite, "latency"),
        lambda steps: [with_job(edited(s, queue_depth=2), queue_depth=2) if s.job else s for s in steps],
    )
    (deviation,) = found.deviations
    assert (deviation.what, deviation.required, deviation.actual) == (
        "threads / queue depth (latency)",
        "1 / 1",
        "1 / 2",
    )


def test_preconditioning_with_another_demand_than_the_rounds_is_a_deviation(suite: RunRecord) -> None:
    found = changed(
        the_test(suite, "iops"),
        lambda steps: [edited(s, queue_depth=8) if s.labels["phase"] == "wipc" else s for s in steps],
    )
    (deviation,) = found.deviations
    assert (deviation.required, deviation.actual) == ("the same in all phases", "4 / 8, 4 / 32")


def test_a_steady_state_that_was_not_achieved_is_reported_and_is_no_deviation(snia_runs: ModuleType) -> None:
    def rate(labels: dict[str, Any], job: object) -> float:
        return 1000.0 * 2 ** (labels.get("round", 1) % 2)

    run = snia_runs.perform("snia.iops", snia_runs.device(), rate)
    found = classed(with_cache(run, "disabled"))
    assert found.grade == "CONFORMANT"
    assert found.notes == ("iops: steady state was not achieved within 25 rounds",)


def test_a_logical_block_of_4_kib_is_a_deviation_with_what_is_left(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.pts", snia_runs.device(logical=4096), tests="latency,cbw")
    found = classed(with_cache(run, "disabled"))
    assert found.grade == "ADAPTED"
    assert [d.what for d in found.deviations] == [
        "block sizes, with a logical block of 4096 B (latency)",
        "block sizes, with a logical block of 4096 B (cbw)",
    ]
    assert (found.deviations[0].required, found.deviations[0].actual) == ("8KiB, 4KiB, 512B", "8KiB, 4KiB")
    assert found.deviations[1].actual == "4KiB, 8KiB, 16KiB, 32KiB, 64KiB"


@pytest.mark.parametrize("status", ["ABORTED", "ERROR", "INTERRUPTED"])
def test_a_run_that_did_not_complete_is_invalid(suite: RunRecord, status: str) -> None:
    header = msgspec.structs.replace(suite.header, status=status, reason="the cable was pulled")
    found = classed(msgspec.structs.replace(suite, header=header))
    assert found.grade == "INVALID"
    assert found.faults == (f"the run ended {status}: the cable was pulled",)


def test_failed_ios_and_failed_steps_make_it_invalid(suite: RunRecord) -> None:
    steps = list(suite.steps)
    assert steps[8].measurement is not None
    steps[8] = msgspec.structs.replace(
        steps[8], measurement=msgspec.structs.replace(steps[8].measurement, errors={"EIO": 3})
    )
    steps[9] = msgspec.structs.replace(steps[9], status="ERROR", measurement=None)
    steps[10] = msgspec.structs.replace(steps[10], measurement=None)
    faults = classed(msgspec.structs.replace(suite, steps=steps)).faults[:3]
    assert "had failed I/Os: 3 EIO" in faults[0]
    assert faults[1].endswith("ended ERROR")
    assert faults[2].endswith("has no measurement")


def test_another_device_at_the_end_than_at_the_start_makes_it_invalid(suite: RunRecord) -> None:
    provenance = {"device_start": {"serial": "A1", "model": "X"}, "device_end": {"serial": "B2", "model": "X"}}
    found = classed(msgspec.structs.replace(suite, provenance=provenance))
    assert found.faults == ("the device's serial changed from A1 to B2",)


@pytest.mark.parametrize(("kernel", "grade"), [("write through", "CONFORMANT"), ("write back", "ADAPTED")])
def test_the_kernels_word_counts_where_the_device_says_nothing(snia_runs: ModuleType, kernel: str, grade: str) -> None:
    run = snia_runs.perform("snia.latency", snia_runs.device())
    run = msgspec.structs.replace(run, provenance={"device_start": {"write_cache": kernel}})
    assert classed(run).grade == grade


def test_that_a_run_was_resumed_is_noted(suite: RunRecord) -> None:
    found = classed(msgspec.structs.replace(suite, notes=["the run was interrupted and is resumed here", "else"]))
    assert found.notes == ("the run was interrupted and is resumed here",)


def test_a_run_that_follows_no_specification_has_nothing_to_conform_to(sample_runs: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_run(path, sample_runs.record("file:t.bin?size=1GiB", sample_runs.sweep_steps(1000)))
    with open_run(path) as run, pytest.raises(InputError, match=r"a\.h5 follows no specification"):
        conformance_of(run)
