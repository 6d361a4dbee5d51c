"""Which devices can be measured at the same time: those that share no hardware.

Two loads on one disk measure each other. A simulated device shares nothing but the processor, and time on the processor
is not what it measures. An emulated one, or a server on this machine, needs the processor for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..devices.base import Device, DeviceInfo

PROCESSOR = "this machine's processor"


def hardware_of(device: Device, info: DeviceInfo, root: Path = Path("/")) -> frozenset[str]:
    """Name the hardware that a device is on; what is not known counts as the same for all that do not say it.

    `root` is where /sys is.
    """
    if info.engine == "model":
        return frozenset()
    facts = device.facts()
    disk = facts.get("disk_name") or (facts.get("name") if info.scheme == "block" else None)
    if disk:
        return frozenset(f"disk {name}" for name in _disks_below(str(disk), root))
    return frozenset({PROCESSOR})


def _disks_below(name: str, root: Path) -> Iterator[str]:
    """Yield the disks that a RAID, an encryption or a volume is built on, or the disk itself."""
    parts = sorted((root / "sys/class/block" / name / "slaves").glob("*"))
    for part in parts:
        whole = part.resolve()
        yield from _disks_below((whole.parent if (whole / "partition").exists() else whole).name, root)
    if not parts:
        yield name


def lanes(hardware: Sequence[frozenset[str]]) -> list[list[int]]:
    """Give the positions of devices in lanes: those in one lane share hardware and run one after the other.

    Who needs the processor for itself runs beside nobody: then there is one lane.
    """
    if any(PROCESSOR in one for one in hardware):
        return [list(range(len(hardware)))]
    found: list[tuple[set[str], list[int]]] = []
    for position, one in enumerate(hardware):
        shared = [lane for lane in found if lane[0] & one]
        names = set(one).union(*(lane[0] for lane in shared))
        positions = sorted([position, *(p for lane in shared for p in lane[1])])
        found = [lane for lane in found if lane not in shared] + [(names, positions)]
    return sorted(positions for _, positions in found)
