"""A series: one metric of one job on one device and machine, a value for each commit that was measured."""

from __future__ import annotations

import msgspec


class Point(msgspec.Struct, frozen=True):
    """One value."""

    row: int
    """Its place among all rows of the file, in the order of time, from 0: a metric need not be in every row."""
    time: float
    """Seconds since 1970, or the number of the run where there is no time."""
    commit: str
    value: float


class Series(msgspec.Struct, frozen=True):
    """Values that can be compared with one another, in the order of time."""

    metric: str
    points: tuple[Point, ...]
    unit: str = ""
    """Empty where it is not known."""
    higher_is_better: bool | None = None
    """None where it is not known."""
    job: str = ""
    workload: str = ""
    recipe: str = ""
    """A short digest of what was measured and how."""
    device: str = ""
    host: str = ""
    """The machine, by a short digest of the facts that a speed depends on."""
    rows: int = 0
    """Of its file, or runs of its kind in the store: the number of the last one, plus one."""

    @property
    def values(self) -> list[float]:
        """The values, in order."""
        return [point.value for point in self.points]

    @property
    def name(self) -> str:
        """What it is called among the series of one workload, as in exported CSV files."""
        return f"{self.job} {self.metric}".strip()


class Skipped(msgspec.Struct, frozen=True):
    """A metric that cannot be looked at."""

    metric: str
    reason: str


class Table(msgspec.Struct, frozen=True):
    """What a file holds."""

    rows: int
    dated: bool
    """Whether times are seconds since 1970; otherwise they are numbers of runs, or of rows."""
    series: tuple[Series, ...]
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
    """What a reader must know, in sentences without their full stop."""
