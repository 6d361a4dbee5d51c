"""Values by round from a text: one value a line, or named columns separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from ..common.errors import InputError, nearest

_NUMBERING = frozenset({"round", "rounds", "run", "#", "n"})
"""Columns of that name number the rounds; beside another one they are no variable."""

MAX_ROUNDS = 100_000


def read_rounds(text: str, source: str, columns: Sequence[str] = ()) -> dict[str, list[Fraction]]:
    """Give the values of each column, exactly as they are written; without a header the columns get numbers.

    Empty lines and lines that begin with `#` are left out. `columns` chooses some by name. Raises `InputError` that
    names `source` and the line.
    """
    rows = _rows(text, source)
    names = _header(rows[0][1])
    if names is None:
        count = len(rows[0][1])
        names = ["value"] if count == 1 else [f"column {n}" for n in range(1, count + 1)]
    else:
        rows = rows[1:]
    if not rows:
        raise InputError(f"{source} has names of columns and no values")
    if len(set(names)) != len(names):
        raise InputError(f"{source} has two columns of one name")
    wanted = _chosen(names, columns, source)
    found: dict[str, list[Fraction]] = {name: [] for name in wanted}
    for number, row in rows:
        if len(row) != len(names):
            raise InputError(f"{source}, line {number}: {len(row)} values, where there are {len(names)} columns")
        for name, cell in zip(names, row, strict=True):
            if name in found:
                found[name].append(_value(cell, f"{source}, line {number}, {name}"))
    return found


def _rows(text: str, source: str) -> list[tuple[int, list[str]]]:
    numbered = [
        (number, line)
        for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not numbered:
        raise InputError(f"{source} holds no value", hint="Give one value a line, or named columns.")
    if len(numbered) > MAX_ROUNDS:
        raise InputError(f"{source} has {len(numbered):,} lines, more than {MAX_ROUNDS:,} rounds")
    separator = next((mark for mark in "\t;," if mark in numbered[0][1]), ",")
    return [
        (number, [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]) for number, line in numbered
    ]


def _header(cells: Sequence[str]) -> list[str] | None:
    """Give the cells as names, unless all of them are numbers."""
    return None if all(_number(cell) is not None for cell in cells) else list(cells)


def _chosen(names: Sequence[str], columns: Sequence[str], source: str) -> list[str]:
    for column in columns:
        if column not in names:
            raise InputError(f"{source} has no column '{column}'", hint=nearest(column, names))
    if columns:
        return list(dict.fromkeys(columns))
    variables = [name for name in names if name.lower() not in _NUMBERING]
    return variables or list(names)


def _number(text: str) -> Fraction | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    # What 1e999999999 would be as a fraction does not fit into memory.
    return Fraction(value) if value.is_finite() and abs(value.adjusted()) < 100 else None


def _value(cell: str, where: str) -> Fraction:
    value = _number(cell)
    if value is None:
        raise InputError(f"{where}: '{cell}' is not a value of a round", hint="Choose the columns with --column.")
    return value
