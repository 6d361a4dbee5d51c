"""The dry run: time and bytes, what is destructive, and plans that do not behave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import DeviceInfo
from storbench.workloads.base import API_VERSION, Parameters
from storbench.workloads.dry_run import ASSUMED_BANDWIDTH, DryRun, dry_run
from storbench.workloads.fio_file import parse_fio_file
from storbench.workloads.job import Job
from storbench.workloads.steps import Idle, Measure, Note, Plan, Precondition

MIB = 1 << 20


class Scripted:
    """A workload whose plan is a function."""

    name = "scripted"
    summary = "for tests"
    api_version = API_VERSION
    parameters = Parameters

    def __init__(self, script: Callable[[DeviceInfo], Plan]) -> None:
        self._script = script

    def plan(self, device: DeviceInfo, parameters: Parameters) -> Plan:  # noqa: ARG002
        return self._script(device)


def rehearse(script: Callable[[DeviceInfo], Plan], *, size: int = 100 * MIB, blank: bool = False) -> DryRun:
    return dry_run(Scripted(script), DeviceInfo("file:t.bin", "file", size, 512, blank), Parameters())


def test_times_are_known_by_duration_and_guessed_by_bytes() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Note("hello")
        yield Idle("rest", 2.0)
        yield Measure("timed", Job(duration=5.0, ramp=1.0))
        yield Precondition("fill", Job(pattern="sequential", read_fraction=0.0))

    found = rehearse(plan)
    assert [step.kind for step in found.steps] == ["note", "idle", "measure", "precondition"]
    assert [step.seconds for step in found.steps] == [0.0, 2.0, 6.0, 100 * MIB / ASSUMED_BANDWIDTH]
    assert [step.seconds_guessed for step in found.steps] == [False, False, False, True]
    assert found.seconds == sum(step.seconds for step in found.steps)
    assert (found.steps[3].bytes_written, found.steps[3].bytes_guessed) == (100 * MIB, False)


def test_bytes_by_time_are_a_guess_within_the_rate() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Measure("fast", Job(duration=10.0, read_fraction=0.0))
        yield Measure("slow", Job(duration=10.0, read_fraction=0.0, rate_iops=100.0, block_size=4096))
        yield Measure("mixed", Job(duration=10.0, read_fraction=0.75), (Job(duration=10.0, read_fraction=1.0),))

    found = rehearse(plan)
    assert [step.bytes_written for step in found.steps] == [2_000_000_000, 4_096_000, 250_000_000]
    assert all(step.guess for step in found.steps)


def test_pauses_bound_what_is_written_and_trims_write_nothing() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Measure(
            "bursts", Job(duration=10.0, read_fraction=0.0, block_size=MIB, think_time=1.0, think_every=2, jobs=3)
        )
        yield Measure("trims", Job(duration=10.0, read_fraction=0.0, trim=True, block_size=MIB))

    found = dry_run(Scripted(plan), DeviceInfo("block:/dev/x", "block", 100 * MIB), Parameters())
    assert [step.bytes_written for step in found.steps] == [10 * 3 * 2 * MIB, 0]
    assert found.destructive


def test_what_is_a_file_to_fio_is_not_trimmed() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Measure("trims", Job(duration=1.0, read_fraction=0.0, trim=True))

    with pytest.raises(InputError, match="cannot be trimmed"):
        rehearse(plan)


def test_only_writes_to_what_had_contents_are_destructive() -> None:
    def reads(_: DeviceInfo) -> Plan:
        yield Measure("reads", Job(duration=1.0))

    def writes(_: DeviceInfo) -> Plan:
        yield Measure("writes", Job(duration=1.0, read_fraction=0.0))

    assert (rehearse(reads).writes, rehearse(reads).destructive) == (False, False)
    assert (rehearse(writes).writes, rehearse(writes).destructive) == (True, True)
    assert (rehearse(writes, blank=True).writes, rehearse(writes, blank=True).destructive) == (True, False)


def test_a_plan_that_waits_for_a_steady_state_finds_one() -> None:
    def plan(_: DeviceInfo) -> Plan:
        rates: list[float] = []
        while len(rates) < 5 or max(rates[-5:]) > 1.2 * min(rates[-5:]):
            outcome = yield Measure(f"round {len(rates)}", Job(duration=1.0, read_fraction=0.5))
            assert outcome.measurement is not None
            rates.append(outcome.measurement.write.iops)
        assert rates[0] > 0

    assert len(rehearse(plan).steps) == 5


def test_a_plan_without_an_end_is_refused() -> None:
    def plan(_: DeviceInfo) -> Plan:
        while True:
            yield Note("again")

    with pytest.raises(InputError, match="did not end after 10,000 steps"):
        rehearse(plan)


def test_a_plan_that_fails_is_named_and_not_a_traceback() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Note("fine")
        raise ZeroDivisionError("oh")

    with pytest.raises(InputError, match="'scripted' failed while planning: ZeroDivisionError: oh"):
        rehearse(plan)


def test_a_plan_is_checked_to_its_last_step() -> None:
    def plan(_: DeviceInfo) -> Plan:
        yield Note("fine")
        yield Measure("big", Job(block_size=1024 * MIB))

    with pytest.raises(InputError, match="step 'big': block size 1GiB"):
        rehearse(plan)


def test_a_plan_is_closed_whatever_happens() -> None:
    closed = []

    def plan(_: DeviceInfo) -> Plan:
        try:
            yield Measure("big", Job(block_size=1024 * MIB))
        finally:
            closed.append(True)

    with pytest.raises(InputError):
        rehearse(plan)
    assert closed == [True]


def test_the_cap_and_the_loops_of_a_fio_file_count() -> None:
    workload = parse_fio_file("t.fio", "[a]\nrw=write\nloops=4\n[b]\nstonewall\nrw=write\nruntime=100ms\n")
    found = dry_run(workload, DeviceInfo("file:t", "file", 100 * MIB, 512, False), workload.parameters())
    assert found.steps[0].bytes_written == 400 * MIB
    assert found.steps[1].seconds == pytest.approx(0.1)
