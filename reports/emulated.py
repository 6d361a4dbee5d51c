"""What emulated devices did, and how well they were emulated: amplification, wear, energy; floor, errors, steal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ..common.units import format_latency, format_size
from ..results.measurement import Fidelity, Measurement, Quantity
from ..results.run_file import Run, StepView
from .chart_data import Block, Figure, Key, rounded
from .charts import DASHES, DATA, Axis, Style, sweep_chart
from .names import NamedRun, group_keys, label_phrase, label_title, label_value
from .sections import Panel, Section, Table
from .sweep import Point, choose_label, other_labels, points_of

LATE_SHARE = 0.05
"""From this share of late I/Os on, what was measured is not what the model says."""


class DeviceColumn(msgspec.Struct, frozen=True):
    """One quantity of an emulated device, as tables show it."""

    name: str
    title: str


COLUMNS = (
    DeviceColumn("write_amplification", "write amplification"),
    DeviceColumn("host_written", "host wrote"),
    DeviceColumn("media_written", "medium wrote"),
    DeviceColumn("erases", "erases"),
    DeviceColumn("gap_moves", "gap moves"),
    DeviceColumn("wear_mean", "mean wear"),
    DeviceColumn("wear_max", "most wear"),
    DeviceColumn("energy_cells", "cells' energy"),
    DeviceColumn("energy_device", "device energy"),
)
_DRAWN = ("write_amplification", "wear_max")


def device_columns(steps: Sequence[Mapping[str, Quantity]]) -> list[tuple[str, list[str]]]:
    """Give title and texts of every quantity that is not zero in all steps; a text for each step."""
    found = []
    for column in COLUMNS:
        values = [step.get(column.name) for step in steps]
        if any(value is not None and value.value for value in values):
            found.append((column.title, ["–" if value is None else quantity_text(value) for value in values]))
    return found


def quantity_text(quantity: Quantity) -> str:
    """Show a number with its unit."""
    value, unit = quantity.value, quantity.unit
    if unit == "B":
        return format_size(value)
    if unit == "J":
        for factor, name in ((1.0, "J"), (1e-3, "mJ"), (1e-6, "uJ")):
            if abs(value) >= factor:
                return f"{value / factor:.3g} {name}"
        return f"{value * 1e9:.3g} nJ" if value else "0 J"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1e4 else f"{value:,.0f}"


def worn_steps(run: Run) -> list[tuple[StepView, Measurement]]:
    """Give the measured steps in which an emulated device wrote; reads leave nothing to tell."""
    return [
        (step, step.measurement)
        for step in run.measured
        if step.measurement is not None and step.measurement.device and step.measurement.write.ios
    ]


def fidelity_remark(run: Run) -> Iterator[tuple[bool, str]]:
    """Say how well a run's device was emulated in real time; serious where the numbers are the emulator's own."""
    found = [step.measurement.fidelity for step in run.measured if step.measurement and step.measurement.fidelity]
    if not found:
        return
    total = sum(one.ios for one in found)
    late = sum(one.late_fraction * one.ios for one in found) / total if total else 0.0
    p50, p99 = (max(getattr(one, name) for one in found) for name in ("error_p50_ns", "error_p99_ns"))
    steal = [one.steal_percent for one in found if one.steal_percent is not None]
    text = (
        f"Emulated in real time: an I/O alone takes the emulator {format_latency(found[0].floor_ns)}; answers came "
        f"{_zero(p50)} (p50) and {_zero(p99)} (p99) later than the model says in the worst step, {late:.2%} of all "
        "I/Os late by more than 2 us and 5 %"
    )
    if steal:
        text += f"; {max(steal):.1f} % steal"
    yield False, text + "."
    worst = [(step, one) for step, one in _with_fidelity(run) if one.late_fraction >= LATE_SHARE]
    if worst:
        labels = ", ".join(step.label for step, _ in worst[:3]) + (" and others" if len(worst) > 3 else "")
        said = f"In {labels} more than {LATE_SHARE:.0%} of the I/Os came late"
        yield True, f"{said}: what was measured there is this machine, not the model."


def _with_fidelity(run: Run) -> list[tuple[StepView, Fidelity]]:
    return [(s, s.measurement.fidelity) for s in run.measured if s.measurement and s.measurement.fidelity]


def _zero(ns: float) -> str:
    return format_latency(ns) if ns else "0 ns"


def emulated_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where no emulated device wrote."""
    points = [point for point in points_of(runs) if point.measurement.device and point.measurement.write.ios]
    if not points:
        return None
    keys = group_keys(runs)
    label = choose_label(points)
    axis, x_of = _axis(points, label)
    others = other_labels(points, label) if label else []
    kinds = list(dict.fromkeys(_kind(point, others) for point in points))
    styles = [Style(f"kind{n}", kind, n) for n, kind in enumerate(kinds)] if 1 < len(kinds) <= len(DASHES) else []
    datasets: dict[str, list[Block]] = {}
    figures = []
    for column in COLUMNS:
        if column.name not in _DRAWN:
            continue
        blocks = list(_lines(points, keys, column.name, x_of, others, {style.name: style.id for style in styles}))
        if not blocks:
            continue
        datasets[f"device-{column.name}"] = blocks
        figures.append(_figure(column, axis, keys, styles, len(runs)))
    return Section(
        "device",
        "What the emulated devices did",
        "Write amplification is what the medium wrote over what the host wrote in that step; wear counts writes of a"
        " line or erasures of a block since the device was made.",
        keys if len(runs) > 1 else (),
        styles,
        [Panel("", figures)] if figures else [],
        datasets,
        table=_table(points, len(runs) > 1),
    )


