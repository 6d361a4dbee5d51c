"""A run as plain JSON values: what `storbench show --json` prints.

The keys are stable: they keep their names and meanings, new ones may come. All are always there, null where there is
nothing to say, except those of a step that was not measured.

    schema            version of the run file's layout
    run               id of the run
    workload, device  name and URL
    status            COMPLETED, ABORTED, ERROR or INTERRUPTED; reason says why
    verdict           PASS, MARGINAL, FAIL or NOT_EVALUATED
    created, ended    ISO 8601, UTC
    storbench, engine versions
    campaign          {id, repeat, repeats, order} of a run that was started together with others, or null
    path              the run file
    notes             what a reader of the numbers must know, in sentences
    steps             a list:
        index, kind, label, status, error
        labels        what varies from step to step: {"queue_depth": 16}
        job           the load, {} for a step without; beside: jobs that ran at the same time
        started, ended                            Unix time
      and where something was measured:
        engine, runtime_s
        iops, bandwidth                           reads and writes together
        read, write, trim                         {ios, bytes, runtime_s, iops, bandwidth, latency_ns}
        sync                                      {latency_ns}
        clients       {count, jain_index, slowest_iops, fastest_iops, worst_read_p99_ns, worst_write_p99_ns}
        cpu           {user_percent, system_percent, context_switches, major_faults, minor_faults}, of one core per job
        errors        failed I/Os by errno name: {"EIO": 3}
        notes         sentences
    latency_ns        {samples, mean, min, max, stddev, p50, p90, p95, p99, p99.9, p99.99, p99.999, p99.9999}

A percentile that fewer than ten samples lie beyond is null. Sizes are in bytes, times in seconds, rates in 1/s,
latencies in ns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..results.faults.analysis import fault_findings
from ..results.measurement import Clients, Direction, Measurement, jain_index
from ..results.run_file import Run, StepView


def run_json(run: Run) -> dict[str, Any]:
    """Give everything about a run but its histograms, series and logs; the keys are listed above."""
    findings = fault_findings(run)
    return {
        "schema": run.header.schema,
        **msgspec.to_builtins(run.header),
        "path": str(run.path),
        "notes": run.notes,
        **({} if findings is None else {"faults": msgspec.to_builtins(findings)}),
        "steps": [step_json(step) for step in run.steps],
    }


def step_json(step: StepView) -> dict[str, Any]:
    """Give one step; the keys are listed above."""
    facts = {
        "index": step.index,
        "kind": step.kind,
        "label": step.label,
        "status": step.status,
        "error": step.error,
        "labels": step.labels,
        "job": step.job,
        "beside": step.step.get("beside") or [],
        "started": step.started,
        "ended": step.ended,
    }
    return facts if step.measurement is None else facts | _measured(step.measurement)


def _measured(measurement: Measurement) -> dict[str, Any]:
    return {
        "engine": measurement.engine,
        "runtime_s": measurement.runtime_s,
        "iops": measurement.iops,
        "bandwidth": measurement.bandwidth,
        "read": _direction(measurement.read),
        "write": _direction(measurement.write),
        "trim": _direction(measurement.trim),
        "sync": {"latency_ns": measurement.sync.summary()},
        "clients": _clients(measurement.clients),
        "cpu": msgspec.to_builtins(measurement.processor),
        "errors": measurement.errors,
        "notes": measurement.notes,
    }


def _direction(direction: Direction) -> dict[str, Any]:
    return {
        "ios": direction.ios,
        "bytes": direction.bytes,
        "runtime_s": direction.runtime_s,
        "iops": direction.iops,
        "bandwidth": direction.bandwidth,
        "latency_ns": direction.latency.summary(),
    }


def _clients(clients: Clients) -> dict[str, Any]:
    """Sum up how evenly the clients were served."""
    rates = [read + write for read, write in zip(clients.read_iops, clients.write_iops, strict=True)]
    return {
        "count": max(len(rates), 1),
        "jain_index": jain_index(rates),
        "slowest_iops": min(rates, default=None),
        "fastest_iops": max(rates, default=None),
        "worst_read_p99_ns": max((value for value in clients.read_p99_ns if value is not None), default=None),
        "worst_write_p99_ns": max((value for value in clients.write_p99_ns if value is not None), default=None),
    }
