"""A file that a run makes for itself, and only itself removes again.

Ownership must survive a killed harness and must never be mistaken. A file is therefore made under a hidden name that
carries the run's id, and then hard-linked to its own name, which fails where that name is taken. As long as both names
lead to one inode the file is that run's; nothing else is ever removed.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..common.errors import InputError
from ..common.units import format_size


def hidden_name(path: Path, run_id: str) -> Path:
    """Give the second name that marks `path` as made by run `run_id`."""
    return path.with_name(f".{path.name}.{run_id}.storbench")


@contextmanager
def owned_file(path: Path, size: int, run_id: str, *, keep: bool) -> Iterator[bool]:
    """Make `path` with `size` preallocated bytes, and remove it when the block ends unless `keep`.

    Yields whether its contents are new: a run that is resumed finds the file that it had left. Raises `InputError`
    where the name is taken, where there is no space, or where the file system cannot do it.
    """
    hidden = hidden_name(path, run_id)
    fresh = not hidden.exists()
    try:
        with locked(hidden, os.O_RDWR | os.O_CREAT) as descriptor:
            _allocate(descriptor, size, path)
            _give_name(hidden, path)
            yield fresh
    finally:
        remove_owned(path, run_id, keep=keep)


@contextmanager
def locked(path: Path, flags: int) -> Iterator[int]:
    """Hold a file open and locked against other runs. Raises `InputError` where it is in use or cannot be opened."""
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{path} is in use by another run") from None
        yield descriptor
    finally:
        os.close(descriptor)


def remove_owned(path: Path, run_id: str, *, keep: bool = False) -> None:
    """Remove what `run_id` made at `path`, and nothing else; with `keep` only the mark goes."""
    hidden = hidden_name(path, run_id)
    with suppress(FileNotFoundError):
        if not keep and path.exists() and path.samefile(hidden):
            path.unlink()
        hidden.unlink()


def made_by_a_run(path: Path) -> bool:
    """Say whether a run that has not ended made this file: its second name is still there."""
    marks = path.parent.glob(f".{glob.escape(path.name)}.*.storbench")
    return any(mark.exists() and path.exists() and path.samefile(mark) for mark in marks)


def check_room(path: Path, size: int) -> None:
    """Refuse a file that its folder cannot take. Raises `InputError`."""
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", hint=f"Make it: mkdir -p '{folder}'")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"cannot write in {folder}", hint="Choose a folder in which this user may write.")
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    if size > free:
        raise InputError(
            f"no space: {path} needs {format_size(size)}, {folder} has {format_size(free)} free",
            hint="Choose a smaller size or another folder.",
        )


def _allocate(descriptor: int, size: int, path: Path) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"no space for the {format_size(size)} of {path}", hint="Choose a smaller size or another folder."
            ) from None
        if error.errno == errno.EFBIG:
            raise InputError(f"{path}: the file system cannot hold a file of {format_size(size)}") from None
        raise InputError(f"cannot make {path}: {error.strerror}") from None


def _give_name(hidden: Path, path: Path) -> None:
    if path.exists() and path.samefile(hidden):
        return
    try:
        os.link(hidden, path)
    except FileExistsError:
        raise InputError(f"{path} exists", hint="Choose another name.") from None
    except OSError as error:
        raise InputError(
            f"cannot make {path}: its file system has no hard links ({error.strerror})",
            hint="Make the file yourself and give overwrite=true; it is then used as it is and kept.",
        ) from None
