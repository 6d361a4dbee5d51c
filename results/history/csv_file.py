"""A history as CSV: a row for each run with its time, its commit, and a column for each metric.

`time` or `timestamp`, `date`, `datetime`, `run`, `build` orders the rows: ISO 8601, or numbers. Without such a column
the rows are in order. Values are numbers, with or without a unit behind them; a unit may stand in the head as well,
`write latency [ms]`, or in a column `unit`. A cell that is empty was not measured. Columns without a number are notes.
What storbench exported has the job before the metric, `randread 4KiB qd1 read iops`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ...common.errors import InputError
from ..baseline_files import METRICS
from .directions import direction_of
from .series import Point, Series, Skipped, Table

TIMES = ("time", "timestamp", "datetime", "date", "run", "build", "index")
COMMITS = ("commit", "git_commit", "revision", "sha")
_UNITS = ("unit", "units")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_VALUE = re.compile(rf"\s*({_NUMBER})\s*([^\d\s].*?)?\s*", re.IGNORECASE)
_HEAD = re.compile(r"(.*?)\s*[\[(]([^\])]+)[\])]")
_LARGEST = 64 << 20


def read_csv(path: Path) -> Table:
    """Read a history. Raises `InputError`, naming the line, for what is none or has values that are no numbers."""
    head, rows = _cells(path)
    names = [cell.strip() for cell in head]
    _check_head(path, names)
    rows, times, remarks = _ordered(path, names, rows)
    commits = _commits(path, names, rows)
    series, skipped = [], []
    for place, name in enumerate(names):
        if name.lower() in (*TIMES, *COMMITS, *_UNITS):
            continue
        metric, unit = (match[1], match[2]) if (match := _HEAD.fullmatch(name)) else (name, "")
        column = [(line, cells[place]) for line, cells in rows]
        values = _values(path, name, column)
        if values is None:
            skipped.append(Skipped(metric, "no cell of it is a number"))
            continue
        declared = [*([unit] if unit else []), *_declared(names, rows)]
        unit = _unit(path, name, declared, values[1])
        job, _, last = metric.rpartition(" ")
        job, metric, unit = (job, last, unit or _unit_of(last)) if job and last in METRICS else ("", metric, unit)
        points = tuple(
            Point(row, times[row], commits[row], value) for row, value in enumerate(values[0]) if value is not None
        )
        if len(points) < len(rows):
            remarks.append(f"{metric} was not measured in {len(rows) - len(points)} of {len(rows)} rows")
        series.append(Series(metric, points, unit, direction_of(metric, unit), job, rows=len(rows)))
    if not series:
        raise InputError(f"{path} has no column of numbers besides time and commit", hint=_EXAMPLE)
    dated = _place(names, TIMES) is not None and times[-1] > 1e8
    return Table(len(rows), dated, tuple(series), tuple(skipped), tuple(remarks))


def _unit_of(metric: str) -> str:
    """Give the unit in which storbench exports a metric."""
    return "ns" if metric.startswith("latency") else "1/s"


_EXAMPLE = "For example: time,commit,iops on the first line, 2026-01-31T12:00:00Z,3f2c1aa,51234 on the next ones."
_Row = tuple[int, list[str]]
"""The number of a line and its cells."""


def _cells(path: Path) -> tuple[list[str], list[_Row]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST >> 20} MiB: this is no history")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a CSV file: it is not UTF-8 text", hint=_EXAMPLE) from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}") from None
    if len(rows) < 2:
        raise InputError(f"{path} has no rows", hint=_EXAMPLE)
    (_, head), *others = rows
    for line, cells in others:
        if len(cells) != len(head):
            raise InputError(f"{path}, line {line}: {len(cells)} cells, but the head has {len(head)}")
    return head, others


def _check_head(path: Path, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"{path}: the head names '{twice[0]}' twice", hint="Give each column a name of its own.")
    if "" in names:
        raise InputError(f"{path}: column {names.index('') + 1} has no name")
    if _place(names, COMMITS) is None:
        raise InputError(f"{path} has no column 'commit', so a change could not be told to anybody", hint=_EXAMPLE)


def _place(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    lower = [name.lower() for name in names]
    return next((lower.index(one) for one in wanted if one in lower), None)


def _ordered(path: Path, names: Sequence[str], rows: list[_Row]) -> tuple[list[_Row], list[float], list[str]]:
    """Give the rows in the order of time, their times, and what is to be said about that."""
    place = _place(names, TIMES)
    if place is None:
        return rows, [float(row) for row in range(len(rows))], ["There is no time: the rows are taken to be in order"]
    times = [_time(path, names[place], line, cells[place]) for line, cells in rows]
    if len({iso for _, iso in times}) > 1:
        raise InputError(f"{path}: some times are dates and some are numbers", hint="Write all of them one way.")
    order = sorted(range(len(rows)), key=lambda row: times[row][0])
    found = [times[row][0] for row in order]
    if order == list(range(len(rows))):
        return rows, found, []
    return [rows[row] for row in order], found, ["The rows were not in the order of time: they were sorted"]


def _time(path: Path, name: str, line: int, cell: str) -> tuple[float, bool]:
    """Give a time and whether it was a date. Numbers of milliseconds or nanoseconds are made seconds."""
    try:
        value = float(cell)
    except ValueError:
        try:
            date = datetime.fromisoformat(cell.strip())
        except ValueError:
            raise InputError(
                f"{path}, line {line}: {name} '{cell}' is no time", hint="Write 2026-01-31T12:00:00Z or a number."
            ) from None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp(), True
    if not math.isfinite(value):
        raise InputError(f"{path}, line {line}: {name} '{cell}' is no time")
    for size, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)):
        if abs(value) > size:
            return value / unit, False
    return value, False


def _commits(path: Path, names: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    place = _place(names, COMMITS)
    assert place is not None
    commits = [cells[place].strip() for _, cells in rows]
    missing = [line for (line, _), commit in zip(rows, commits, strict=True) if not commit]
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"{path}, line {missing[0]}{others}: the commit is missing",
            hint="Name the commit of each row, or remove the row.",
        )
    return commits


def _values(path: Path, name: str, column: Sequence[tuple[int, str]]) -> tuple[list[float | None], list[str]] | None:
    """Give a column's values and units; None where no cell is a number."""
    values: list[float | None] = []
    units: list[str] = []
    wrong: tuple[int, str] | None = None
    for line, cell in column:
        if not cell.strip():
            values.append(None)
        elif match := _VALUE.fullmatch(cell):
            value = float(match[1])
            if not math.isfinite(value):
                raise InputError(
                    f"{path}, line {line}: {name} is '{cell.strip()}', which is no measurement",
                    hint="Leave the cell empty where nothing was measured.",
                )
            values.append(value)
            units.append(match[2] or "")
        else:
            wrong = wrong or (line, cell)
    if not units:
        return None
    if wrong:
        raise InputError(f"{path}, line {wrong[0]}: {name} is '{wrong[1].strip()}', which is no number")
    return values, units


def _declared(names: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    """Give the cells of a column `unit`."""
    place = _place(names, _UNITS)
    return [] if place is None else [cells[place].strip() for _, cells in rows]


def _unit(path: Path, name: str, declared: Sequence[str], cells: Sequence[str]) -> str:
    """Give the one unit of a metric. Where the head or a column declares one, cells need not repeat it."""
    seen = dict.fromkeys([*declared, *cells])
    if any(declared):
        seen.pop("", None)
    if len(seen) > 1:
        told = " and ".join(unit or "none" for unit in list(seen)[:3])
        raise InputError(
            f"{path}: {name} is in mixed units, {told}",
            hint="Convert the column to one unit; nothing is guessed.",
        )
    return next(iter(seen))
