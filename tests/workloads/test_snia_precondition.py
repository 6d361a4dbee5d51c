"""Preconditioning writes the whole active range, nothing twice and nothing left out, whatever the thread count."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.common.parameters import parse_parameters
from storbench.workloads.job import Job
from storbench.workloads.registry import find_workload
from storbench.workloads.snia.precondition import passes, slices_of, wipc
from storbench.workloads.snia.setup import Setup
from storbench.workloads.steps import Precondition, jobs_of

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def wipc_steps(setup: Setup, block: int) -> list[Precondition]:
    return [step for step in wipc(setup, setup.load(block, 0, "sequential")) if isinstance(step, Precondition)]


def setup_of(snia_runs: ModuleType, size: int, logical: int = 512, **given: object) -> Setup:
    workload = find_workload("snia.iops")
    parameters = parse_parameters(workload.parameters, given, "")
    return Setup.of(snia_runs.device(size, logical=logical), parameters, "iops")


@given(
    st.integers(1 << 15, 1 << 20),
    st.sampled_from([512, 4096]),
    st.integers(1, 40),
    st.sampled_from([0.75, 1.0, 0.333]),
    st.sampled_from([128 * KIB, MIB, 96 * KIB]),
)
@settings(deadline=None)
def test_each_pass_writes_every_block_once(
    snia_runs: ModuleType, blocks: int, logical: int, threads: int, share: float, block: int
) -> None:
    setup = setup_of(snia_runs, blocks * logical, logical, threads=threads, active_range=share)
    steps = wipc_steps(setup, block)
    for number in (1, 2):
        jobs = [job for step in steps if step.labels["pass"] == number for job in jobs_of(step)]
        end = 0
        for offset, span in sorted((job.offset, job.span or 0) for job in jobs):
            assert offset == end
            end += span
        assert end == setup.active_bytes
        assert all(job.bytes == job.span and job.duration is None and job.jobs == 1 for job in jobs)
        assert all(job.span is not None and job.span % job.block_size == 0 for job in jobs)
    assert {step.labels["pass"] for step in steps} == {1, 2}
    for step in steps:
        for job in jobs_of(step):
            job.check_against(setup.device.size, logical)


@given(st.integers(1, 1 << 44), st.sampled_from([128 * KIB, MIB]), st.integers(1, 64))
def test_slices_are_few_even_and_whole(size: int, block: int, threads: int) -> None:
    slices = list(slices_of(size, block, threads))
    assert len(slices) <= 32
    regions = sorted(region for one in slices for region in one)
    end = 0
    for offset, span in regions:
        assert offset == end
        assert span % block == 0
        end += span
    assert end == size // block * block
    spans = [span for _, span in regions]
    if size >= 64 * threads * block:
        assert max(spans) - min(spans) <= block


def test_every_thread_goes_on_where_it_was(snia_runs: ModuleType) -> None:
    setup = setup_of(snia_runs, 256 * GIB, threads=3)
    first_pass = [step for step in wipc_steps(setup, 128 * KIB) if step.labels["pass"] == 1]
    assert len(first_pass) > 1
    for thread in range(3):
        parts: list[Job] = [jobs_of(step)[thread] for step in first_pass if step.labels["slice"]]
        for before, after in pairwise(parts):
            assert before.offset + (before.span or 0) == after.offset


def test_a_large_device_is_written_in_slices_that_can_be_resumed(snia_runs: ModuleType) -> None:
    assert len(wipc_steps(setup_of(snia_runs, 64 * MIB), 128 * KIB)) == 2
    assert len(wipc_steps(setup_of(snia_runs, 256 * GIB), 128 * KIB)) == 16
    assert len(wipc_steps(setup_of(snia_runs, 8192 * GIB), 128 * KIB)) == 64


@pytest.mark.parametrize(("factor", "written"), [(2.0, [1024, 1024]), (0.5, [512]), (1.75, [1024, 768 // 512 * 512])])
def test_a_broken_factor_ends_with_a_part_of_a_pass(factor: float, written: list[int]) -> None:
    assert passes(1024, factor) == written


def test_a_range_without_a_block_for_every_thread_is_refused_before_the_first_step(snia_runs: ModuleType) -> None:
    workload = find_workload("snia.iops")
    parameters = parse_parameters(workload.parameters, {"threads": "64"}, "")
    with pytest.raises(InputError, match="128KiB for each of 64 threads, the active range has 4MiB"):
        workload.plan(snia_runs.device(4 * MIB), parameters)