def _axis(points: Sequence[Point], label: str | None) -> tuple[Axis, Callable[[Point], Any]]:
    if label is None:
        names = {point.step.label: point.step.label for point in points}
        return Axis("step", "steps", names), lambda point: point.step.label
    values = sorted({point.labels[label] for point in points if label in point.labels})
    spread = values[0] > 0 and values[-1] / values[0] >= 8 and len(values) <= 12
    names = {str(value): label_value(label, value) for value in values} if len(values) <= 12 else {}
    return Axis(label_title(label), "log" if spread else "linear", names), lambda point: point.labels.get(label)


def _kind(point: Point, others: Sequence[str]) -> str:
    return ", ".join(label_phrase(name, point.labels[name]) for name in others if name in point.labels)


def _lines(
    points: Sequence[Point],
    keys: Sequence[Key],
    name: str,
    x_of: Callable[[Point], Any],
    others: Sequence[str],
    styles: Mapping[str, str],
) -> Iterator[Block]:
    """Give a line for each run and each combination of what varies besides the axis."""
    lines: dict[tuple[str, str, str], list[tuple[Any, float]]] = {}
    for point in points:
        quantity = point.measurement.device.get(name)
        if quantity is None or x_of(point) is None:
            continue
        kind = _kind(point, others)
        place = (keys[point.run.group.index].id, f"{point.run.name} {kind}", styles.get(kind, ""))
        lines.setdefault(place, []).append((x_of(point), quantity.value))
    for (key, line, style), found in lines.items():
        columns = {"x": [x for x, _ in found], "y": [rounded(y, 5) for _, y in found]}
        yield Block({"key": key, "run": line, "style": style}, columns)


def _figure(column: DeviceColumn, axis: Axis, keys: Sequence[Key], styles: Sequence[Style], lines: int) -> Figure:
    title = column.title[0].upper() + column.title[1:]
    return Figure(
        f"device-{column.name}",
        title,
        f"{title} by {axis.title}",
        sweep_chart(axis, keys, styles, "number", log=False, lines=lines),
        {DATA: f"device-{column.name}"},
        "x",
        "y",
        "label",
        "number",
        dict(axis.names),
    )


def _table(points: Sequence[Point], several: bool) -> Table:
    columns = device_columns([point.measurement.device for point in points])
    rows = [
        [point.step.label, point.run.tag if several else "", *(texts[row] for _, texts in columns)]
        for row, point in enumerate(points)
    ]
    return Table("Emulated devices, step by step", ["Step", "Run" if several else "", *(t for t, _ in columns)], rows)
