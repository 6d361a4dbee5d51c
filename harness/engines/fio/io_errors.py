"""The I/Os that failed, as fio says on its standard error: each with the moment at which it said so.

fio's log of single I/Os has only those that succeeded; what failed is a sentence with errno, direction and place. What
comes after a bound is counted by fio and not kept here, so that a fio that fails without end fills no disk.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from ..base import IoError
from .output import errno_of_text

_SAID = re.compile(
    r"io_u error on file .*: (?P<text>[^:]+): (?P<direction>read|write|trim|sync|datasync|sync_file_range) "
    r"offset=(?P<offset>\d+)(?:, (?:xfer_)?buflen=(?P<length>\d+))?"
)
_MOST_BYTES = 32 << 20


class ErrorReader:
    """Takes what fio writes to its standard error, piece by piece, and keeps it in a file as well."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self.errors: list[IoError] = []
        self._now = now
        self._kept = 0
        self._rest = b""
        # Opened for each piece: whatever happens between two of them, nothing is left open.
        self._file = file
        file.write_bytes(b"")

    def feed(self, data: bytes) -> None:
        """Take a piece."""
        if self._kept >= _MOST_BYTES:
            return
        self._kept += len(data)
        with self._file.open("ab") as kept:
            kept.write(data)
        moment = self._now()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if error := _error_in(line.decode(errors="replace"), moment):
                self.errors.append(error)


def errors_in(words: Iterable[str]) -> dict[str, int]:
    """Count the failed I/Os by errno name from fio's messages, one each."""
    return dict(Counter(error.errno for line in words if (error := _error_in(line, 0.0))))


def _error_in(line: str, moment: float) -> IoError | None:
    found = _SAID.search(line)
    if found is None:
        return None
    return IoError(
        moment, errno_of_text(found["text"]), found["direction"], int(found["offset"]), int(found["length"] or 0)
    )
