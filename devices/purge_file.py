"""Purging a file: all its blocks are given back and allocated anew, so that nothing that was written is left in it.

The file keeps its inode, hence its owner, its lock and both its names. Whether the disk below learns that the blocks
are free is the file system's business (mount option `discard`), which the check says.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path

from ..common.errors import MeasurementError, SafetyError
from .base import Purged
from .purge_checks import read_regions, written_bytes

_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE = 0x01, 0x02, 0x10
"""FALLOC_FL_… (linux/falloc.h)."""
_NOT_HERE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def purge_file(path: Path, size: int, *, discards: bool | None = None) -> Purged:
    """Make the first `size` bytes of a regular file anew, and look whether that worked.

    `discards` says whether the file system tells the disk below, None where there is none. Raises `SafetyError` for
    what is not a regular file, `MeasurementError` where it was begun and failed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise SafetyError(f"{path} is not a regular file any more")
        method = remake(descriptor, size, path)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if method is None:
        return Purged("none", "the file system can neither punch holes nor zero a range", check="nothing was done")
    verified, check = check_file(path, size)
    if discards is not None:
        check += "; the disk below was told that the blocks were free" if discards else (
            "; the disk below was not told, since the file system is not mounted with discard"
        )  # fmt: skip
    return Purged(method, verified=verified, check=check)


def remake(descriptor: int, size: int, path: Path) -> str | None:
    """Give an open file's blocks back and allocate new ones; return how, None where the file system cannot."""
    try:
        _fallocate(descriptor, _PUNCH_HOLE | _KEEP_SIZE, size)
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise _failed(path, error) from None
    else:
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            raise _failed(path, error) from None
        return "file made anew in place (blocks freed, then allocated)"
    try:
        _fallocate(descriptor, _ZERO_RANGE | _KEEP_SIZE, size)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return None
        raise _failed(path, error) from None
    return "file zeroed in place (extents unwritten)"


def check_file(path: Path, size: int) -> tuple[bool, str]:
    """Give whether nothing is left, and what was looked at."""
    regions = read_regions(path, size)
    total = len(regions.contents)
    clean, text = regions.zero == total, f"{regions.zero} of {total} regions read as zeroes"
    written = written_bytes(path, size)
    if written is not None:
        clean = clean and written == 0
        text += ", all extents are unwritten" if written == 0 else f", {written:,} B lie in written extents"
    return clean, text


def _fallocate(descriptor: int, mode: int, size: int) -> None:
    call = ctypes.CDLL(None, use_errno=True).fallocate64
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if call(descriptor, mode, 0, size):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _failed(path: Path, error: OSError) -> MeasurementError:
    return MeasurementError(
        f"{path} could not be made anew: {error.strerror}", hint="Its contents are partly gone; start again."
    )
