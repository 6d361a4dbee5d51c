"""IOPS and latency over whichever label was swept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ..results.measurement import Direction, Latency, Measurement
from ..results.run_file import StepView
from .chart_data import Block, Figure, Key, keys_of, rounded
from .charts import DATA, Axis, Style, sweep_chart
from .names import DIRECTIONS, NamedRun, group_keys, label_phrase, label_title, label_value
from .sections import Panel, Section

STYLES = (Style("p50", "p50", 0), Style("p99", "p99", 1), Style("p99.9", "p99.9", 2))
_PERCENTS = (50.0, 99.0, 99.9)

_JOB_FIELDS = ("queue_depth", "block_size", "read_fraction", "jobs", "fsync_every", "rate_iops")
"""What is looked at where the steps carry no labels, as in imported runs."""

_PREFERRED = ("queue_depth", "clients", "jobs", "block_size", "read_fraction", "fsync_every")
_MOST_COMBINATIONS = 8
"""Several runs draw one row of charts for each combination of the other labels; the tables have the rest."""

_LOG_FROM = 50.0
"""A ratio of the largest to the smallest rate above which a linear axis would hide the small ones."""


class Point(msgspec.Struct, frozen=True):
    """One measured step, with what varies."""

    run: NamedRun
    step: StepView
    labels: dict[str, Any]
    measurement: Measurement


def points_of(runs: Sequence[NamedRun]) -> list[Point]:
    """Give every measured step of every run with its labels; job fields stand in where no step has any."""
    found = [(run, step) for run in runs for step in run.run.measured]
    labelled = any(step.labels for _, step in found)
    return [
        Point(run, step, step.labels if labelled else _of_job(step), measurement)
        for run, step in found
        if (measurement := step.measurement) is not None
    ]


def _of_job(step: StepView) -> dict[str, Any]:
    return {name: step.job[name] for name in _JOB_FIELDS if step.job.get(name) is not None}


def choose_label(points: Sequence[Point]) -> str | None:
    """Pick the numeric label with most values, None where nothing numeric varies."""
    values = _values(points)
    numeric = {n: v for n, v in values.items() if len(v) > 1 and all(_is_number(value) for value in v)}
    rank = {name: index for index, name in enumerate(_PREFERRED)}
    return min(numeric, key=lambda n: (-len(numeric[n]), rank.get(n, len(rank)), n), default=None)


def other_labels(points: Sequence[Point], label: str) -> list[str]:
    """Give the labels that vary beside `label`: neither constant nor just another name for it."""
    others = []
    for name, values in _values(points).items():
        if name == label or len(values) < 2:
            continue
        for_each: dict[Any, set[Any]] = defaultdict(set)
        for point in points:
            if label in point.labels:
                for_each[point.labels[label]].add(point.labels.get(name))
        if any(len(found) > 1 for found in for_each.values()):
            others.append(name)
    return others


def sweep_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where nothing was measured. A sweep of nothing shows the steps side by side."""
    points = points_of(runs)
    if not points:
        return None
    label = choose_label(points)
    if label is None:
        return _steps_section(runs, points)
    swept = [point for point in points if label in point.labels]
    others = other_labels(swept, label)
    combinations = list(dict.fromkeys(_combination(point, others) for point in swept))
    values = sorted({point.labels[label] for point in swept})
    spread = values[0] > 0 and values[-1] / values[0] >= 8
    axis = Axis(label_title(label), "log" if spread else "linear", {str(v): label_value(label, v) for v in values})
    remarks = []
    if len(swept) < len(points):
        remarks.append(f"{len(points) - len(swept)} steps have no {label_title(label)}; they are in the tables.")
    if len(runs) > 1 and len(combinations) > _MOST_COMBINATIONS:
        remarks.append(f"Charts for {_MOST_COMBINATIONS} of {len(combinations)} combinations; the tables have all.")
        combinations = combinations[:_MOST_COMBINATIONS]
    builder = _Builder(runs, swept, axis, lambda point: point.labels[label])
    section = builder.section(combinations, lambda point: _combination(point, others))
    return msgspec.structs.replace(section, title=f"IOPS and latency by {axis.title}", remarks=remarks)


def _steps_section(runs: Sequence[NamedRun], points: Sequence[Point]) -> Section:
    axis = Axis("step", "steps", {point.step.label: point.step.label for point in points})
    section = _Builder(runs, points, axis, lambda point: point.step.label).section([""], lambda point: "")
    return msgspec.structs.replace(section, title="IOPS and latency by step")


_Found = list[tuple[Point, Direction | None, Latency]]
_Lines = dict[str, _Found]
"""Key to what has its colour."""


def _by_line(lines: _Lines) -> Iterator[tuple[str, str, _Found]]:
    """Take repeats apart, which have the same colour but are lines of their own."""
    for key, found in lines.items():
        for line in dict.fromkeys(point.run.line for point, _, _ in found):
            yield key, line, [entry for entry in found if entry[0].run.line == line]


