"""The first screen of the page: what was run, how it ended, the numbers that matter most, devices side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from ..common.units import format_bandwidth, format_duration, format_latency, format_rate
from ..results.measurement import Direction, Latency, Measurement
from ..results.run_file import Run
from .chart_data import Key
from .columns import printable
from .names import DIRECTIONS, NamedRun

TABLE_PERCENTS = (50.0, 99.0, 99.9)
"""The percentiles of the page's tables."""


class Summary(msgspec.Struct, frozen=True):
    """One run in few words and numbers, ready to print."""

    key: Key
    tag: str
    device: str
    extra: str
    workload: str
    status: str
    reason: str
    verdict: str
    when: str
    took: str
    engine: str
    steps: str
    best_iops: str
    best_step: str
    best_latency: list[tuple[str, str]]
    """Direction and p99 at the step of the best IOPS."""
    best_bandwidth: str


class ResultRow(msgspec.Struct, frozen=True):
    """One step and direction of one run, as texts in the order of `RESULT_COLUMNS`."""

    step: str
    direction: str
    values: list[str]


RESULT_COLUMNS = ("IOPS", "Bandwidth", "Mean", "p50", "p99", "p99.9", "Max", "I/Os", "Errors")


def summary_of(named: NamedRun, key: Key) -> Summary:
    """Sum up a run. Its best point is the step with the most I/Os per second, reads and writes together."""
    run, header = named.run, named.run.header
    measured = [(step, step.measurement) for step in run.measured if step.measurement is not None]
    best = max(measured, key=lambda pair: pair[1].iops, default=None)
    planned = [step for step in run.steps if step.kind == "measure"]
    return Summary(
        key,
        named.tag,
        named.device,
        named.extra,
        header.workload,
        header.status,
        printable(header.reason),
        header.verdict,
        _moment(header.created),
        _took(run),
        header.engine,
        f"{len(measured)}" if len(measured) == len(planned) else f"{len(measured)} of {len(planned)}",
        format_rate(best[1].iops) if best else "–",
        best[0].label if best else "",
        [(d, format_latency(p.latency.percentile(99.0))) for d, p in used_directions(best[1])] if best else [],
        format_bandwidth(max(m.bandwidth for _, m in measured)) if measured else "–",
    )


def result_rows(run: Run) -> list[ResultRow]:
    """Give every measured step and direction of a run, syncs included."""
    return [
        ResultRow(step.label, DIRECTIONS[direction], values)
        for step in run.measured
        if step.measurement is not None
        for direction, values in _results(step.measurement)
    ]


def _results(measurement: Measurement) -> Iterator[tuple[str, list[str]]]:
    errors = sum(measurement.errors.values())
    for index, (name, part) in enumerate(used_directions(measurement)):
        yield (
            name,
            [
                format_rate(part.iops),
                format_bandwidth(part.bandwidth),
                *_latency_texts(part.latency),
                f"{part.ios:,}",
                f"{errors:,}" if errors and index == 0 else "",
            ],
        )
    if measurement.sync.samples:
        yield "sync", ["", "", *_latency_texts(measurement.sync), f"{measurement.sync.samples:,}", ""]


def _latency_texts(latency: Latency) -> list[str]:
    if not latency.samples:
        return ["–"] * 5
    percentiles = [format_latency(value) for value in latency.percentiles(TABLE_PERCENTS)]
    return [format_latency(latency.mean_ns), *percentiles, format_latency(latency.max_ns)]


def used_directions(measurement: Measurement) -> list[tuple[str, Direction]]:
    """Give the directions that had I/Os, with their names."""
    parts = (("read", measurement.read), ("write", measurement.write), ("trim", measurement.trim))
    return [(name, part) for name, part in parts if part.ios]


def _moment(iso: str) -> str:
    """Show a time of the file as `2026-03-01 14:05 UTC`; as it is where it is not ISO 8601."""
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return iso


def _took(run: Run) -> str:
    try:
        span = datetime.fromisoformat(run.header.ended) - datetime.fromisoformat(run.header.created)
    except (ValueError, TypeError):
        return "–"
    return format_duration(span.total_seconds())
