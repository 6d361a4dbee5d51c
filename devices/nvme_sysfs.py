"""Which controllers and namespaces belong to an NVMe disk, as sysfs shows them."""

from __future__ import annotations

import re
from pathlib import Path

from ..common.system_files import read_int

_CONTROLLER = re.compile(r"nvme\d+")
_NAMESPACE = re.compile(r"nvme\d+(?:c\d+)?n(\d+)")


def is_nvme(disk: Path) -> bool:
    """Say whether a whole disk is an NVMe namespace, by the kernel's name for it."""
    return re.fullmatch(r"nvme\d+n\d+", disk.name) is not None


def controllers_of(disk: Path) -> list[Path]:
    """Give the folders of the controllers above a namespace; several where it is reached on several paths."""
    device = disk / "device"
    if not device.exists():
        return []
    parent = device.resolve()
    if _CONTROLLER.fullmatch(parent.name):
        return [parent]
    # With native multipath the parent is the subsystem, which links to its controllers.
    return [found.resolve() for found in sorted(parent.glob("nvme*")) if _CONTROLLER.fullmatch(found.name)]


def namespace_of(disk: Path) -> int | None:
    """Give a namespace's identifier, which is not always the number in its name; None where the kernel is too old."""
    return read_int(disk / "nsid")


def namespaces_seen(disk: Path) -> set[str]:
    """Name the namespaces that the kernel has attached through this disk's controllers."""
    places = {place for controller in controllers_of(disk) for place in (controller, disk / "device")}
    found = (_NAMESPACE.fullmatch(path.name) for place in places for path in place.glob("nvme*n*"))
    return {match[1] for match in found if match}
