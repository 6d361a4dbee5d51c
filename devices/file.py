"""A file on a file system: made for the run and removed after it, or one that is there already."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..common.errors import InputError, MeasurementError, SafetyError
from ..common.units import Size, format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .block_sysfs import block_facts, logical_block_size, sysfs_of
from .health_block import block_health
from .ioengines import FileEngine, choose_ioengine, engine_notes, fio_path
from .mounts import MEMORY_FILE_SYSTEMS, Mount, mount_of, mounts
from .owned_file import check_room, hidden_name, locked, made_by_a_run, owned_file, remove_owned
from .purge_file import purge_file


class FileParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the file is made and driven."""

    size: Size | None = None
    """Required for a new file; of an existing one at most its own size, which is the default."""
    ioengine: FileEngine | None = None
    direct: bool | None = None
    """Bypass the page cache; by default where the file system can."""
    keep: bool = False
    """Leave a file that the run made."""
    overwrite: bool = False
    """Allow writing inside a file that the run did not make; it is never removed."""


class FileDevice:
    """One file target."""

    def __init__(self, url: str, path: Path, parameters: FileParameters) -> None:
        self._url = url
        self._path = path
        self._parameters = parameters

    def info(self) -> DeviceInfo:
        """Give size and block size. Raises `InputError` for what is no file, or a size that does not fit."""
        existing = existing_size(self._path)
        size = agreed_size(self._path, existing, self._parameters.size)
        backing = self._backing()
        block = logical_block_size(backing) if backing is not None and self._direct() else 512
        return DeviceInfo(self._url, "file", size, block, blank=existing is None)

    def facts(self) -> Facts:
        """Give path, file system, and the disk below where there is one."""
        mount = self._mount()
        backing = self._backing()
        facts: Facts = {"path": str(self._path)}
        if mount is not None:
            facts |= {"file_system": mount.file_system, "mount_options": mount.options, "mount_source": mount.source}
        if backing is not None:
            facts |= {f"disk_{name}": value for name, value in block_facts(backing).items()}
        return facts

    def check(self, opening: Opening) -> None:
        """Refuse a foreign file, a missing folder, too little space, an engine that is not there."""
        fio_path(self._path)
        self._engine(opening)
        if self._parameters.direct and not self._direct():
            raise InputError(
                f"{self._path.parent} does not take direct I/O", hint="Use direct=false, or another file system."
            )
        existing = existing_size(self._path)
        if existing is None:
            check_room(self._path, self.info().size)
        elif opening.write and not self._parameters.overwrite:
            raise SafetyError(
                f"{self._path} exists and was not made by this run",
                hint="Name a file that does not exist, or add overwrite=true to have it written over.",
            )
        elif not os.access(self._path, os.W_OK if opening.write else os.R_OK):
            raise InputError(f"{self._path} may not be {'written' if opening.write else 'read'} by this user")

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Make or lock the file; remove it afterwards if it was made."""
        made_before = hidden_name(self._path, opening.run_id).exists()
        if existing_size(self._path) is not None and not made_before:
            self.check(opening)
            size = self.info().size
            with locked(self._path, os.O_RDONLY):
                yield self._target(opening, size, fresh=False)
            return
        size = self._parameters.size or self.info().size
        with owned_file(self._path, size, opening.run_id, keep=self._parameters.keep) as fresh:
            yield self._target(opening, size, fresh=fresh)

    def discard(self, run_id: str) -> None:
        """Remove the file if run `run_id` made it."""
        remove_owned(self._path, run_id, keep=self._parameters.keep)

    def purge(self, target: Target) -> Purged:
        """Make the file anew in place. Only one that a run made, or that may be written over.

        Raises `SafetyError` for any other, `MeasurementError` where it was begun and failed.
        """
        if not self._parameters.overwrite and not made_by_a_run(self._path):
            raise SafetyError(f"{self._path} was not made by this run", hint="Add overwrite=true to have it purged.")
        mount, backing = self._mount(), self._backing()
        discards = None if mount is None or backing is None else _discards(mount)
        try:
            return purge_file(self._path, target.size, discards=discards)
        except OSError as error:
            raise MeasurementError(f"{self._path} could not be purged: {error.strerror}") from None

    def health(self, target: Target) -> Facts:  # noqa: ARG002 - the disk is the same, however it is driven
        """Give what the logs of the disk below say."""
        backing = self._backing()
        if backing is None:
            return {"health_unavailable": "the file system lies on no disk that the kernel shows"}
        return block_health(backing)

    def _target(self, opening: Opening, size: int, *, fresh: bool) -> Target:
        direct = self._direct()
        ioengine = self._engine(opening)
        options = {
            "ioengine": ioengine,
            "filename": fio_path(self._path),
            "direct": "1" if direct else "0",
            # The file is there with all its blocks: a missing one is an error, not a reason to make another.
            "allow_file_create": "0",
        }
        notes = [*engine_notes(ioengine)]
        if self._in_memory():
            notes.append("the file lies in memory: the processor is measured, not storage")
        elif not direct:
            notes.append("the page cache is not bypassed (direct=false): reads may come from memory")
        return Target(size, options, logical_block_size=self.info().logical_block_size, fresh=fresh, notes=tuple(notes))

    def _engine(self, opening: Opening) -> str:
        return choose_ioengine(opening.ioengines, asked=self._parameters.ioengine, in_memory=self._in_memory())

    def _direct(self) -> bool:
        if self._parameters.direct is False or self._parameters.ioengine in ("mmap", "libpmem"):
            return False
        place = self._path if self._path.exists() else self._path.parent
        return not self._in_memory() and takes_direct_io(place)

    def _in_memory(self) -> bool:
        mount = self._mount()
        return mount is not None and mount.file_system in MEMORY_FILE_SYSTEMS

    def _mount(self) -> Mount | None:
        return mount_of(self._path, mounts())

    def _backing(self) -> Path | None:
        mount = self._mount()
        return sysfs_of(mount.device) if mount is not None else None


class FileKind:
    """Files by path."""

    scheme = "file"
    summary = "a file, made and preallocated for the run and removed after it"
    example = "file:/data/t.bin?size=4GiB"
    api_version = API_VERSION
    parameters = FileParameters

    def resolve(self, url: str, address: str, parameters: FileParameters) -> FileDevice:
        """Build the device of a path."""
        return FileDevice(url, absolute(address), parameters)


KIND = FileKind()


def absolute(address: str) -> Path:
    """Give the path with all links followed, as it will be opened. Raises `InputError` for no or a wrong path."""
    if not address or address.endswith("/"):
        raise InputError("a file's path is missing", hint="Write it like file:/data/t.bin?size=4GiB.")
    try:
        return Path(address).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"'{address}' is no path: {error}") from None


def existing_size(path: Path) -> int | None:
    """Give a regular file's size, None where there is nothing. Raises `InputError` for anything else."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot look at {path}: {error.strerror}") from None
    if stat.S_ISREG(found.st_mode):
        return found.st_size
    if stat.S_ISBLK(found.st_mode):
        raise InputError(f"{path} is a block device, not a file", hint=f"Address it as block:{path}.")
    what = "a folder" if stat.S_ISDIR(found.st_mode) else "not a regular file"
    raise InputError(f"{path} is {what}", hint="Name a file in it, such as t.bin." if what == "a folder" else "")


