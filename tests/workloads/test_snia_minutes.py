"""The tests of one-minute samples: on which the steady state is decided, what else ends them, and what follows."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from storbench.workloads.job import Job

Labels = dict[str, Any]
MIB = 1 << 20
GIB = 1 << 30


def falling(labels: Labels, job: Job) -> float:
    """Never steady: every half hour a tenth less."""
    return 50_000.0 * 0.9 ** (labels.get("minute", 0) / 30)


def test_write_saturation_is_steady_on_samples_31_minutes_apart(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.wsat", snia_runs.device(64 * GIB), lambda labels, job: 500.0)
    minutes = snia_runs.steps_with(run, phase="minute")
    assert [step.labels["minute"] for step in minutes] == list(range(1, 126))
    assert [step.labels["minute"] for step in minutes if "round" in step.labels] == [1, 32, 63, 94, 125]
    assert [step.labels["round"] for step in minutes if "round" in step.labels] == [1, 2, 3, 4, 5]
    assert snia_runs.notes_of(run) == ["wsat: ended after 125 minutes: the writes were steady"]
    assert run.steps[-1].labels["phase"] == "histogram"
    assert run.steps[-1].job["duration"] == 1200.0
    assert not snia_runs.steps_with(run, phase="wipc")


def test_samples_between_do_not_decide(snia_runs: ModuleType) -> None:
    """Constant where it counts, wild everywhere else."""
    run = snia_runs.perform(
        "snia.wsat",
        snia_runs.device(64 * GIB),
        lambda labels, job: 500.0 if "round" in labels else 100.0 + job.seed % 400,
    )
    assert len(snia_runs.steps_with(run, phase="minute")) == 125


def test_four_times_the_capacity_ends_write_saturation(snia_runs: ModuleType) -> None:
    size = 1 << 30
    run = snia_runs.perform("snia.wsat", snia_runs.device(size), lambda labels, job: size / 4096 / 60 / 3 * 1.001)
    assert len(snia_runs.steps_with(run, phase="minute")) == 12
    assert snia_runs.notes_of(run) == [
        "wsat: ended after 12 minutes: 4 times the user capacity was written; steady state was not achieved"
    ]


@pytest.mark.parametrize(("edition", "minutes", "hours"), [("pts-e-2.0", 360, 6), ("pts-e-1.1", 1440, 24)])
def test_time_ends_write_saturation(snia_runs: ModuleType, edition: str, minutes: int, hours: int) -> None:
    run = snia_runs.perform("snia.wsat", snia_runs.device(1 << 50), falling, edition=edition)
    assert len(snia_runs.steps_with(run, phase="minute")) == minutes
    assert f"the limit of {hours} h 0 min was reached; steady state was not" in snia_runs.notes_of(run)[0]


def test_the_older_edition_has_no_capture(snia_runs: ModuleType) -> None:
    for workload in ("snia.wsat", "snia.latency"):
        run = snia_runs.perform(workload, snia_runs.device(), edition="pts-e-1.1")
        assert not snia_runs.steps_with(run, phase="histogram")


def test_idle_recovery_writes_and_waits_in_turn(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.hir", snia_runs.device())
    for wait in (1, 2, 3, 5, 10):
        steps = snia_runs.steps_with(run, wait=wait)
        pairs, baseline = steps[:720], steps[720:]
        assert [(s.labels["phase"], s.labels["repeat"]) for s in pairs] == [
            (phase, repeat) for repeat in range(1, 361) for phase in ("access", "idle")
        ]
        assert {step.job["duration"] for step in pairs[::2]} == {5.0}
        assert {step.step["duration"] for step in pairs[1::2]} == {5.0 * wait}
        assert [(s.labels["phase"], s.labels["minute"]) for s in baseline] == [("minute", m) for m in range(1, 31)]
    assert [step.labels["minute"] for step in snia_runs.steps_with(run, phase="precondition")] == list(range(1, 126))


def test_idle_recovery_goes_on_after_as_many_rounds_of_preconditioning_as_allowed(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.hir", snia_runs.device(), falling, max_rounds=6, hir_repeats=1)
    preconditioning = snia_runs.steps_with(run, phase="precondition")
    assert len(preconditioning) == 5 * 31 + 1
    assert preconditioning[-1].labels["round"] == 6
    assert snia_runs.notes_of(run) == ["hir: steady state of preconditioning was not achieved within 6 rounds"]
    assert snia_runs.steps_with(run, wait=10)


def test_cross_stimulus_goes_there_and_back(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.xsr", snia_runs.device())
    groups = [snia_runs.steps_with(run, group=group) for group in (1, 2, 3)]
    assert [len(steps) for steps in groups] == [480, 360, 480]
    loads = [{(s.job["pattern"], s.job["block_size"], s.job["read_fraction"]) for s in steps} for steps in groups]
    assert loads == [{("sequential", MIB, 0.0)}, {("random", 8192, 0.0)}, {("sequential", MIB, 0.0)}]
    assert {(s.job["jobs"], s.job["queue_depth"]) for steps in groups for s in steps} == {(1, 32)}
    longer = snia_runs.perform("snia.xsr", snia_runs.device(), xsr_durations="6h,380min,6h")
    assert [len(snia_runs.steps_with(longer, group=group)) for group in (1, 2, 3)] == [360, 380, 360]
