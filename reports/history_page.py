"""A history as one HTML page: what changed, and a chart of each metric with its levels and where they changed."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.units import format_latency
from ..results.history import FoundChange, HistoryFindings, Point, SeriesFindings
from .chart_data import Block, Figure, Key, Value, keys_of, rounded, rounded_all
from .charts import CHANGES, DATA, LEVELS, history_chart
from .history import count_of, date_of, percent_of, short_commit
from .page import render_page
from .sections import Panel, Section

MOST_POINTS = 1500
"""Of one chart, the last ones; a screen has no more columns."""
MOST_CHARTS = 60
"""Those with changes first."""
_FORMATS = {"ns": "latency", "1/s": "iops", "B/s": "bandwidth", "%": "percent"}


def history_html(found: HistoryFindings, name: str) -> str:
    """Give the page as one document. `name` is what the history is called."""
    section = _charts(found)
    times = [point.time for one in found.series for point in one.series.points]
    dates = f"{date_of(min(times))} to {date_of(max(times))}" if found.table.dated else ""
    contents = [("overview", "Changes"), ("metrics", "Metrics"), ("method", "Method")]
    changes = [_row(change, one.series.unit, found) for one in found.series for change in one.changes]
    smaller = [_row(change, one.series.unit, found) for one in found.series for change in one.smaller]
    return render_page(
        "history.html.j2", f"History of {name}", [section], contents, name=name, dates=dates,
        rows=count_of(found.table.rows, "row", "rows"), metrics=count_of(len(found.series), "metric", "metrics"),
        columns=_columns(found), changes=changes, smaller=smaller, skipped=found.skipped, remarks=found.table.remarks,
        settings=found.settings,
    )  # fmt: skip


def _columns(found: HistoryFindings) -> list[tuple[str, bool]]:
    """Give the heads of the table of changes, and whether numbers are below."""
    columns = [("metric", False), ("change", True), ("95 % interval", True), ("commit", False)]
    if found.table.dated:
        columns.append(("date", False))
    return [*columns, ("row", True), ("may be at rows", True), ("before", True), ("after", True)]


def _row(change: FoundChange, unit: str, found: HistoryFindings) -> tuple[str, list[str]]:
    """Give a change's verdict and cells."""
    first, last = change.rows
    low, high = change.interval
    cells = [change.metric, percent_of(change.relative_change), f"{100 * low:+.1f} to {100 * high:+.1f} %",
             short_commit(change.commit)]  # fmt: skip
    if found.table.dated:
        cells.append(date_of(change.time))
    rows = str(first) if first == last else f"{first} to {last}"
    return change.verdict, [*cells, str(change.index), rows, _level(change.before, unit), _level(change.after, unit)]


def _level(value: float, unit: str) -> str:
    if unit == "ns":
        return format_latency(value)
    return f"{value:,.0f}" if 1000 <= value < 1e12 else f"{value:.4g}"


def _charts(found: HistoryFindings) -> Section:
    ordered = sorted(found.series, key=lambda one: not one.changes)[:MOST_CHARTS]
    keys = keys_of("m", [one.series.name for one in ordered])
    figures = []
    datasets: dict[str, list[Block]] = {}
    for number, (one, key) in enumerate(zip(ordered, keys, strict=True)):
        datasets |= _datasets(number, one, key)
        figures.append(_figure(number, one, key, found))
    remarks = []
    if len(ordered) < len(found.series):
        remarks.append(f"{len(found.series) - len(ordered)} metrics without a chart here had no change.")
    if any(len(one.series.points) > MOST_POINTS for one in ordered):
        remarks.append(f"Charts show the last {MOST_POINTS:,} rows; changes were looked for in all.")
    lead = (
        "Each dot is a run, each line the level of a stretch. An upright line is a change, its shade the rows that it "
        "may be at: red for the worse, green for the better, grey below the floor."
    )
    return Section(
        "metrics", "Metrics", lead, panels=[Panel("", figures)], datasets=datasets, remarks=remarks, stacked=True
    )


def _figure(number: int, one: SeriesFindings, key: Key, found: HistoryFindings) -> Figure:
    series = one.series
    y_format = _FORMATS.get(series.unit, "number")
    unit = f", {series.unit}" if series.unit and y_format == "number" else ""
    better = {True: ", higher is better", False: ", lower is better", None: ""}[series.higher_is_better]
    where = " · ".join(text for text in (series.workload, series.device, series.host) if text)
    changes = count_of(len(one.changes), "change", "changes") if one.changes else "no change"
    title = f"{series.name}{unit}{better}{f' · {where}' if where else ''}"
    shown = series.points[-MOST_POINTS:]
    return Figure(
        f"metric-{number}", title, f"{series.name} over {len(shown)} rows, {changes}", history_chart(key, y_format),
        {DATA: f"v{number}", LEVELS: f"l{number}", CHANGES: f"c{number}"}, "x", "y", "label", y_format,
        {str(point.row): _named(point, dated=found.table.dated) for point in shown},
    )  # fmt: skip


def _named(point: Point, *, dated: bool) -> str:
    date = f", {date_of(point.time)}" if dated else ""
    return f"row {point.row}: {short_commit(point.commit)}{date}"


def _datasets(number: int, one: SeriesFindings, key: Key) -> dict[str, list[Block]]:
    points = one.series.points[-MOST_POINTS:]
    first, last = points[0].row, points[-1].row
    levels = one.levels
    ends = [*(row for row, _ in levels[1:]), last + 1]
    stretches = [
        (max(start, first) - 0.5, end - 0.5, rounded(level, 5))
        for (start, level), end in zip(levels, ends, strict=True) if end > first
    ]  # fmt: skip
    changes: list[tuple[FoundChange, str]] = [(change, change.verdict) for change in one.changes]
    changes += [(change, "below the floor") for change in one.smaller]
    marks = [
        (change.index - 0.5, change.rows[0] - 0.5, change.rows[1] - 0.5, color)
        for change, color in changes if change.index > first
    ]  # fmt: skip
    values: dict[str, list[Value]] = {
        "x": [point.row for point in points],
        "y": [*rounded_all([point.value for point in points], 6)],
    }
    return {
        f"v{number}": [Block({"key": key.id}, values)],
        f"l{number}": [Block({}, _by_name(("x", "x2", "y"), stretches))],
        f"c{number}": [Block({}, _by_name(("x", "low", "high", "color"), marks))],
    }


def _by_name(
    names: Sequence[str], rows: Sequence[tuple[float | int | str | None, ...]]
) -> dict[str, list[float | int | str | None]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}
