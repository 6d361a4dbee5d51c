"""What was asked for and what was acknowledged, kept off the device under test.

Each record is written to the file at once, so that nothing is lost when the harness is killed, and the file is synced
before a flush counts as seen, so that not even the machine's own end leaves a claim without its evidence.
"""

from __future__ import annotations

import math
import os
import struct
import threading
from pathlib import Path

from ...results.integrity import Flush, Write

_RECORD = struct.Struct("<BxxxiQQdd")
"""Kind, errno, block, sequence, time asked, time done (NaN for never); 40 bytes."""
_WRITE, _FLUSH = 1, 2


class AckLog:
    """Appends; safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lock = threading.Lock()
        self.writes: list[Write] = []
        self.flushes: list[Flush] = []
        self.flush_errors: list[tuple[float, int]] = []
        """Time and errno of the flushes that failed."""

    def write(self, write: Write) -> None:
        """Keep a write and what became of it."""
        done = float("nan") if write.done is None else write.done
        with self._lock:
            os.write(self._file, _RECORD.pack(_WRITE, write.errno, write.block, write.sequence, write.asked, done))
            self.writes.append(write)

    def flush(self, asked: float, done: float, errno: int = 0) -> None:
        """Keep a flush; one with an error covers nothing."""
        with self._lock:
            os.write(self._file, _RECORD.pack(_FLUSH, errno, 0, 0, asked, done))
            if errno:
                self.flush_errors.append((asked, errno))
            else:
                self.flushes.append(Flush(asked, done))
        os.fdatasync(self._file)

    def close(self) -> None:
        """Sync and let go."""
        os.fdatasync(self._file)
        os.close(self._file)


def read_ack_log(path: Path) -> tuple[list[Write], list[Flush]]:
    """Read a log again; a record that was cut at the end is left out."""
    data = path.read_bytes()
    writes, flushes = [], []
    for kind, errno, block, sequence, asked, done in _RECORD.iter_unpack(
        data[: len(data) // _RECORD.size * _RECORD.size]
    ):
        if kind == _WRITE:
            writes.append(Write(block, sequence, asked, None if math.isnan(done) else done, errno))
        elif not errno:
            flushes.append(Flush(asked, done))
    return writes, flushes
