"""Purging by discarding every block (TRIM, UNMAP, Deallocate): what blkdiscard(8) does, through the kernel itself."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from ..common.errors import MeasurementError, SafetyError
from ..common.system_files import read_int
from .purge_plan import Cleared, Disk, Outcome

_BLKDISCARD = 0x1277
"""`_IO(0x12, 119)` (linux/fs.h)."""
_PIECE = 8 << 30
"""Bytes at once, so that a run can be interrupted in between."""


def discard(disk: Disk) -> Outcome:
    """Discard the whole device. Raises `MeasurementError` where it was begun and failed."""
    if not read_int(disk.folder / "queue/discard_max_bytes"):
        return "the device does not take discards"
    disk.allowed()
    descriptor = os.open(disk.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        # The last word: the very device that is about to lose its contents is the one that was allowed to.
        opened = os.fstat(descriptor).st_rdev
        if f"{os.major(opened)}:{os.minor(opened)}" != disk.number:
            raise SafetyError(f"{disk.path} became another device in this moment")
        return _discard(descriptor, disk)
    finally:
        os.close(descriptor)


def _discard(descriptor: int, disk: Disk) -> Outcome:
    for start in range(0, disk.size, _PIECE):
        try:
            fcntl.ioctl(descriptor, _BLKDISCARD, struct.pack("=QQ", start, min(_PIECE, disk.size - start)))
        except OSError as error:
            if start == 0 and error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
                return f"the discard was refused: {error.strerror}"
            raise MeasurementError(f"discarding {disk.path} failed at byte {start:,}: {error.strerror}") from None
    os.fsync(descriptor)
    return Cleared("discard of all blocks", f"{disk.size:,} B were discarded")
