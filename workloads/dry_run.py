"""The dry run: drive a plan with made-up outcomes and add up what it would do. Pure; nothing is touched or printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from ..common.errors import InputError, StorbenchError
from ..devices.base import DeviceInfo
from ..results.measurement import Direction, Measurement
from .base import Workload
from .job import Job
from .phases import MAX_STEPS, check_step
from .steps import Check, Idle, Outcome, Plan, Purge, Step, faults_of, jobs_of

ASSUMED_BANDWIDTH = 200e6
"""Bytes per second of all jobs of a step together, where time follows from bytes or bytes from time. A guess."""


class PlannedStep(msgspec.Struct, frozen=True):
    """One step that a run would take."""

    kind: str
    label: str
    seconds: float
    bytes_written: int
    """Most that is written; where the step ends by time, what the assumed bandwidth would write in that time."""
    writes: bool
    seconds_guessed: bool = False
    bytes_guessed: bool = False
    jobs: tuple[Job, ...] = ()
    labels: dict[str, str | int | float] = {}

    @property
    def guess(self) -> bool:
        """Whether one of the two numbers rests on the assumed bandwidth."""
        return self.seconds_guessed or self.bytes_guessed


class DryRun(msgspec.Struct, frozen=True):
    """What a run would do."""

    steps: list[PlannedStep]
    seconds: float
    bytes_written: int
    writes: bool
    destructive: bool
    """It writes to a target that had contents before."""
    guess: bool
    faults: frozenset[str] = frozenset()
    """The kinds of fault that it makes."""


def dry_run(workload: Workload, device: DeviceInfo, parameters: Any) -> DryRun:
    """Rehearse a workload on a device. Raises `InputError` for what does not fit and for a plan without an end."""
    rehearsed = _rehearse(workload, device, parameters)
    steps = [_planned(step, device.size) for step in rehearsed]
    writes = any(step.writes for step in steps)
    return DryRun(
        steps,
        sum(step.seconds for step in steps),
        sum(step.bytes_written for step in steps),
        writes,
        writes and not device.blank,
        any(step.guess for step in steps),
        frozenset(fault.kind for step in rehearsed for fault in faults_of(step)),
    )


def _rehearse(workload: Workload, device: DeviceInfo, parameters: Any) -> list[Step]:
    steps: list[Step] = []
    try:
        plan: Plan = workload.plan(device, parameters)
        try:
            step = next(plan, None)
            while step is not None:
                check_step(device, step)
                steps.append(step)
                if len(steps) > MAX_STEPS:
                    raise InputError(
                        f"workload '{workload.name}' did not end after {MAX_STEPS:,} steps",
                        hint="Its plan must end when the outcomes no longer change.",
                    )
                try:
                    step = plan.send(_made_up(step, device.size))
                except StopIteration:
                    step = None
        finally:
            plan.close()
    except StorbenchError:
        raise
    except Exception as error:  # a plug-in's own mistake, which the user has to be told in words
        raise InputError(
            f"workload '{workload.name}' failed while planning: {type(error).__name__}: {error}",
            hint="This is a mistake in the workload, not in what was typed.",
        ) from error
    return steps


def _sized(step: Step, size: int) -> list[Job]:
    """Give a step's jobs with their span in bytes."""
    return [msgspec.structs.replace(job, span=job.span_on(size)) for job in jobs_of(step)]


def _planned(step: Step, size: int) -> PlannedStep:
    kind = str(msgspec.to_builtins(step)["kind"])
    if isinstance(step, Idle):
        return PlannedStep(kind, step.label, step.duration, 0, False, labels=step.labels)
    if isinstance(step, Check):
        filled = (step.writing.span or size) if step.writing.prefill else 0
        loaded = round((step.writing.rate_iops or 0) * step.writing.duration) * step.writing.block_size
        seconds = step.writing.duration + filled / ASSUMED_BANDWIDTH
        return PlannedStep(kind, step.label, seconds, filled + loaded, True, True, True, labels=step.labels)
    if isinstance(step, Purge):
        return PlannedStep(kind, step.label, 0.0, 0, True, labels=step.labels)
    jobs = _sized(step, size)
    if not jobs:
        return PlannedStep(kind, step.label, 0.0, 0, False)
    times = [_seconds(job, len(jobs)) for job in jobs]
    amounts = [_bytes_written(job, len(jobs)) for job in jobs]
    return PlannedStep(
        kind,
        step.label,
        max(seconds for seconds, _ in times),
        sum(count for count, _ in amounts),
        any(job.writes for job in jobs),
        any(guessed for _, guessed in times),
        any(guessed for _, guessed in amounts),
        tuple(jobs),
        getattr(step, "labels", {}),
    )


def _seconds(job: Job, beside: int) -> tuple[float, bool]:
    """Give the time of a job that shares the target with others, and whether it is a guess."""
    if job.duration is not None:
        return job.ramp + job.duration, False
    seconds = _passes(job) / _bandwidth(job, beside)
    limit = re.fullmatch(r"(\d+)us", job.fio_options.get("runtime", ""))
    return job.ramp + (min(seconds, int(limit[1]) / 1e6) if limit else seconds), True


def _bytes_written(job: Job, beside: int) -> tuple[int, bool]:
    share = 1 - job.read_fraction
    if not share or job.trim:
        return 0, False
    if job.duration is None:
        return round(_passes(job) * share), share < 1
    return round(_bandwidth(job, beside) * (job.ramp + job.duration) * share), True


def _passes(job: Job) -> int:
    """Give the bytes that a job without a duration transfers, all its clients together."""
    loops = job.fio_options.get("loops", "1")
    each = job.bytes if job.bytes is not None else job.span or 0
    return each * job.jobs * (int(loops) if loops.isdecimal() else 1)


def _bandwidth(job: Job, beside: int) -> float:
    most, largest = ASSUMED_BANDWIDTH / beside, max(job.block_sizes)
    if job.rate_iops is not None:
        most = min(most, job.rate_iops * largest)
    if job.think_every:
        most = min(most, job.jobs * job.think_every * largest / job.think_time)
    return most


def _made_up(step: Step, size: int) -> Outcome:
    jobs = _sized(step, size)
    if not jobs:
        return Outcome()
    seconds = max(_seconds(job, len(jobs))[0] for job in jobs)
    read = [(job.read_fraction, job) for job in jobs]
    write, trim = ([(1 - job.read_fraction, job) for job in jobs if job.trim == kind] for kind in (False, True))
    reads, writes, trims = (_direction(shares, len(jobs)) for shares in (read, write, trim))
    return Outcome("COMPLETED", Measurement("dry run", seconds, reads, writes, trims))


def _direction(shares: Sequence[tuple[float, Job]], beside: int) -> Direction:
    """Make up a constant load without latencies, so that a plan that waits for a steady state finds one."""
    jobs = [job for share, job in shares if share]
    if not jobs:
        return Direction()
    rates = [(_bandwidth(job, beside) * share, job) for share, job in shares]
    iops = sum(rate / max(job.block_sizes) for rate, job in rates)
    bandwidth = sum(rate for rate, _ in rates)
    seconds = max(_seconds(job, beside)[0] - job.ramp for job in jobs)
    return Direction(round(iops * seconds), round(bandwidth * seconds), seconds, iops, bandwidth)
