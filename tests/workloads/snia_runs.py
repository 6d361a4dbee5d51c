"""Runs of the SNIA tests on numbers that are made up, by a function that can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from storbench.common.parameters import parse_parameters
from storbench.devices.base import DeviceInfo, Facts
from storbench.results.histogram import Histogram
from storbench.results.measurement import Direction, Latency, Measurement
from storbench.results.record import RunHeader, RunRecord, StepRecord
from storbench.workloads.job import Job
from storbench.workloads.registry import find_workload
from storbench.workloads.steps import Idle, Outcome, Purge, Step, jobs_of

MIB = 1 << 20
PURGED: Facts = {"purge_method": "model made anew", "purge_verified": True, "purge_check": "nothing is mapped"}
Labels = dict[str, Any]
Rate = Callable[[Labels, Job], float]


def device(size: int = 256 * MIB, *, logical: int = 512, scheme: str = "block", engine: str = "fio") -> DeviceInfo:
    return DeviceInfo(f"{scheme}:x", scheme, size, logical, engine=engine)


def constant(labels: Labels, job: Job) -> float:
    """The same IOPS for every job."""
    return 20_000.0


def measured(step: Step, rate: Rate = constant, latency_ns: float = 1e6) -> Measurement:
    """Answer a step: each job at its rate, for its time or until its bytes are done."""
    labels: Labels = dict(getattr(step, "labels", {}))
    reads = writes = read_bytes = write_bytes = seconds = 0.0
    for job in jobs_of(step):
        iops = rate(labels, job)
        size = max(job.block_sizes)
        time = job.duration if job.duration is not None else (job.bytes or 0) / size / iops
        ios = iops * time if job.duration is not None else (job.bytes or 0) / size
        reads += ios * job.read_fraction
        writes += ios * (1 - job.read_fraction)
        read_bytes += ios * job.read_fraction * size
        write_bytes += ios * (1 - job.read_fraction) * size
        seconds = max(seconds, time)
    return Measurement(
        "made up", seconds, _direction(reads, read_bytes, seconds, latency_ns),
        _direction(writes, write_bytes, seconds, latency_ns),
    )  # fmt: skip


def _direction(ios: float, moved: float, seconds: float, latency_ns: float) -> Direction:
    count = round(ios)
    if not count:
        return Direction()
    latency = Latency(Histogram({1000: count}), latency_ns, latency_ns, latency_ns)
    return Direction(count, round(moved), seconds, ios / seconds, moved / seconds, latency)


def perform(
    workload: str, info: DeviceInfo, rate: Rate = constant, *, latency_ns: float = 1e6, **given: object
) -> RunRecord:
    """Carry a workload out on numbers that are made up, and give the whole run."""
    found = find_workload(workload)
    parameters = parse_parameters(found.parameters, given, workload)
    plan = found.plan(info, parameters)
    records: list[StepRecord] = []
    now = 1_772_000_000.0
    step: Step | None = next(plan)
    while step is not None:
        answer = measured(step, rate, latency_ns) if jobs_of(step) else None
        facts = PURGED if isinstance(step, Purge) else {}
        seconds = answer.runtime_s if answer else step.duration if isinstance(step, Idle) else 0.0
        plain = msgspec.json.decode(msgspec.json.encode(step))
        records.append(
            StepRecord(
                len(records), plain["kind"], step.label, plain, "COMPLETED", now, now + seconds,
                measurement=answer, facts=facts,
            )
        )  # fmt: skip
        now += seconds + 0.3
        try:
            step = plan.send(Outcome("COMPLETED", answer, facts=facts))
        except StopIteration:
            step = None
    specified: Any = found
    recipe = {
        "parameters": parameters,
        "device_info": info,
        "specification": specified.specification(info, parameters),
    }
    header = RunHeader("0" * 32, workload, info.url, "COMPLETED", "2026-01-01T00:00:00Z")
    return RunRecord(header, msgspec.json.decode(msgspec.json.encode(recipe)), {"device_start": {}}, records)


def steps_with(run: RunRecord, **labels: object) -> list[StepRecord]:
    """Give the steps that have all these labels."""
    return [step for step in run.steps if labels.items() <= step.labels.items()]


def notes_of(run: RunRecord) -> list[str]:
    """Give the sentences that the plan put into the record."""
    return [step.label for step in run.steps if step.kind == "note"]
