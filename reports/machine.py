"""A run as plain JSON values: what `storbench show --json` prints. Its keys are stable; new ones may come.

    schema, run, workload, device, status, verdict, reason, created, ended, engine, storbench, campaign, path, notes
    steps: index, kind, label, status, error, labels, job, beside, started, ended,
           and where something was measured: runtime_s, iops, bandwidth, read, write, trim, sync, clients, cpu, errors
    read, write, trim: ios, bytes, iops, bandwidth, latency_ns
    sync: latency_ns
    latency_ns: samples, mean, min, max, stddev, p1 … p99.99; null where too few samples support a percentile
    clients: count, jain_index, slowest_iops, fastest_iops, worst_read_p99_ns, worst_write_p99_ns

Sizes are in bytes, times in seconds, rates in 1/s, latencies in ns.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ..results.measurement import Clients, Direction, Measurement, jain_index
from ..results.record import SCHEMA
from ..results.run_file import Run, StepView


def run_json(run: Run) -> dict[str, Any]:
    """Give everything about a run but its histograms, series and logs."""
    return {
        "schema": SCHEMA,
        **msgspec.to_builtins(run.header),
        "path": str(run.path),
        "notes": run.notes,
        "steps": [step_json(step) for step in run.steps],
    }


def step_json(step: StepView) -> dict[str, Any]:
    """Give one step."""
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
    return facts if step.measurement is None else {**facts, **_measured(step.measurement)}


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
        "iops": direction.iops,
        "bandwidth": direction.bandwidth,
        "latency_ns": direction.latency.summary(),
    }


def _clients(clients: Clients) -> dict[str, Any]:
    if len(clients.name) < 2:
        return {"count": 1}
    rates = [read + write for read, write in zip(clients.read_iops, clients.write_iops, strict=True)]
    return {
        "count": len(rates),
        "jain_index": jain_index(rates),
        "slowest_iops": min(rates),
        "fastest_iops": max(rates),
        "worst_read_p99_ns": max((v for v in clients.read_p99_ns if v is not None), default=None),
        "worst_write_p99_ns": max((v for v in clients.write_p99_ns if v is not None), default=None),
    }
