"""Whether fio's logs of single I/Os are complete. fio says nothing where the disk that they lie on is full."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ....common.errors import MeasurementError
from .output import FioJob

_PIECE = 1 << 22
_MISSING = 0.01
"""The share of the I/Os that may be missing: what was in flight at the end, or failed."""
_FEW = 1024


def check_complete(paths: Sequence[Path], jobs: Sequence[FioJob]) -> None:
    """Raise `MeasurementError` where the logs hold clearly fewer I/Os than fio counted as done."""
    done = sum(part.total_ios for job in jobs for part in (job.read, job.write, job.trim))
    failed = sum(job.total_err for job in jobs)
    logged = sum(map(_lines, paths))
    if done - failed - logged > max(_FEW, _MISSING * done):
        raise MeasurementError(
            f"the log of single I/Os has {logged:,} of {done - failed:,}: the rest could not be written",
            hint="Is the disk full that the results go to? Name another folder with -o.",
        )


def _lines(path: Path) -> int:
    count = 0
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            count += piece.count(b"\n")
    return count