def agreed_size(path: Path, existing: int | None, asked: int | None) -> int:
    """Give the bytes to use. Raises `InputError` where there are none or an existing file has fewer than asked."""
    if existing is None:
        if asked is None:
            raise InputError(
                f"{path} does not exist and no size is given", hint="Add ?size=256MiB, or the size you need."
            )
        return asked
    if asked is not None and asked > existing:
        raise InputError(
            f"{path} exists with {format_size(existing)}, {format_size(asked)} were asked for",
            hint="Remove it, name another file, or ask for no more than it has.",
        )
    if not existing:
        raise InputError(f"{path} exists and is empty", hint="Remove it, or name another file.")
    return asked or existing


def takes_direct_io(place: Path) -> bool:
    """Try whether a file, or one made for a moment in a folder, can be opened past the page cache."""
    try:
        if place.is_file():
            os.close(os.open(place, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC))
        else:
            with tempfile.TemporaryFile(prefix=".storbench-", dir=place) as probe:
                fcntl.fcntl(probe, fcntl.F_SETFL, fcntl.fcntl(probe, fcntl.F_GETFL) | os.O_DIRECT)
    except OSError:
        return False
    return True


def _discards(mount: Mount) -> bool:
    """Say whether a file system tells the disk below which blocks are free, by its mount options."""
    options = f"{mount.options},{mount.super_options}".split(",")
    return any(option in ("discard", "discard=async", "discard=sync") for option in options)
