"""The rows behind a chart, packed: what stays the same along a line is written once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Value = str | int | float | None
"""What a cell holds."""


class Block(msgspec.Struct, frozen=True):
    """Rows that share some values: `fixed` once, `columns` of equal length. The page unfolds them."""

    fixed: Mapping[str, Value]
    columns: Mapping[str, Sequence[Value]]


class Key(msgspec.Struct, frozen=True):
    """What one colour stands for: a run, or what varies within the only run."""

    id: str
    name: str
    color: str
    """A CSS class and variable of the page: `c0` … `c7` for few, `r0` … `r31` for an ordered many."""
    shape: str
    short: str = ""
    """What the legend says where there are many."""


SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left")
RAMP = 32
"""How many colours the ordered palette has."""


def keys_of(prefix: str, names: Sequence[str], short: Sequence[str] = ()) -> list[Key]:
    """Give each name a colour: clearly different ones up to eight, from there on an ordered scale."""
    few = len(names) <= len(SHAPES)
    last = max(len(names) - 1, 1)
    return [
        Key(
            f"{prefix}{index}",
            name,
            f"c{index}" if few else f"r{round(index * (RAMP - 1) / last)}",
            SHAPES[index] if few else "circle",
            short[index] if short else "",
        )
        for index, name in enumerate(names)
    ]


def rows_of(blocks: Iterable[Block]) -> list[dict[str, Value]]:
    """Unfold blocks into rows, as the page does."""
    rows: list[dict[str, Value]] = []
    for block in blocks:
        names = list(block.columns)
        columns = zip(*block.columns.values(), strict=True)
        rows.extend({**block.fixed, **dict(zip(names, values, strict=True))} for values in columns)
    return rows


def rounded(value: float | None, digits: int = 4) -> float | int | None:
    """Round to significant digits, whole where it can be; None for what is missing. Charts need no more."""
    if value is None or not math.isfinite(value):
        return None
    if value == 0:
        return 0
    short = float(f"{value:.{digits}g}")
    return int(short) if short == int(short) else short


def rounded_all(values: Iterable[float | None], digits: int = 4) -> list[float | int | None]:
    """Round a column as `rounded` does."""
    return [rounded(value, digits) for value in values]


def bucket_edges(count: int, most: int) -> NDArray[np.intp]:
    """Cut `count` values into at most `most` buckets of nearly equal length; the edges, first 0 and last `count`."""
    buckets = max(min(count, most), 1)
    return np.linspace(0, count, buckets + 1).astype(np.intp)


def reduce_column(values: NDArray[np.float64], edges: NDArray[np.intp], how: str) -> list[float | None]:
    """Reduce each bucket to its `min`, `max` or `mean`; a bucket that knows nothing is None."""
    functions = {"min": np.fmin.reduceat, "max": np.fmax.reduceat}
    starts = edges[:-1]
    if how in functions:
        reduced = functions[how](values, starts)
    else:
        known = ~np.isnan(values)
        total = np.add.reduceat(np.where(known, values, 0.0), starts)
        number = np.add.reduceat(known.astype(np.float64), starts)
        reduced = np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)
    return [None if math.isnan(value) else value for value in reduced.tolist()]


class Figure(msgspec.Struct, frozen=True):
    """One chart of the page: its words, its Vega-Lite spec and the names of its data sets."""

    id: str
    title: str
    description: str
    """What it shows, for those who cannot see it."""
    spec: dict[str, Any]
    data: dict[str, str]
    """Name within the spec to name of the data set in the page."""
    x: str
    y: str
    x_format: str
    y_format: str
    names: dict[str, str] = {}
    """Value of x to what a reader is told at the pointer, where `x_format` is `label`."""
