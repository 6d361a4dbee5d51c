"""What happens over time, from any engine: sums at two moments, the interval between them, columns of all intervals."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...results.histogram import Histogram, bin_values
from ...results.measurement import Series
from .base import Progress


class Totals(msgspec.Struct, frozen=True):
    """One direction's sums over all jobs at one moment."""

    ios: int = 0
    bytes: int = 0
    histogram: Histogram = Histogram()

    def since(self, earlier: Totals) -> Totals:
        """Give what was added; everything, where the sums were reset in between."""
        if self.ios < earlier.ios:
            return self
        return Totals(self.ios - earlier.ios, self.bytes - earlier.bytes, self.histogram.minus(earlier.histogram))

    def plus(self, other: Totals) -> Totals:
        """Add two intervals' sums."""
        return Totals(
            self.ios + other.ios, self.bytes + other.bytes, Histogram.merged((self.histogram, other.histogram))
        )


class Interval(msgspec.Struct, frozen=True):
    """What happened between two moments."""

    time_s: float
    """Its end, from the start of the measured load."""
    seconds: float
    read: Totals
    write: Totals

    def joined(self, later: Interval) -> Interval:
        """Make one interval of two that follow each other."""
        return Interval(
            later.time_s, self.seconds + later.seconds, self.read.plus(later.read), self.write.plus(later.write)
        )


def series_of(intervals: Sequence[Interval]) -> Series:
    """Give the columns of intervals that follow one another."""
    read = _columns([(i.read, i.seconds) for i in intervals])
    write = _columns([(i.write, i.seconds) for i in intervals])
    return Series(
        [i.time_s for i in intervals],
        read[0],
        write[0],
        read[1],
        write[1],
        read[2],
        write[2],
        read[3],
        write[3],
        read[4],
        write[4],
    )


def progress_of(elapsed_s: float, share: float | None, latest: Interval | None) -> Progress:
    """Say how far a step is, with the rates and percentiles of its latest interval."""
    if latest is None:
        return Progress(elapsed_s, share)
    p50, p99 = Histogram.merged((latest.read.histogram, latest.write.histogram)).percentiles((50, 99))
    return Progress(
        elapsed_s,
        share,
        latest.read.ios / latest.seconds,
        latest.write.ios / latest.seconds,
        latest.read.bytes / latest.seconds,
        latest.write.bytes / latest.seconds,
        p50,
        p99,
    )


Column = tuple[list[float], list[float], list[int | None], list[int | None], list[int | None]]


def _columns(rows: Sequence[tuple[Totals, float]]) -> Column:
    values = bin_values()
    iops = [total.ios / seconds for total, seconds in rows]
    bandwidth = [total.bytes / seconds for total, seconds in rows]
    p50, p99 = (
        [list(pair) for pair in zip(*(total.histogram.percentiles((50, 99)) for total, _ in rows), strict=True)]
        if rows
        else ([], [])
    )
    highest = [int(values[max(total.histogram.bins)]) if total.histogram.bins else None for total, _ in rows]
    return iops, bandwidth, p50, p99, highest
