"""Which of fio's I/O engines a file or block device is driven by."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path
from typing import Literal

from ..common.errors import InputError, nearest

FileEngine = Literal["io_uring", "libaio", "posixaio", "psync", "pvsync", "pvsync2", "sync", "vsync", "mmap", "libpmem"]
"""The engines that address a path and do what they say: no engine that only pretends is among them."""

_ASYNCHRONOUS = ("io_uring", "libaio", "posixaio")
_IO_URING_SETUP = 425
"""The system call's number, the same on all architectures but Alpha."""
_UNUSABLE = frozenset(";#\"'$\\\n\r")
"""Characters at which a fio job file cuts, quotes or replaces a value."""


def choose_ioengine(available: frozenset[str], *, asked: str | None, in_memory: bool) -> str:
    """Give the engine that was asked for, or the best asynchronous one present, or else psync.

    On a memory file system io_uring hands every I/O to a kernel thread, which libaio does not. `available` empty means
    that nobody knows. Raises `InputError` for an engine that this fio lacks.
    """
    if asked is not None:
        if available and asked not in available:
            raise InputError(f"this fio lacks the I/O engine '{asked}'", hint=nearest(asked, available))
        if asked == "io_uring" and not io_uring_works():
            raise InputError(
                "this kernel refuses io_uring",
                hint="Use ioengine=libaio, or see `storbench doctor` for how to allow it.",
            )
        return asked
    order = ("libaio", "posixaio") if in_memory else _ASYNCHRONOUS
    for name in order:
        if name in available and (name != "io_uring" or io_uring_works()):
            return name
    return "psync"


def engine_notes(ioengine: str) -> tuple[str, ...]:
    """Say what a reader must know of an engine."""
    if ioengine in _ASYNCHRONOUS:
        return ()
    return (f"ioengine {ioengine} is synchronous: each job has one I/O in flight, whatever its queue depth",)


def fio_path(path: Path) -> str:
    """Give an absolute path as fio's `filename` wants it. Raises `InputError` for one that fio would misread."""
    text = str(path)
    if set(text) & _UNUSABLE or text != text.strip():
        raise InputError(
            f"fio cannot address {text!r}", hint="Choose a path without quotes, ; # $ \\ and blanks at its ends."
        )
    return text.replace(":", "\\:")


def io_uring_works() -> bool:
    """Whether the kernel, or the container around this process, allows io_uring."""
    return io_uring_error() in (0, errno.EINVAL, errno.EFAULT)


@cache
def io_uring_error() -> int:
    """Ask the kernel for an io_uring without entries, which makes nothing; give the errno."""
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    descriptor = libc.syscall(ctypes.c_long(_IO_URING_SETUP), ctypes.c_uint(0), None)
    if descriptor >= 0:
        os.close(descriptor)
        return 0
    return ctypes.get_errno()
