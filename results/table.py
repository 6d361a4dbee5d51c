"""The tidy view: one row per step, direction and metric, each with its unit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .measurement import Direction, Fidelity, Latency, Measurement, jain_index
from .record import StepRecord


class Row(msgspec.Struct, frozen=True):
    """One number of a run."""

    step: int
    kind: str
    label: str
    direction: str
    """read, write, trim, sync, all, or device for what an emulated device counted."""
    metric: str
    value: float
    unit: str


def rows_of(steps: Iterable[StepRecord]) -> list[Row]:
    """Give the rows of every measured step; a percentile that its samples cannot support has no row."""
    return [
        Row(step.index, step.kind, step.label, direction, metric, float(value), unit)
        for step in steps
        if step.measurement is not None
        for direction, metric, value, unit in metrics_of(step.measurement)
    ]


def metrics_of(measurement: Measurement) -> Iterator[tuple[str, str, float, str]]:
    """Yield direction, metric, value and unit of everything a measurement says in single numbers."""
    used: list[tuple[str, Direction]] = [
        (name, direction)
        for name, direction in (("read", measurement.read), ("write", measurement.write), ("trim", measurement.trim))
        if direction.ios
    ]
    for name, direction in used:
        yield name, "ios", direction.ios, "1"
        yield name, "bytes", direction.bytes, "B"
        yield name, "iops", direction.iops, "1/s"
        yield name, "bandwidth", direction.bandwidth, "B/s"
        yield from _latency_metrics(name, direction.latency)
    if measurement.sync.samples:
        yield from _latency_metrics("sync", measurement.sync)
    yield "all", "iops", measurement.iops, "1/s"
    yield "all", "bandwidth", measurement.bandwidth, "B/s"
    if measurement.read.ios and measurement.write.ios:
        yield from _latency_metrics("all", measurement.latency)
    yield "all", "runtime", measurement.runtime_s, "s"
    yield "all", "user_cpu", measurement.processor.user_percent, "%"
    yield "all", "system_cpu", measurement.processor.system_percent, "%"
    yield "all", "errors", sum(measurement.errors.values()), "1"
    yield from _client_metrics(measurement)
    for name, quantity in measurement.device.items():
        yield "device", name, quantity.value, quantity.unit
    if measurement.fidelity is not None:
        yield from _fidelity_metrics(measurement.fidelity)


def _latency_metrics(direction: str, latency: Latency) -> Iterator[tuple[str, str, float, str]]:
    summary = latency.summary()
    yield direction, "samples", summary.pop("samples") or 0, "1"
    for name, value in summary.items():
        if value is not None:
            yield direction, f"latency_{name}", value, "ns"


def _fidelity_metrics(fidelity: Fidelity) -> Iterator[tuple[str, str, float, str]]:
    yield "device", "emulation_floor", fidelity.floor_ns, "ns"
    yield "device", "emulation_error_p50", fidelity.error_p50_ns, "ns"
    yield "device", "emulation_error_p99", fidelity.error_p99_ns, "ns"
    yield "device", "emulation_late", fidelity.late_fraction, "1"
    if fidelity.steal_percent is not None:
        yield "device", "emulation_steal", fidelity.steal_percent, "%"
    for direction, latency in (("read", fidelity.read), ("write", fidelity.write)):
        for name, value in latency.summary().items():
            if latency.samples and value is not None and name != "samples":
                yield direction, f"model_latency_{name}", value, "ns"


def _client_metrics(measurement: Measurement) -> Iterator[tuple[str, str, float, str]]:
    clients = measurement.clients
    if len(clients.name) < 2:
        return
    rates = [read + write for read, write in zip(clients.read_iops, clients.write_iops, strict=True)]
    fairness = jain_index(rates)
    if fairness is not None:
        yield "all", "jain_index", fairness, "1"
    yield "all", "slowest_client_iops", min(rates), "1/s"
    yield "all", "fastest_client_iops", max(rates), "1/s"
    for direction, column in (("read", clients.read_p99_ns), ("write", clients.write_p99_ns)):
        known = [value for value in column if value is not None]
        if known:
            yield direction, "worst_client_latency_p99", max(known), "ns"
