"""From the documents that fio prints once a second to rates and percentiles over time.

Each document holds the sums since the start, bins included, so the difference of two is one interval, exactly. The sums
go back to zero when the ramp ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from ....results.histogram import Histogram
from ....results.measurement import Series
from ..series import Interval, Totals, series_of
from .output import FioDocument, FioJob, jobs_of_document, latency_of_direction

_SHORT_S = 0.25


class SeriesBuilder:
    """Collect documents, give intervals as they come and the whole series at the end.

    `ramp` says that the jobs have a ramp, so that the sums begin again once.
    """

    def __init__(self, *, ramp: bool = False) -> None:
        self._ramp = ramp
        self._last_s = 0.0
        self._last_timestamp_ms = 0
        self._read = Totals()
        self._write = Totals()
        self.intervals: list[Interval] = []

    def add(self, document: FioDocument) -> Interval | None:
        """Take a document; give the interval that it ends, None where no time has passed.

        Time is fio's own runtime of the load, which begins again when the ramp ends: what was collected until then
        is dropped.
        """
        jobs = jobs_of_document(document)
        now = max((part.runtime for job in jobs for part in (job.read, job.write)), default=0) / 1000
        if now < self._last_s or self._began_again(document, now):
            self._last_s, self._read, self._write = 0.0, Totals(), Totals()
            self.intervals.clear()
        self._last_timestamp_ms = document.timestamp_ms
        seconds = now - self._last_s
        if seconds <= 0:
            return None
        read, write = _totals(jobs, "read"), _totals(jobs, "write")
        interval = Interval(now, seconds, read.since(self._read), write.since(self._write))
        self._last_s, self._read, self._write = now, read, write
        self.intervals.append(interval)
        return interval

    def _began_again(self, document: FioDocument, now: float) -> bool:
        """Whether the ramp ended since the last document although the runtime has grown past its old value again.

        A ramp of one second and a document a second make that the rule. Then the clock went on for longer than the
        runtime grew, and for as long as the new runtime.
        """
        passed = (document.timestamp_ms - self._last_timestamp_ms) / 1000
        return self._ramp and self._last_s > 0 and now - self._last_s < passed / 2 and now < passed + _SHORT_S

    def series(self) -> Series:
        """Give the columns of all intervals; a last one too short to carry a rate is joined to the one before."""
        intervals = list(self.intervals)
        if len(intervals) > 1 and intervals[-1].seconds < _SHORT_S:
            intervals[-2:] = [intervals[-2].joined(intervals[-1])]
        return series_of(intervals)


def _totals(jobs: Sequence[FioJob], direction: str) -> Totals:
    parts = [getattr(job, direction) for job in jobs]
    latencies = [latency_of_direction(p) for p in parts if p.total_ios]
    return Totals(
        sum(p.total_ios for p in parts),
        sum(p.io_bytes for p in parts),
        Histogram.merged(latency.histogram for latency in latencies),
    )
