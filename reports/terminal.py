"""Runs and comparisons on a terminal: the numbers that matter, fitted to its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from ..common.units import format_bandwidth, format_duration, format_latency, format_rate
from ..results.comparison import ComparedRow, Comparison
from ..results.measurement import Latency, Measurement, jain_index
from ..results.run_file import Run, StepView

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

STATUS_STYLE = {"COMPLETED": "green", "ABORTED": "yellow", "INTERRUPTED": "yellow", "ERROR": "bold red"}
_PERCENTS = (50.0, 99.0, 99.9)
_MANY_CLIENTS = 4
"""From so many on it is worth a line how evenly they are served."""
_WIDEST_COMPARISON = 4
"""Subjects side by side; more of them stand one below the other."""
_SHOWN = ("iops", "bandwidth", "latency_p50", "latency_p99", "latency_p99.9")
_PER_CLIENT = ("jain_index", "worst_client_latency_p99")
"""Shown where the number of clients is what the workload is about."""
_LARGE_BLOCK = 65536
"""From this block size on, bandwidth is what people ask for."""
_NAMES = {"iops": "IOPS", "jain_index": "fairness (Jain)", "worst_client_latency_p99": "worst client's p99"}


def run_summary(run: Run) -> RenderableType:
    """Show one run: what it was, how it ended, each step's rates and latencies, what one must know."""
    from rich.console import Group

    parts: list[RenderableType] = [_heading(run)]
    measured = [(step, step.measurement) for step in run.measured if step.measurement is not None]
    if measured:
        parts += [_results(measured), ""]
    if clients := [(step, m) for step, m in measured if len(m.clients.name) >= _MANY_CLIENTS]:
        parts += [_fairness(clients), ""]
    parts += [_sentence(text, style) for text, style in _remarks(run)]
    return Group(*parts, "")


def comparison_table(comparison: Comparison) -> RenderableType:
    """Show aligned steps side by side, with ratios to the first subject, then what cannot be compared."""
    from rich.console import Group

    rows = [row for row in comparison.rows if _important(row)]
    few = len(comparison.subjects) <= _WIDEST_COMPARISON
    parts: list[RenderableType] = []
    if rows:
        parts.append(_side_by_side(comparison, rows) if few else _one_below_the_other(comparison, rows))
        parts += ["", _sentence(comparison.method, "dim")]
    parts += [_sentence(text, "") for text in comparison.remarks]
    parts += [_sentence(f"Not compared: {text}", "") for text in comparison.unmatched]
    return Group(*parts, "")


