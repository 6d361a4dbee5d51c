"""What the kernel says of a block device (sysfs), without opening it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..common.system_files import chosen, read_int, read_text
from .base import Facts, known_facts
from .nvme_sysfs import controllers_of

_SECTOR = 512
"""The unit of sysfs' sizes, whatever the device's own block is."""


def sysfs_of(device: str, root: Path = Path("/")) -> Path | None:
    """Find the folder of a block device by its MAJOR:MINOR; None where the kernel knows none."""
    folder = root / "sys/dev/block" / device
    return folder.resolve() if folder.exists() else None


def device_number(path: Path) -> str:
    """Give MAJOR:MINOR of a device node."""
    number = path.stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def whole_disk(folder: Path) -> Path:
    """Give the disk that a partition lies on, or the disk itself."""
    return folder.parent if (folder / "partition").exists() else folder


def family(folder: Path) -> Iterator[Path]:
    """Give a device and its partitions."""
    yield folder
    for part in sorted(folder.glob("*/partition")):
        yield part.parent


def holders(folder: Path) -> list[str]:
    """Name what is built on a device or its partitions: RAID, LVM, encryption."""
    return sorted({name.name for part in family(folder) for name in _names(part / "holders")})


def size_of(folder: Path) -> int:
    """Give the size in bytes, 0 where there is no medium."""
    return (read_int(folder / "size") or 0) * _SECTOR


def logical_block_size(folder: Path) -> int:
    """Give the smallest I/O in bytes."""
    return read_int(whole_disk(folder) / "queue/logical_block_size") or _SECTOR


def serial_of(folder: Path, root: Path = Path("/")) -> str | None:
    """Find what tells a disk from every other one: serial, world wide name, or a loop device's backing file."""
    disk = whole_disk(folder)
    for place in ("serial", "device/serial"):
        if text := read_text(disk / place):
            return text
    # SCSI: page 80h, the serial after a header of four bytes.
    try:
        page = (disk / "device/vpd_pg80").read_bytes()[4:].decode("ascii", errors="replace").strip("\0 ")
    except OSError:
        page = ""
    return (
        page
        or _udev_serial(disk, root)
        or read_text(disk / "wwid")
        or read_text(disk / "device/wwid")
        or read_text(disk / "loop/backing_file")
    )


def block_facts(folder: Path, root: Path = Path("/")) -> Facts:
    """Give model, serial, firmware, size, queue and cache; what the kernel does not tell is left out."""
    disk = whole_disk(folder)
    queue = disk / "queue"
    facts: Facts = {
        "name": folder.name,
        "model": read_text(disk / "device/model"),
        "vendor": read_text(disk / "device/vendor"),
        "serial": serial_of(folder, root),
        "firmware": read_text(disk / "device/firmware_rev") or read_text(disk / "device/rev"),
        "size": size_of(folder),
        "rotational": _flag(queue / "rotational"),
        "scheduler": chosen(queue / "scheduler") or read_text(queue / "scheduler"),
        "write_cache": read_text(queue / "write_cache"),
        "logical_block_size": read_int(queue / "logical_block_size"),
        "physical_block_size": read_int(queue / "physical_block_size"),
        "queue_requests": read_int(queue / "nr_requests"),
        "readahead_kib": read_int(queue / "read_ahead_kb"),
        "max_sectors_kib": read_int(queue / "max_sectors_kb"),
        "polling": _flag(queue / "io_poll"),
        "zoned": read_text(queue / "zoned"),
        "discard": bool(read_int(queue / "discard_max_bytes")),
        "read_only": _flag(folder / "ro"),
        "removable": _flag(disk / "removable"),
        **link_facts(disk),
    }
    return known_facts(facts)


def link_facts(disk: Path) -> Facts:
    """Give transport and link speed of an NVMe or SATA disk, negotiated and highest; empty where none is shown."""
    if controllers := controllers_of(disk):
        port = next((place for place in controllers[0].parents if (place / "current_link_speed").exists()), None)
        facts: Facts = {"transport": read_text(controllers[0] / "transport")}
        if port is not None:
            facts |= {"link_speed": _pcie(port, "current"), "link_speed_max": _pcie(port, "max")}
        return facts
    # A host adapter has a link of its own, which is not the disk's: only the nearest ATA port counts.
    ata = next((place for place in disk.resolve().parents if re.fullmatch(r"ata\d+", place.name)), None)
    link = next(iter(sorted(ata.glob("link*/ata_link/link*"))), None) if ata is not None else None
    if link is None:
        return {}
    speeds: Facts = {"link_speed": read_text(link / "sata_spd"), "link_speed_max": read_text(link / "sata_spd_max")}
    return {"transport": "sata", **speeds}


def _pcie(port: Path, which: str) -> str | None:
    speed, width = read_text(port / f"{which}_link_speed"), read_text(port / f"{which}_link_width")
    return f"{speed} x{width}" if speed and width else speed


def _udev_serial(disk: Path, root: Path) -> str | None:
    number = read_text(disk / "dev")
    found = read_text(root / f"run/udev/data/b{number}") if number else None
    lines = dict(line[2:].partition("=")[::2] for line in (found or "").splitlines() if line.startswith("E:"))
    return lines.get("ID_SERIAL_SHORT") or lines.get("ID_SERIAL") or None


def _flag(path: Path) -> bool | None:
    number = read_int(path)
    return None if number is None else bool(number)


def _names(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
