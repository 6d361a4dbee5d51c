"""One way to write a file that is either wholly there or not there at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a path in the target's own folder to write to; rename it over `target` once the block ends well.

    The file is fsynced before the rename and its folder after it. When the block raises, the part is removed.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(target)
        sync_folder(target.parent)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def write_atomic(target: Path, content: bytes | str) -> None:
    """Write `content` to `target` by `atomic_path`."""
    with atomic_path(target) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def writable_folder(folder: Path) -> Path:
    """Make `folder` if it is missing and check that files can be made in it. Raises `InputError` with the reason."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".storbench-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}", hint="Choose another folder with -o."
        ) from error
    return folder