def _heading(run: Run) -> Text:
    from rich.text import Text

    header = run.header
    took = ""
    if header.ended:
        seconds = datetime.fromisoformat(header.ended) - datetime.fromisoformat(header.created)
        took = f"took {format_duration(seconds.total_seconds())}"
    host = run.provenance.get("host", {}).get("hostname", "")
    when = datetime.fromisoformat(header.created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    campaign = header.campaign
    repeat = f"repeat {campaign.repeat} of {campaign.repeats}" if campaign and campaign.repeats > 1 else ""
    facts = [fact for fact in (header.engine, host, when, took, repeat) if fact]
    text = Text.assemble(
        (header.workload, "bold"), " on ", (header.device, "bold"), "  ",
        (header.status, STATUS_STYLE.get(header.status, "bold")), "\n", (" · ".join(facts), "dim"),
    )  # fmt: skip
    if header.reason:
        text.append(f"\n{header.reason}", style="red")
    return text


def _results(measured: Sequence[tuple[StepView, Measurement]]) -> Table:
    table = _table("step", "", "IOPS", "bandwidth", "mean", "p50", "p99", "p99.9", "max", left=2)
    for step, measurement in measured:
        label = step.label
        for name, direction in (("read", measurement.read), ("write", measurement.write), ("trim", measurement.trim)):
            if direction.ios:
                rates = [format_rate(direction.iops), format_bandwidth(direction.bandwidth)]
                table.add_row(label, name, *rates, *_latencies(direction.latency))
                label = ""
        if measurement.sync.samples:
            table.add_row(label, "sync", "", "", *_latencies(measurement.sync))
        table.add_section()
    return table


def _latencies(latency: Latency) -> list[str]:
    percentiles = [format_latency(value) for value in latency.percentiles(_PERCENTS)]
    return [format_latency(latency.mean_ns), *percentiles, format_latency(latency.max_ns)]


def _fairness(measured: Sequence[tuple[StepView, Measurement]]) -> Table:
    table = _table("step", "clients", "fairness", "slowest", "fastest", "worst read p99", "worst write p99", left=1)
    for step, measurement in measured:
        clients = measurement.clients
        rates = [read + write for read, write in zip(clients.read_iops, clients.write_iops, strict=True)]
        jain = jain_index(rates)
        worst = [
            format_latency(max((v for v in column if v is not None), default=None))
            for column in (clients.read_p99_ns, clients.write_p99_ns)
        ]
        table.add_row(
            step.label, str(len(rates)), "–" if jain is None else f"{jain:.3f}",
            format_rate(min(rates)), format_rate(max(rates)), *worst,
        )  # fmt: skip
    table.caption = "Fairness is Jain's index: 1 when all clients get the same. Rates are IOPS of one client."
    table.caption_justify = "left"
    return table


def _remarks(run: Run) -> Iterator[tuple[str, str]]:
    for step in run.steps:
        if step.status != "COMPLETED":
            yield f"Step {step.index}, {step.label}, ended as {step.status}: {step.error}", "red"
        elif step.measurement is not None and step.measurement.errors:
            errors = ", ".join(f"{count:,} × {name}" for name, count in step.measurement.errors.items())
            yield f"Step {step.index}, {step.label}: failed I/Os, {errors}. They are not in the latencies.", "red"
    for text in run.notes:
        yield f"Note: {text}", "yellow"
    for text in dict.fromkeys(note for step in run.measured if step.measurement for note in step.measurement.notes):
        yield f"Note: {text}", "yellow"
    if any(_unsupported(step.measurement) for step in run.measured if step.measurement is not None):
        yield "– : fewer than ten samples lie beyond that percentile; measure longer to see it.", "dim"


def _unsupported(measurement: Measurement) -> bool:
    used = [d.latency for d in (measurement.read, measurement.write, measurement.trim) if d.ios]
    used += [measurement.sync] if measurement.sync.samples else []
    return any(None in latency.percentiles(_PERCENTS) for latency in used)


def _important(row: ComparedRow) -> bool:
    if row.metric in _PER_CLIENT:
        return "clients" in row.labels
    if row.metric not in _SHOWN or row.direction == "all":
        return False
    if row.metric == "bandwidth":
        return all(v is None for v in row.values) or _large(row)
    return True


def _large(row: ComparedRow) -> bool:
    """Whether the step's blocks are large; read off its label, since rows know no jobs."""
    size = row.labels.get("block_size")
    return isinstance(size, int) and size >= _LARGE_BLOCK


def _side_by_side(comparison: Comparison, rows: Sequence[ComparedRow]) -> Table:
    reference, *others = [subject.tag for subject in comparison.subjects]
    headings = [part for tag in others for part in (tag, "ratio")]
    table = _table("step", "", reference, *headings, left=2)
    for _, same in groupby(rows, key=lambda row: row.step):
        label = ""
        for number, row in enumerate(same):
            label = row.label if number == 0 else ""
            cells: list[str | Text] = [_value(row, 0)]
            for index in range(1, len(row.values)):
                cells += [_value(row, index), _ratio(row, index)]
            table.add_row(label, _metric(row), *cells)
        table.add_section()
    return table


def _one_below_the_other(comparison: Comparison, rows: Sequence[ComparedRow]) -> Table:
    table = _table("step", "", "subject", "value", "ratio", left=3)
    for _, same in groupby(rows, key=lambda row: row.step):
        for number, row in enumerate(same):
            for index, subject in enumerate(comparison.subjects):
                first = index == 0
                table.add_row(
                    row.label if first and number == 0 else "", _metric(row) if first else "",
                    subject.tag, _value(row, index), _ratio(row, index) if index else "",
                )  # fmt: skip
        table.add_section()
    return table


def _metric(row: ComparedRow) -> str:
    name = _NAMES.get(row.metric, row.metric.removeprefix("latency_").replace("_", " "))
    return name if row.direction == "all" else f"{row.direction} {name}"


def _value(row: ComparedRow, index: int) -> str:
    value = row.values[index]
    if value is None:
        return "–"
    form = {"1/s": format_rate, "B/s": format_bandwidth, "ns": format_latency}.get(row.unit)
    return form(value) if form else f"{value:.3f}"


def _ratio(row: ComparedRow, index: int) -> Text:
    """Show a ratio; in colour only where its interval leaves no doubt on which side of 1 it is."""
    from rich.text import Text

    ratio, interval = row.ratio[index], row.ratio_interval[index]
    if ratio is None:
        return Text("–")
    if interval is None:
        return Text(f"{ratio:.3g}×")
    style = ""
    if interval[0] > 1 or interval[1] < 1:
        style = "green" if (ratio > 1) == row.higher_is_better else "red"
    return Text(f"{ratio:.3g}× [{interval[0]:.3g}, {interval[1]:.3g}]", style=style)


def _table(*headings: str, left: int) -> Table:
    """Make a table whose first `left` columns hold words and the others numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for number, heading in enumerate(headings):
        words = number < left
        table.add_column(
            heading, justify="left" if words else "right", overflow="fold", no_wrap=not words or number == 1
        )
    return table


def _sentence(text: str, style: str) -> RenderableType:
    from rich.text import Text

    return Text(text, style=style)
