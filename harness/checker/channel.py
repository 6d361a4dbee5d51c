"""How the checker reaches a target: a path, or a connection to an NBD server. One I/O at a time per channel."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ...common.errors import InputError
from ...devices.base import Target


class Channel(Protocol):
    """One way to a target. Every call raises `OSError` with the target's errno where it says no or does not answer."""

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`."""
        ...

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`; it is acknowledged when this returns."""
        ...

    def flush(self) -> None:
        """Wait until everything that was acknowledged before is durable."""
        ...

    def close(self) -> None:
        """Let go; never raises."""
        ...


OpenChannel = Callable[[], Channel]


def channel_of(target: Target) -> OpenChannel:
    """Give what opens a channel to a target. Raises `InputError` for a target that has neither path nor NBD address."""
    options = target.checked or target.options
    if uri := options.get("uri"):
        from .nbd_channel import NbdChannel

        return lambda: NbdChannel(uri)
    if (name := options.get("filename")) and options.get("ioengine") not in ("gfapi", "gfapi_async"):
        path = Path(name.replace("\\:", ":"))
        return lambda: PathChannel(path)
    raise InputError(
        "the checker reaches files, block devices and NBD servers, not this kind of device",
        hint="Mount it and use file:, or export it by NBD.",
    )


class PathChannel:
    """A file or a block device, past the page cache where that can be."""

    def __init__(self, path: Path) -> None:
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags | os.O_DIRECT)
        except OSError:
            self._file = os.open(path, flags)
        # Direct I/O wants memory that begins at a page.
        self._buffer = mmap.mmap(-1, 1 << 20)

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes, at most 1 MiB."""
        view = memoryview(self._buffer)[:length]
        try:
            count = os.preadv(self._file, [view], offset)
            if count != length:
                raise OSError(5, f"{count} of {length} bytes were read")
            return bytes(view)
        finally:
            view.release()

    def write(self, offset: int, data: bytes) -> None:
        """Write at most 1 MiB."""
        view = memoryview(self._buffer)[: len(data)]
        try:
            view[:] = data
            count = os.pwritev(self._file, [view], offset)
            if count != len(data):
                raise OSError(5, f"{count} of {len(data)} bytes were written")
        finally:
            view.release()

    def flush(self) -> None:
        """Wait for the file's data."""
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go."""
        with suppress(OSError):
            os.close(self._file)
        self._buffer.close()
