"""What happened over time: IOPS, bandwidth and tail latency across the steps, and the machine's own telemetry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..results.run_file import Run, StepView
from .chart_data import Block, Figure, Key, bucket_edges, keys_of, reduce_column, rounded_all
from .charts import DATA, MARKS, Style, time_chart
from .names import NamedRun, group_keys
from .sections import Panel, Section

MOST_POINTS = 1000
"""Per line; more than a screen has columns."""

MOST_IN_ALL = 16_000
"""Per section: keeps the page of twenty runs small."""

_MOST_MARKS = 40
_STYLES = (Style("read", "reads", 0), Style("write", "writes", 1))
_METRICS = (
    ("iops", "IOPS", "iops", False),
    ("bandwidth", "Bandwidth", "bandwidth", False),
    ("p99", "p99 latency of each interval", "latency", True),
)

_UNITS = {"%": "percent", "B/s": "bandwidth", "1/s": "iops", "ns": "latency"}
_MOST_TELEMETRY = 8
# fmt: off
_FIRST = (
    "cpu", "user", "system", "iowait", "steal",
    "disk", "device", "read", "write", "temperature", "power", "memory",
)
"""Words by which columns are ordered."""
# fmt: on


def series_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where no step has a series."""
    single = len(runs) == 1
    directions = [d for d in ("read", "write") if any(_moves(step, d) for r in runs for step in r.run.measured)]
    with_series = [run for run in runs if any(step.series for step in run.run.measured)]
    if not with_series or not directions:
        return None
    # With a single run the colour is free to tell reads from writes.
    keys = keys_of("way", [s.name for s in _STYLES if s.id in directions]) if single else group_keys(runs)
    styles = () if single else tuple(s for s in _STYLES if s.id in directions)
    most = min(MOST_POINTS, MOST_IN_ALL // (len(with_series) * len(directions)))
    blocks: list[Block] = []
    banded = False
    for run in runs:
        intervals = sum(len(step.series.get("time_s", ())) for step in run.run.measured)
        for direction in directions:
            color = keys[directions.index(direction) if single else run.group.index].id
            for step in run.run.measured:
                block = _series_block(run, step, direction, color, "" if single else direction, most, intervals)
                if block is not None:
                    blocks.append(block)
                    banded |= "low" in block.columns
    datasets = {"series": blocks, "series-marks": [_marks(with_series[0].run)]}
    few = all(len(block.columns["x"]) <= _FEW for block in blocks)
    figures = []
    for name, title, y_format, log in _METRICS:
        if not any(value is not None for block in blocks for value in block.columns[name]):
            continue
        band = banded and name == "iops"
        spec = time_chart(keys, styles, name, y_format, log=log, band=band, steps=True, points=few, lines=len(runs))
        figures.append(
            Figure(
                f"series-{name}",
                title,
                f"{title} over time",
                spec,
                {DATA: "series", MARKS: "series-marks"},
                "x",
                name,
                "seconds",
                y_format,
            )
        )
    lead = "All steps of a run in a row, from its first step on; a vertical line marks where a step begins"
    lead += "." if single else f", as in {with_series[0].tag}."
    remarks = [_BUCKETS] if banded else []
    return Section(
        "series", "Over time", lead, keys, styles, [Panel("", figures)], datasets, remarks=remarks, stacked=True
    )


_FEW = 5
"""With no more values in a step each is drawn as a point as well."""
_BUCKETS = (
    "Long series are drawn in buckets: the line is the mean, the shade reaches from the lowest to the highest interval;"
    " of p99 the highest is drawn."
)


def telemetry_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where no run has telemetry. A column that never moves is not drawn."""
    found: dict[str, str] = {}
    for run in runs:
        for name, values in run.run.telemetry.items():
            if name != "time_s" and np.nanmax(values, initial=-np.inf) > np.nanmin(values, initial=np.inf):
                found.setdefault(name, run.run.telemetry_units.get(name, ""))
    if not found:
        return None
    ordered = sorted(found, key=_rank)
    keys = group_keys(runs)
    datasets: dict[str, list[Block]] = {}
    figures = []
    most = min(MOST_POINTS, MOST_IN_ALL // (len(runs) * min(len(ordered), _MOST_TELEMETRY)))
    for number, name in enumerate(ordered[:_MOST_TELEMETRY]):
        datasets[f"telemetry-{number}"] = [
            block for run in runs if (block := _telemetry_block(run, name, keys[run.group.index], most))
        ]
        unit = found[name]
        title = name.replace("_", " ")
        title = f"{title}, {unit}" if unit not in (*_UNITS, "", "1") else title
        y_format = _UNITS.get(unit, "number")
        figures.append(
            Figure(
                f"chart-telemetry-{number}",
                title,
                f"{title} over time",
                time_chart(keys, (), "y", y_format, lines=len(runs)),
                {DATA: f"telemetry-{number}"},
                "x",
                "y",
                "seconds",
                y_format,
            )
        )
    left = ordered[_MOST_TELEMETRY:]
    remarks = [f"Also in the run file: {', '.join(left)}."] if left else []
    return Section(
        "telemetry",
        "Telemetry",
        "What the machine did meanwhile, sampled once a second.",
        keys,
        (),
        [Panel("", figures)],
        datasets,
        remarks=remarks,
    )


def _start(run: Run) -> float:
    return min((step.started for step in run.measured), default=0.0)


def _marks(run: Run) -> Block:
    """Give where the steps of a run began; nothing where they would crowd the chart."""
    steps = [step for step in run.measured if step.series]
    steps = steps if len(steps) <= _MOST_MARKS else []
    return Block({}, {"x": [step.started - _start(run) for step in steps], "label": [step.label for step in steps]})


def _moves(step: StepView, direction: str) -> bool:
    values = step.series.get(f"{direction}_iops")
    return values is not None and bool(np.any(values > 0))


def _series_block(
    named: NamedRun, step: StepView, direction: str, key: str, style: str, most: int, intervals: int
) -> Block | None:
    """Give one direction of one step, in as many buckets as its share of the run allows."""
    series = step.series
    if not _moves(step, direction):
        return None
    count = len(series["time_s"])
    edges = bucket_edges(count, count if intervals <= most else max(most * count // intervals, 1))
    time = series["time_s"] + (step.started - _start(named.run))
    iops = series[f"{direction}_iops"]
    columns: dict[str, Any] = {
        "x": rounded_all(reduce_column(time, edges, "mean"), 5),
        "iops": rounded_all(reduce_column(iops, edges, "mean")),
        "bandwidth": rounded_all(reduce_column(_column(series, f"{direction}_bandwidth"), edges, "mean")),
        # The highest of a bucket: a mean of percentiles means nothing.
        "p99": rounded_all(reduce_column(_column(series, f"{direction}_p99_ns"), edges, "max")),
    }
    if len(edges) - 1 < count:
        columns["low"] = rounded_all(reduce_column(iops, edges, "min"))
        columns["high"] = rounded_all(reduce_column(iops, edges, "max"))
    return Block({"key": key, "run": named.line, "style": style, "step": step.label}, columns)


def _column(series: dict[str, NDArray[np.float64]], name: str) -> NDArray[np.float64]:
    return series.get(name, np.full(len(series["time_s"]), np.nan))


def _telemetry_block(named: NamedRun, name: str, key: Key, most: int) -> Block | None:
    telemetry = named.run.telemetry
    values, time = telemetry.get(name), telemetry.get("time_s")
    if values is None or time is None:
        return None
    edges = bucket_edges(len(values), most)
    return Block(
        {"key": key.id, "run": named.line, "style": "", "step": ""},
        {
            "x": rounded_all(reduce_column(time - time[0], edges, "mean"), 5),
            "y": rounded_all(reduce_column(values, edges, "mean")),
        },
    )


def _rank(name: str) -> tuple[int, str]:
    return next((index for index, word in enumerate(_FIRST) if word in name), len(_FIRST)), name
