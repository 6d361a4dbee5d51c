"""Rounds: their order, what is tracked in them, and when they end."""

from __future__ import annotations

from itertools import groupby
from types import ModuleType
from typing import Any

import pytest

from storbench.common.errors import InputError
from storbench.workloads.job import Job
from storbench.workloads.snia.demand import Cell, averages, points_of, possible_mix
from storbench.workloads.snia.editions import edition_named

Labels = dict[str, Any]
KIB, MIB = 1 << 10, 1 << 20
MIXES = [100, 95, 65, 50, 35, 5, 0]
SIZES = [1024 * KIB, 128 * KIB, 64 * KIB, 32 * KIB, 16 * KIB, 8 * KIB, 4 * KIB, 512]


def test_a_round_has_the_mix_outside_and_the_block_size_inside(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.iops", snia_runs.device())
    for _, steps in groupby(snia_runs.steps_with(run, phase="round"), key=lambda step: step.labels["round"]):
        cells = [(step.labels["read_percent"], step.labels["block_size"]) for step in steps]
        assert cells == [(mix, size) for mix in MIXES for size in SIZES]


def test_constant_values_are_steady_after_five_rounds(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.iops", snia_runs.device())
    assert {step.labels["round"] for step in snia_runs.steps_with(run, phase="round")} == {1, 2, 3, 4, 5}
    assert not snia_runs.notes_of(run)


@pytest.mark.parametrize(("size", "percent"), [(4 * KIB, 0), (64 * KIB, 65), (1024 * KIB, 100)])
def test_every_tracked_variable_has_to_be_steady(snia_runs: ModuleType, size: int, percent: int) -> None:
    """One of the three falls for seven rounds; the round after which it was constant for a window decides."""

    def rate(labels: Labels, job: Job) -> float:
        falls = (job.block_size, round(job.read_fraction * 100)) == (size, percent)
        return 10_000.0 * (1 + max(0, 8 - labels["round"]) * falls) if "round" in labels else 10_000.0

    run = snia_runs.perform("snia.iops", snia_runs.device(), rate)
    assert max(step.labels["round"] for step in snia_runs.steps_with(run, phase="round")) == 12


def test_what_is_not_tracked_decides_nothing(snia_runs: ModuleType) -> None:
    def rate(labels: Labels, job: Job) -> float:
        tracked = (job.block_size, job.read_fraction) in [(4 * KIB, 0.0), (64 * KIB, 0.65), (1024 * KIB, 1.0)]
        return 10_000.0 if tracked else 1000.0 + job.seed % 9000

    run = snia_runs.perform("snia.iops", snia_runs.device(), rate)
    assert max(step.labels["round"] for step in snia_runs.steps_with(run, phase="round")) == 5


def unsteady(labels: Labels, job: Job) -> float:
    return 1000.0 * 2 ** (labels.get("round", 1) % 2)


def test_there_are_no_more_rounds_than_allowed_and_the_report_goes_on(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.latency", snia_runs.device(), max_rounds=7)
    assert max(step.labels["round"] for step in snia_runs.steps_with(run, phase="round")) == 5
    run = snia_runs.perform("snia.iops", snia_runs.device(), unsteady, max_rounds=7)
    assert max(step.labels["round"] for step in snia_runs.steps_with(run, phase="round")) == 7
    assert snia_runs.notes_of(run) == ["iops: steady state was not achieved within 7 rounds"]


def test_the_older_edition_tracks_small_writes_only(snia_runs: ModuleType) -> None:
    def rate(labels: Labels, job: Job) -> float:
        return 10_000.0 if (job.block_size, job.read_fraction) == (4 * KIB, 0.0) else unsteady(labels, job)

    device = snia_runs.device()
    older = snia_runs.perform("snia.iops", device, rate, edition="pts-e-1.1", max_rounds=8)
    newer = snia_runs.perform("snia.iops", device, rate, max_rounds=8)
    assert not snia_runs.notes_of(older)
    assert snia_runs.notes_of(newer) == ["iops: steady state was not achieved within 8 rounds"]


def test_a_logical_block_of_4_kib_leaves_small_blocks_out_and_tracks_the_same(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.iops", snia_runs.device(logical=4096))
    cells = [step.labels["block_size"] for step in snia_runs.steps_with(run, phase="round", round=1, read_percent=0)]
    assert cells == SIZES[:-1]
    assert snia_runs.notes_of(run) == ["iops: the logical block is 4KiB: 512B: left out; 4KiB is the smallest"]
    items = {one["item"]: one["value"] for one in run.recipe["specification"]["uncertain"]}
    assert items["iops: blocks of 512B on a logical block of 4KiB"] == "left out; 4KiB is the smallest"


def test_a_device_that_cannot_do_what_is_tracked_is_refused(snia_runs: ModuleType) -> None:
    with pytest.raises(InputError, match="decided on 4KiB at 0 % reads, which this device cannot do"):
        snia_runs.perform("snia.latency", snia_runs.device(logical=8192))


def test_throughput_has_a_purge_and_a_preconditioning_of_its_own_for_each_size(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.throughput", snia_runs.device())
    for part, size in (("128KiB", 128 * KIB), ("1MiB", MIB)):
        steps = snia_runs.steps_with(run, part=part)
        assert [phase for phase, _ in groupby(steps, key=lambda step: step.labels["phase"])] == [
            "purge",
            "wipc",
            "round",
        ]
        assert {step.job["block_size"] for step in steps if step.job} == {size}
        assert [step.labels["read_percent"] for step in steps if step.labels["phase"] == "round"] == [100, 0] * 5
        assert all(step.job["pattern"] == "sequential" for step in steps if step.job)


def test_throughput_can_track_reads_as_well(snia_runs: ModuleType) -> None:
    def rate(labels: Labels, job: Job) -> float:
        return unsteady(labels, job) if job.read_fraction else 1000.0

    device = snia_runs.device()
    assert not snia_runs.notes_of(snia_runs.perform("snia.throughput", device, rate))
    both = snia_runs.perform("snia.throughput", device, rate, throughput_tracked="0,100", max_rounds=6)
    assert len(snia_runs.notes_of(both)) == 2


def test_latency_has_one_io_in_flight_and_captures_what_it_tracked(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.latency", snia_runs.device())
    loads = [step.job for step in run.steps if step.job]
    assert {(job["jobs"], job["queue_depth"]) for job in loads} == {(1, 1)}
    (last,) = snia_runs.steps_with(run, phase="histogram")
    assert last is run.steps[-1]
    assert (last.job["block_size"], last.job["read_fraction"], last.job["duration"]) == (4096, 0.0, 1200.0)


CELLS = [Cell(32, 32, 900.0, 9e6), Cell(32, 1, 700.0, 4e6), Cell(1, 32, 600.0, 3e6), Cell(1, 1, 300.0, 1e6)]


def test_the_three_points_of_a_demand_test() -> None:
    points, within = points_of(CELLS, 5e6)
    assert within
    assert points == {"max": CELLS[1], "mid": CELLS[2], "min": CELLS[3]}


def test_the_limit_itself_is_too_slow_and_without_a_quick_enough_demand_the_quickest_counts() -> None:
    points, within = points_of(CELLS, 1e6)
    assert not within
    assert points["max"] == CELLS[3]


def test_points_come_from_the_averages_over_the_window() -> None:
    rounds = [[Cell(1, 1, iops, 2 * iops)] for iops in (1.0, 2.0, 6.0)]
    assert averages(rounds) == [Cell(1, 1, 3.0, 6.0)]


def test_a_demand_test_writes_before_each_round_and_captures_at_three_points(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.cbw", snia_runs.device(1024 * MIB))
    demand = [32, 16, 8, 6, 4, 2, 1]
    steps = [step for step in run.steps if step.labels.get("round") == 3 and step.labels["phase"] != "precondition"]
    assert [step.labels["phase"] for step in steps] == ["prewrite", *["round"] * 49]
    pairs = [(step.labels["threads"], step.labels["queue_depth"]) for step in steps[1:]]
    assert pairs == [(threads, depth) for threads in demand for depth in demand]
    assert all(step.job["read_fraction"] == 0.4 for step in steps[1:])
    assert (steps[0].job["read_fraction"], steps[0].job["duration"]) == (0.0, 300.0)
    assert steps[1].job["distribution"] == "zoned:50/5:30/15:20/80"
    last = [(step.labels["phase"], step.labels.get("point"), step.job["duration"]) for step in run.steps[-6:]]
    assert last == [(p, w, s) for w in ("max", "mid", "min") for p, s in (("prewrite", 3600.0), ("histogram", 600.0))]


def test_dirth_has_the_one_block_size_and_mix_that_were_chosen(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.dirth", snia_runs.device(), dirth_block_size="16KiB", dirth_read_percent=30)
    rounds = snia_runs.steps_with(run, phase="round")
    assert {(s.job["block_size"], s.job["read_fraction"], s.labels["block_size"]) for s in rounds} == {
        (16 * KIB, 0.3, 16 * KIB)
    }
    assert {step.job["read_fraction"] for step in snia_runs.steps_with(run, phase="prewrite")} == {0.0}


def test_shares_that_a_device_cannot_do_go_to_4_kib() -> None:
    mix = edition_named("pts-e-2.0").cbw.mix
    assert possible_mix(mix, 512) == mix
    shares = {share.size: share.percent for share in possible_mix(mix, 4096)}
    assert shares == {4096: 77, 8192: 10, 16384: 7, 32768: 3, 65536: 3}
