"""A raw block device. Writing destroys what is on it, so that takes the device's own serial, typed by the user."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..common.errors import InputError, SafetyError
from ..common.units import format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .block_sysfs import (
    block_facts,
    device_number,
    family,
    holders,
    logical_block_size,
    serial_of,
    size_of,
    sysfs_of,
    whole_disk,
)
from .health_block import block_health
from .ioengines import FileEngine, choose_ioengine, engine_notes, fio_path
from .mounts import Mount, mounts
from .purge_block import purge_disk
from .purge_plan import Disk


class BlockParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the device is driven."""

    ioengine: FileEngine | None = None
    direct: bool = True
    """Bypass the page cache."""


class _Held(msgspec.Struct, frozen=True):
    """What was opened, and what it may be used for."""

    opening: Opening
    number: str
    """MAJOR:MINOR."""
    size: int


class BlockDevice:
    """One block device; `root` is where /proc, /sys and /run are."""

    def __init__(self, url: str, path: Path, parameters: BlockParameters, root: Path = Path("/")) -> None:
        self._url = url
        self._path = path
        self._parameters = parameters
        self._root = root
        self._held: _Held | None = None

    def info(self) -> DeviceInfo:
        """Give size and block size. Raises `InputError` for what is no block device or has no medium."""
        folder = self._folder()
        size = size_of(folder)
        if not size:
            raise InputError(f"{self._path} has no medium: its size is zero")
        return DeviceInfo(self._url, "block", size, logical_block_size(folder))

    def facts(self) -> Facts:
        """Give model, serial, firmware, size, queue and cache."""
        return {"path": str(self._path), **block_facts(self._folder(), self._root)}

    def check(self, opening: Opening) -> None:
        """Refuse to write a device in use or one whose serial was not typed, and to read what may not be read."""
        folder = self._folder()
        fio_path(self._path)
        choose_ioengine(opening.ioengines, asked=self._parameters.ioengine, in_memory=False)
        if opening.write:
            refuse_use(self._path, folder, mounts(self._root), _swaps(self._root))
            refuse_unless_named(self._path, folder, opening.destroy, self._root)
        if not os.access(self._path, os.W_OK if opening.write else os.R_OK):
            raise InputError(
                f"{self._path} may not be {'written' if opening.write else 'read'} by this user",
                hint="Run as root, or as a member of the group that owns it.",
            )

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Hold the device, for writing exclusively: nothing can mount it while the run is under way."""
        self.check(opening)
        info = self.info()
        with _held(self._path, exclusive=opening.write) as descriptor:
            number = device_number_of(descriptor)
            if number != device_number(self._path):
                raise SafetyError(f"{self._path} became another device in this moment")
            ioengine = choose_ioengine(opening.ioengines, asked=self._parameters.ioengine, in_memory=False)
            options = {
                "ioengine": ioengine,
                "filename": fio_path(self._path),
                "direct": "1" if self._parameters.direct else "0",
                "allow_file_create": "0",
            }
            notes = [*engine_notes(ioengine)]
            if not self._parameters.direct:
                notes.append("the page cache is not bypassed (direct=false): reads may come from memory")
            self._held = _Held(opening, number, info.size)
            try:
                yield Target(info.size, options, logical_block_size=info.logical_block_size, notes=tuple(notes))
            finally:
                self._held = None

    def purge(self, target: Target) -> Purged:
        """Bring the disk near to fresh out of the box, by the strongest way that reaches nothing but this disk.

        Only while it is open for writing; everything that opening it had checked is checked again before each command
        that destroys. Raises `SafetyError` where it may not be, `MeasurementError` where it was begun and failed.
        """
        held = self._held
        if held is None or not held.opening.write:
            raise SafetyError(f"{self._path} was not opened for writing, so it is not purged")
        if target.size != held.size:
            raise SafetyError(f"{self._path} was opened with {held.size:,} B, not with {target.size:,} B")
        folder = self._folder()
        disk = Disk(self._path, folder, held.number, held.size, lambda: self._allow_destruction(held), self._root)
        return purge_disk(disk)

    def health(self, target: Target) -> Facts:  # noqa: ARG002 - the disk is the same, however it is driven
        """Give what the disk's own logs say."""
        return block_health(self._folder())

    def _allow_destruction(self, held: _Held) -> None:
        """Check once more that this is the disk whose serial was typed, and that nothing uses it."""
        folder = self._folder()
        if device_number(self._path) != held.number or size_of(folder) != held.size:
            raise SafetyError(f"{self._path} became another device since it was opened")
        refuse_use(self._path, folder, mounts(self._root), _swaps(self._root))
        refuse_unless_named(self._path, folder, held.opening.destroy, self._root)

    def _folder(self) -> Path:
        try:
            found = self._path.stat()
        except OSError as error:
            raise InputError(f"cannot look at {self._path}: {error.strerror}") from None
        if not stat.S_ISBLK(found.st_mode):
            raise InputError(
                f"{self._path} is not a block device", hint=f"For a file write file:{self._path}?size=… instead."
            )
        folder = sysfs_of(device_number(self._path), self._root)
        if folder is None:
            raise InputError(f"the kernel knows no device behind {self._path}")
        return folder