class _Builder:
    """Sorts points into charts: several runs are told apart by colour; a single run colours its combinations."""

    def __init__(self, runs: Sequence[NamedRun], points: Sequence[Point], axis: Axis, x_of: Any) -> None:
        self._runs = runs
        self._points = points
        self._axis = axis
        self._x_of = x_of
        self._datasets: dict[str, list[Block]] = {}

    def section(self, combinations: Sequence[str], combination_of: Any) -> Section:
        single = len(self._runs) == 1
        several = len(combinations) > 1
        keys = keys_of("set", combinations) if single and several else group_keys(self._runs)
        by_name = {key.name: key.id for key in keys}
        groups = [""] if single or not several else combinations
        panels = []
        for combination in groups:
            for direction, title in DIRECTIONS.items():
                chosen = [p for p in self._points if not combination or combination_of(p) == combination]
                lines: _Lines = defaultdict(list)
                for point in chosen:
                    if (found := _of_direction(point.measurement, direction)) is not None:
                        name = combination_of(point) if single and several else point.run.group.name
                        if name in by_name:
                            lines[by_name[name]].append((point, *found))
                if lines:
                    words = f"{title}, {combination}" if combination else title
                    panels.append(self._panel(words, direction, lines, keys))
        return Section(
            "sweep",
            "",
            "Latency is from submission to completion of each I/O. A percentile with fewer than ten samples beyond it"
            " is not drawn.",
            keys,
            STYLES,
            panels,
            self._datasets,
        )

    def _panel(self, title: str, direction: str, lines: _Lines, keys: Sequence[Key]) -> Panel:
        number = len(self._datasets) // 2
        rates, latencies = f"rates-{number}", f"latencies-{number}"
        self._datasets[rates] = list(self._rates(lines))
        self._datasets[latencies] = list(self._latencies(lines))
        plain = self._axis.kind == "steps"
        names = {v: text if plain else f"{self._axis.title} {text}" for v, text in self._axis.names.items()}
        figures = []
        if direction != "sync":
            known = [float(y) for block in self._datasets[rates] for y in block.columns["y"] if _is_number(y) and y]
            log = bool(known) and max(known) / min(known) > _LOG_FROM
            chart = sweep_chart(self._axis, keys, (), "iops", log=log, lines=len(self._runs))
            figures.append(
                Figure(
                    f"sweep-{rates}",
                    "IOPS",
                    f"{title}: I/Os per second by {self._axis.title}",
                    chart,
                    {DATA: rates},
                    "x",
                    "y",
                    "label",
                    "iops",
                    names,
                )
            )
        chart = sweep_chart(self._axis, keys, STYLES, "latency", log=True, lines=len(self._runs))
        figures.append(
            Figure(
                f"sweep-{latencies}",
                "Latency",
                f"{title}: latency percentiles by {self._axis.title}",
                chart,
                {DATA: latencies},
                "x",
                "y",
                "label",
                "latency",
                names,
            )
        )
        return Panel(title, figures)

    def _rates(self, lines: _Lines) -> Iterator[Block]:
        for key, line, found in _by_line(lines):
            kept = [(self._x_of(point), direction.iops) for point, direction, _ in found if direction is not None]
            kept.sort(key=lambda pair: pair[0] if _is_number(pair[0]) else 0)
            yield Block(
                {"key": key, "run": line, "style": ""},
                {"x": [x for x, _ in kept], "y": [rounded(iops, 5) for _, iops in kept]},
            )

    def _latencies(self, lines: _Lines) -> Iterator[Block]:
        for key, line, found in _by_line(lines):
            values = [(self._x_of(point), latency.percentiles(_PERCENTS)) for point, _, latency in found]
            values.sort(key=lambda pair: pair[0] if _is_number(pair[0]) else 0)
            for index, style in enumerate(STYLES):
                kept = [(x, percentiles[index]) for x, percentiles in values if percentiles[index]]
                if kept:
                    yield Block(
                        {"key": key, "run": line, "style": style.id},
                        {"x": [x for x, _ in kept], "y": [rounded(y, 5) for _, y in kept]},
                    )


def _of_direction(measurement: Measurement, direction: str) -> tuple[Direction | None, Latency] | None:
    if direction == "sync":
        return (None, measurement.sync) if measurement.sync.samples else None
    found: Direction = getattr(measurement, direction)
    return (found, found.latency) if found.ios else None


def _combination(point: Point, names: Sequence[str]) -> str:
    return ", ".join(label_phrase(name, point.labels[name]) for name in names if name in point.labels)


def _values(points: Sequence[Point]) -> dict[str, set[Any]]:
    values: dict[str, set[Any]] = defaultdict(set)
    for point in points:
        for name, value in point.labels.items():
            values[name].add(value)
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
