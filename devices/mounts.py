"""Where things are mounted: the text of mountinfo (proc_pid_mountinfo(5)) as values."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
"""File systems that are memory: they take direct I/O since Linux 6.6 and mean nothing by it."""


class Mount(msgspec.Struct, frozen=True):
    """One mounted file system."""

    device: str
    """MAJOR:MINOR."""
    point: Path
    file_system: str
    source: str
    """The device node or server."""
    options: str
    super_options: str = ""
    """Those of the file system itself, wherever it is mounted, such as `discard`."""


def parse_mounts(mountinfo: str) -> list[Mount]:
    """Read every line that makes sense, in the kernel's order."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(" "), after.split(" ")
        if len(words) >= 6 and len(kind) >= 2:
            whole = kind[2] if len(kind) > 2 else ""
            found.append(Mount(words[2], Path(_plain(words[4])), kind[0], _plain(kind[1]), words[5], whole))
    return found


def mounts(root: Path = Path("/")) -> list[Mount]:
    """Give what this process sees mounted; empty where the system does not tell."""
    try:
        return parse_mounts((root / "proc/self/mountinfo").read_text(errors="replace"))
    except OSError:
        return []


def mount_of(path: Path, among: list[Mount]) -> Mount | None:
    """Find the mount that an absolute path without links lies on."""
    best: Mount | None = None
    for mount in among:
        # A later mount at the same place hides the earlier one.
        if path.is_relative_to(mount.point) and (best is None or len(mount.point.parts) >= len(best.point.parts)):
            best = mount
    return best


def _plain(text: str) -> str:
    """Undo the kernel's octal escapes of blanks."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
