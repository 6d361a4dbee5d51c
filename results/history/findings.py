"""What was found in a history: the changes of each series, each with its commit and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ...common.errors import InputError
from ..paired import Verdict
from .change_points import ALARM_RATE, FLOOR, SEED, Change, changes_in
from .series import Series, Skipped, Table

Meaning = Literal["REGRESSED", "IMPROVED", "CHANGED"]
"""CHANGED where nobody said which way is better."""


class Settings(msgspec.Struct, frozen=True):
    """How changes are looked for."""

    alarm_rate: float = ALARM_RATE
    floor: float = FLOOR
    seed: int = SEED
    last: int | None = None
    """Only so many rows, from the end."""


class FoundChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of one series."""

    metric: str
    """Its name in the file; of a store job and metric."""
    index: int
    """Of the first row after it, in the order of time, from 0."""
    commit: str
    """Of that row."""
    verdict: Meaning
    relative_change: float
    interval: tuple[float, float]
    """Of the relative change, at 95 %."""
    rows: tuple[int, int]
    """The first and the last row that the change may be at, at 95 %."""
    commits: tuple[str, str]
    """The last commit that is before it and the first one that is after it, if it is anywhere in `rows`."""
    before: float
    after: float
    time: float
    p: float | None = None
    workload: str = ""
    device: str = ""
    host: str = ""


class Confirmation(msgspec.Struct, frozen=True):
    """What measuring both sides of a change again, at the same time, came to."""

    metric: str
    index: int
    commits: tuple[str, str]
    confirmed: bool
    verdict: Verdict
    """Of the interleaved pairs: of this metric, or where they have none of its name the gravest of all."""
    ratio: float
    interval: tuple[float, float]
    pairs: int


class SeriesFindings(msgspec.Struct, frozen=True):
    """What was found in one series."""

    series: Series
    changes: list[FoundChange]
    """Those of at least the floor."""
    smaller: list[FoundChange]
    """Those that are certain as well, but below it."""
    correlation: float
    """Of each value with the next, apart from changes."""
    spread: float
    """Standard deviation apart from changes, relative."""

    @property
    def levels(self) -> list[tuple[int, float]]:
        """The first row of each segment and its level."""
        found = sorted([*self.changes, *self.smaller], key=lambda one: one.index)
        points = self.series.points
        first = found[0].before if found else _geometric_mean(self.series.values)
        return [(points[0].row, first), *((one.index, one.after) for one in found)]


class HistoryFindings(msgspec.Struct, frozen=True):
    """What was found in a whole history."""

    table: Table
    settings: Settings
    series: list[SeriesFindings]
    skipped: list[Skipped]

    @property
    def changes(self) -> list[FoundChange]:
        """All changes of at least the floor, series by series."""
        return [change for one in self.series for change in one.changes]

    @property
    def worse(self) -> list[FoundChange]:
        """The changes for the worse."""
        return [change for change in self.changes if change.verdict == "REGRESSED"]

    def recent(self, rows: int) -> list[FoundChange]:
        """Give the changes for the worse in the last rows."""
        return [
            change for one in self.series for change in one.changes
            if change.verdict == "REGRESSED" and change.index >= one.series.rows - rows
        ]  # fmt: skip


def findings_in(table: Table, settings: Settings) -> HistoryFindings:
    """Look for changes in every series.

    A series that cannot be looked at, because it is too short, constant or not positive, is skipped and named. Raises
    `InputError` where that leaves none.
    """
    found, skipped = [], list(table.skipped)
    for series in table.series:
        own = _last(series, settings.last)
        try:
            found.append(_in_series(own, settings))
        except InputError as error:
            skipped.append(Skipped(series.name, error.problem))
            why = error
    if not found:
        others = f", and {len(skipped) - 1} more cannot be looked at" if len(skipped) > 1 else ""
        raise InputError(f"{skipped[-1].metric}: {why.problem}{others}", hint=why.hint)
    return HistoryFindings(table, settings, found, skipped)


def _last(series: Series, last: int | None) -> Series:
    if last is None:
        return series
    return msgspec.structs.replace(series, points=tuple(one for one in series.points if one.row >= series.rows - last))


def _in_series(series: Series, settings: Settings) -> SeriesFindings:
    found = changes_in(
        series.values, floor=settings.floor, alarm_rate=settings.alarm_rate, seed=settings.seed
    )  # fmt: skip
    return SeriesFindings(
        series, [_told(series, one) for one in found.changes], [_told(series, one) for one in found.smaller],
        found.correlation, found.spread,
    )  # fmt: skip


def _told(series: Series, change: Change) -> FoundChange:
    points = series.points
    first, last = change.rows
    return FoundChange(
        series.name, points[change.index].row, points[change.index].commit, _meaning(series, change),
        change.relative_change, change.interval, (points[first].row, points[last].row),
        (points[first - 1].commit, points[last].commit), change.before, change.after, points[change.index].time,
        change.p, series.workload, series.device, series.host,
    )  # fmt: skip


def _meaning(series: Series, change: Change) -> Meaning:
    if series.higher_is_better is None:
        return "CHANGED"
    return "IMPROVED" if (change.relative_change > 0) == series.higher_is_better else "REGRESSED"


def _geometric_mean(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.exp(np.mean(np.log(values))))