def refuse_use(path: Path, folder: Path, mounted: list[Mount], swaps: set[str]) -> None:
    """Raise `SafetyError` for a device that the system uses: mounted, held, swap, part of a disk, read-only."""
    disk = whole_disk(folder)
    if disk != folder:
        raise SafetyError(
            f"{path} is a partition of {disk.name}", hint="Only whole disks are written; partition tables are not kept."
        )
    parts = {(part / "dev").read_text().strip(): part.name for part in family(folder)}
    for mount in mounted:
        name = parts.get(mount.device) or next((n for n in parts.values() if mount.source == f"/dev/{n}"), None)
        if name is not None:
            raise SafetyError(
                f"{path} is in use: {name} is mounted at {mount.point}", hint=f"Unmount it first: umount {mount.point}"
            )
    if held := holders(folder):
        raise SafetyError(
            f"{path} is in use by {', '.join(held)} (RAID, LVM or encryption)", hint="Take it out of there first."
        )
    for name in parts.values():
        if name in swaps:
            raise SafetyError(f"{path} is in use: {name} is swap space", hint=f"Switch it off: swapoff /dev/{name}")
    if (folder / "ro").exists() and (folder / "ro").read_text().strip() == "1":
        raise SafetyError(f"{path} is read-only")


def refuse_unless_named(path: Path, folder: Path, destroy: frozenset[str], root: Path = Path("/")) -> None:
    """Raise `SafetyError` unless the device's serial is among those that may be destroyed."""
    serial = serial_of(folder, root)
    facts = block_facts(folder, root)
    what = f"{facts.get('model') or 'no model name'}, {format_size(size_of(folder))}"
    if serial is None:
        raise SafetyError(
            f"{path} ({what}) has no serial, so it cannot be told from another disk",
            hint="Give it one (a virtual disk: serial=… in its hypervisor), or measure a file on it with file:.",
        )
    if serial not in destroy:
        wrong = f"; --destroy named {', '.join(sorted(destroy))}" if destroy else ""
        raise SafetyError(
            f"the workload writes to {path} ({what}, serial {serial}): everything on it would be lost{wrong}",
            hint=f"If that is meant, type its serial: --destroy {serial}",
        )


def device_number_of(descriptor: int) -> str:
    """Give MAJOR:MINOR of an open device."""
    number = os.fstat(descriptor).st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


@contextmanager
def _held(path: Path, *, exclusive: bool) -> Iterator[int]:
    # O_EXCL on a block device: the kernel grants it to one holder only, and a mount is one.
    flags = os.O_RDWR | os.O_EXCL if exclusive else os.O_RDONLY
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise SafetyError(f"{path} is in use: the kernel does not give it away") from None
        raise InputError(f"cannot open {path}: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _swaps(root: Path) -> set[str]:
    try:
        lines = (root / "proc/swaps").read_text().splitlines()[1:]
    except OSError:
        return set()
    return {Path(line.split()[0]).name for line in lines if line.split()}


class BlockKind:
    """Block devices by path."""

    scheme = "block"
    summary = "a raw block device; written only with --destroy and its serial"
    example = "block:/dev/nvme0n1"
    api_version = API_VERSION
    parameters = BlockParameters

    def resolve(self, url: str, address: str, parameters: BlockParameters) -> BlockDevice:
        """Build the device of a path such as /dev/disk/by-id/…, whose links are followed."""
        if not address.startswith("/"):
            raise InputError(f"'{address}' is no absolute path", hint="Write it like block:/dev/nvme0n1.")
        return BlockDevice(url, Path(address).resolve(), parameters)


KIND = BlockKind()
