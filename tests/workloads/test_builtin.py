"""The builtin workloads, driven with made-up outcomes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.common.parameters import parse_parameters
from storbench.devices.base import DeviceInfo
from storbench.workloads.base import Workload
from storbench.workloads.dry_run import dry_run
from storbench.workloads.randrw import WORKLOAD as RANDRW
from storbench.workloads.sequential import WORKLOAD as SEQUENTIAL
from storbench.workloads.steps import Measure, Outcome, Precondition, Step, jobs_of
from storbench.workloads.update import WORKLOAD as UPDATE
from storbench.workloads.users import WORKLOAD as USERS

MIB = 1 << 20
ALL = [RANDRW, SEQUENTIAL, UPDATE, USERS]


def device(size: int = 256 * MIB, *, blank: bool = True, logical: int = 512) -> DeviceInfo:
    return DeviceInfo("file:t.bin", "file", size, logical, blank)


def steps_of(workload: Workload, info: DeviceInfo, **given: object) -> list[Step]:
    plan = workload.plan(info, parse_parameters(workload.parameters, given, workload.name))
    steps = [next(plan)]
    while True:
        try:
            steps.append(plan.send(Outcome()))
        except StopIteration:
            return steps


def measures_of(workload: Workload, info: DeviceInfo, **given: object) -> list[Measure]:
    return [step for step in steps_of(workload, info, **given) if isinstance(step, Measure)]


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_a_default_run_takes_under_two_minutes(workload: Workload) -> None:
    assert dry_run(workload, device(), workload.parameters()).seconds < 120


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_the_same_inputs_give_the_same_steps(workload: Workload) -> None:
    assert steps_of(workload, device()) == steps_of(workload, device())


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_another_seed_changes_the_seeds_of_the_jobs_and_nothing_else(workload: Workload) -> None:
    def without_seeds(steps: list[Step]) -> list[Any]:
        plain = msgspec.to_builtins(steps)
        for step in plain:
            for job in [step["job"], *step.get("beside", ())]:
                job.pop("seed")
        return list(plain)

    one, two = steps_of(workload, device(), seed=1), steps_of(workload, device(), seed=2)
    assert one != two
    assert without_seeds(one) == without_seeds(two)


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_every_job_of_a_plan_has_a_seed_of_its_own(workload: Workload) -> None:
    seeds = [job.seed for step in steps_of(workload, device()) for job in jobs_of(step)]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_a_block_larger_than_the_target_is_refused_before_the_first_step(workload: Workload) -> None:
    with pytest.raises(InputError, match=r"block|stream"):
        workload.plan(device(1024), parse_parameters(workload.parameters, {"block_size": "4KiB"}, ""))


@pytest.mark.parametrize("workload", ALL, ids=lambda w: w.name)
def test_a_span_larger_than_the_target_is_refused(workload: Workload) -> None:
    with pytest.raises(InputError, match="512MiB"):
        workload.plan(device(), parse_parameters(workload.parameters, {"span": "512MiB"}, ""))


@given(
    st.lists(st.integers(1, 64), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True),
)
def test_randrw_measures_every_combination_once(depths: list[int], shares: list[float], jobs: list[int]) -> None:
    steps = measures_of(RANDRW, device(), queue_depth=depths, read_fraction=shares, jobs=jobs)
    found = [(step.job.read_fraction, step.job.queue_depth, step.job.jobs) for step in steps]
    assert found == [(share, depth, count) for share in shares for depth in depths for count in jobs]
    assert len({step.label for step in steps}) == len(steps)


def test_labels_name_what_is_swept_and_only_that() -> None:
    steps = measures_of(RANDRW, device(), queue_depth="1,16", block_size="4KiB,64KiB")
    assert [step.labels for step in steps][1] == {"block_size": 4096, "queue_depth": 16}
    assert [step.labels for step in measures_of(RANDRW, device(), queue_depth="1")] == [{}]


def test_randrw_fills_a_blank_target_unless_it_only_writes() -> None:
    assert isinstance(steps_of(RANDRW, device())[0], Precondition)
    assert isinstance(steps_of(RANDRW, device(), read_fraction="0")[0], Measure)
    assert isinstance(steps_of(RANDRW, device(blank=False))[0], Measure)


def test_randrw_takes_all_that_a_job_can() -> None:
    (step,) = measures_of(
        RANDRW, device(), queue_depth="8", rate_iops="2K", arrival="poisson", distribution="zipf:1.2", data="zeroes",
        compressible="50", duplicate="10", fsync_every="4", sync_kind="fdatasync", ramp="1s", duration="2s",
        span="64MiB",
    )  # fmt: skip
    job = step.job
    assert (job.rate_iops, job.arrival, job.distribution, job.data) == (2000.0, "poisson", "zipf:1.2", "zeroes")
    assert (job.compressible, job.duplicate, job.fsync_every, job.sync_kind) == (50.0, 10.0, 4, "fdatasync")
    assert (job.ramp, job.duration, job.span) == (1.0, 2.0, 64 * MIB)


@given(st.integers(1, 40), st.sampled_from([4096, 65536, MIB]), st.integers(64, 300))
def test_sequential_streams_never_overlap(jobs: int, block: int, mebibytes: int) -> None:
    size = mebibytes * MIB + 512
    (step,) = measures_of(SEQUENTIAL, device(size), jobs=jobs, block_size=block, queue_depth=1, read_fraction=1.0)
    parts = [(job.offset, job.span_on(size)) for job in jobs_of(step)]
    assert len(parts) == jobs
    for (offset, span), (following, _) in pairwise(parts):
        assert offset + span <= following
    assert parts[-1][0] + parts[-1][1] <= size
    assert all(span >= block for _, span in parts)


def test_more_streams_than_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="less than a block"):
        measures_of(SEQUENTIAL, device(4 * MIB), jobs=8)


def test_streams_share_the_rate() -> None:
    (step,) = measures_of(SEQUENTIAL, device(), jobs=4, rate_iops=1000, queue_depth=1, read_fraction=1.0)
    assert [job.rate_iops for job in jobs_of(step)] == [250.0] * 4
    assert step.label == "seq read 1MiB qd1 x4"


def test_updates_go_to_a_hot_set_of_the_size_that_was_asked_for() -> None:
    (step,) = measures_of(UPDATE, device(100 * MIB), hot_share=0.01, skew=0.95, fsync_every=1, jobs=1)
    assert step.job.distribution == f"zoned_abs:95/{MIB}:5/{99 * MIB}"
    assert (step.job.read_fraction, step.job.fsync_every, step.job.sync_kind) == (0.0, 1, "fdatasync")


@given(st.floats(0.0001, 1), st.integers(0, 100), st.integers(1, 1 << 16))
def test_the_zones_of_updates_cover_the_span(share: float, percent: int, blocks: int) -> None:
    span = (blocks + 1) * 4096
    steps = measures_of(UPDATE, device(span), hot_share=share, skew=percent / 100, fsync_every=1, jobs=1)
    distribution = steps[0].job.distribution
    if distribution != "uniform":
        zones = [part.split("/") for part in distribution.removeprefix("zoned_abs:").split(":")]
        assert sum(int(size) for _, size in zones) == span
        assert sum(int(access) for access, _ in zones) == 100


def test_updates_by_zipf_have_no_hot_set() -> None:
    assert measures_of(UPDATE, device(), zipf_theta=0.9, fsync_every=1, jobs=1)[0].job.distribution == "zipf:0.9"
    with pytest.raises(InputError, match="zipf_theta 1"):
        measures_of(UPDATE, device(), zipf_theta=1)


def test_a_blank_target_has_something_to_update_in_place() -> None:
    assert isinstance(steps_of(UPDATE, device())[0], Precondition)


def test_a_skew_that_fio_cannot_carry_out_is_refused() -> None:
    with pytest.raises(InputError, match="whole percent"):
        measures_of(UPDATE, device(), skew=0.925)


def test_users_keep_one_data_set_for_every_number_of_clients() -> None:
    steps = measures_of(USERS, device())
    assert [step.job.jobs for step in steps] == [1, 4, 16, 64, 256]
    assert {step.job.span for step in steps} == {None}
    assert [step.labels for step in steps][:2] == [{"clients": 1}, {"clients": 4}]
    assert all(not step.beside for step in steps)


def test_a_rate_per_client_grows_with_the_clients() -> None:
    steps = measures_of(USERS, device(), rate_per_client=100, clients="1,8")
    assert [step.job.rate_iops for step in steps] == [100.0, 800.0]
