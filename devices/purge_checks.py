"""Looking whether a purge worked: what sampled regions read as, and whether a file's extents are unwritten."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path

import msgspec

REGIONS = 64
"""How many regions are read: were data left in one of a hundred places, about half of all checks would see it; the
device's own counters and logs say more where there are any."""
REGION = 4096
"""Bytes of each, which is also what direct I/O wants."""

_FIEMAP = 0xC020660B
"""FS_IOC_FIEMAP, `_IOWR('f', 11, struct fiemap)`."""
_SYNC, _LAST, _UNWRITTEN = 0x1, 0x1, 0x800
_EXTENTS = 512
_HEADER, _EXTENT = struct.Struct("=QQLLLL"), struct.Struct("=QQQQQLLLL")
_BLKFLSBUF = 0x1261


class Regions(msgspec.Struct, frozen=True):
    """What sampled regions hold."""

    contents: tuple[bytes, ...]

    @property
    def zero(self) -> int:
        """How many are all zeroes."""
        return sum(not any(content) for content in self.contents)

    def kept(self, after: Regions) -> int:
        """Count the regions that still hold the data that they held before."""
        return sum(a == b and any(a) for a, b in zip(self.contents, after.contents, strict=True))


def sample_offsets(size: int, region: int = REGION, count: int = REGIONS) -> list[int]:
    """Give offsets evenly over `size` bytes, the first and the last region among them, each once."""
    last = max(0, size // region - 1)
    return sorted({round(last * turn / max(1, count - 1)) * region for turn in range(count)})


def read_regions(path: Path, size: int) -> Regions:
    """Read sampled regions of a file or device, past the page cache where that is possible. Raises `OSError`."""
    descriptor = _open(path)
    try:
        with mmap.mmap(-1, REGION) as buffer:  # a page of its own: direct I/O wants alignment
            return Regions(tuple(_read(descriptor, buffer, offset) for offset in sample_offsets(size)))
    finally:
        os.close(descriptor)


def flush_buffers(path: Path) -> None:
    """Let the kernel forget what it has cached of a block device: a drive's own commands pass the cache by."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.ioctl(descriptor, _BLKFLSBUF, 0)
        finally:
            os.close(descriptor)


def written_bytes(path: Path, size: int) -> int | None:
    """Count the bytes in written extents among a file's first `size`; None where the file system does not tell."""
    written, start = 0, 0
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while start < size:
            found = _extents(descriptor, start, size)
            if found is None:
                return None
            for logical, length, flags in found:
                if not flags & _UNWRITTEN:
                    written += min(logical + length, size) - max(logical, start)
                start = logical + length
                if flags & _LAST:
                    return written
            if not found:
                break
    finally:
        os.close(descriptor)
    return written


def _extents(descriptor: int, start: int, end: int) -> list[tuple[int, int, int]] | None:
    """Give logical offset, length and flags of the next extents; None where the file system cannot."""
    request = bytearray(_HEADER.pack(start, end - start, _SYNC, 0, _EXTENTS, 0) + bytes(_EXTENT.size * _EXTENTS))
    try:
        fcntl.ioctl(descriptor, _FIEMAP, request)
    except OSError:
        return None
    mapped = _HEADER.unpack_from(request)[3]
    extents = (_EXTENT.unpack_from(request, _HEADER.size + n * _EXTENT.size) for n in range(mapped))
    return [(extent[0], extent[2], extent[5]) for extent in extents]


def _open(path: Path) -> int:
    with suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _read(descriptor: int, buffer: mmap.mmap, offset: int) -> bytes:
    count = os.preadv(descriptor, [buffer], offset)
    return buffer[:count]
