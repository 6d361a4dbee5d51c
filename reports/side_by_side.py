"""The page's table of subjects side by side, out of the same comparison that `storbench compare` prints."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

import msgspec

from ..common.units import format_latency, format_rate
from ..results.comparison import ComparedRow, Comparison
from .names import DIRECTIONS

_METRICS = {"iops": format_rate, "latency_p50": format_latency, "latency_p99": format_latency}


class Cell(msgspec.Struct, frozen=True):
    """A number, its ratio to the reference, and the ratio's interval; the reference itself has neither."""

    text: str
    ratio: str = ""
    interval: str = ""
    doubtless: str = ""
    """`better` or `worse` where the interval leaves no doubt."""


class SideBySide(msgspec.Struct, frozen=True):
    """The same step and direction everywhere: for each subject IOPS, p50 and p99; None where a subject lacks it."""

    step: str
    direction: str
    cells: list[list[Cell] | None]


def side_by_side(comparison: Comparison) -> list[SideBySide]:
    """Give one row for each step and direction that two subjects have."""
    found = []
    for _, rows in groupby(comparison.rows, key=lambda row: row.step):
        of_step = [row for row in rows if row.direction in DIRECTIONS and row.metric in _METRICS]
        for direction in dict.fromkeys(row.direction for row in of_step):
            metrics = {row.metric: row for row in of_step if row.direction == direction}
            if "iops" in metrics:
                count = len(comparison.subjects)
                cells = [_cells(metrics, subject) for subject in range(count)]
                found.append(SideBySide(metrics["iops"].label, DIRECTIONS[direction], cells))
    return found


def _cells(metrics: Mapping[str, ComparedRow], subject: int) -> list[Cell] | None:
    if metrics["iops"].values[subject] is None:
        return None
    return [_cell(metrics[name], subject, name) if name in metrics else Cell("–") for name in _METRICS]


def _cell(row: ComparedRow, subject: int, metric: str) -> Cell:
    value, ratio, interval = row.values[subject], row.ratio[subject], row.ratio_interval[subject]
    if value is None:
        return Cell("–")
    text = _METRICS[metric](value)
    if subject == 0 or ratio is None:
        return Cell(text)
    if interval is None:
        return Cell(text, f"{ratio:.2f}×")
    doubtless = ""
    if interval[0] > 1 or interval[1] < 1:
        doubtless = "better" if (ratio > 1) == row.higher_is_better else "worse"
    return Cell(text, f"{ratio:.2f}×", f"{interval[0]:.2f}–{interval[1]:.2f}", doubtless)
