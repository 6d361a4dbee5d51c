"""Findings about a folder in which targets or runs are to lie: its file system, direct I/O, space, rights."""

from __future__ import annotations

import mmap
import os
import shlex
import tempfile
from pathlib import Path

import msgspec

from ..common.units import format_size
from ..devices.mounts import MEMORY_FILE_SYSTEMS, mount_of, mounts
from .finding import Finding, Status

_LAYERED = frozenset({"overlay", "aufs", "ecryptfs", "unionfs"})
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "virtiofs", "lustre", "gpfs", "beegfs", "afs", "glusterfs",
     "orangefs", "ocfs2", "gfs2"}
)  # fmt: skip
_LOW_SPACE = 1 << 30
_LOW_SPACE_SHARE = 0.05
_NO_SPACE = 64 << 20
_BLOCK = 4096


class Folder(msgspec.Struct, frozen=True):
    """What was seen of a folder."""

    path: Path
    file_system: str | None = None
    source: str = ""
    """The device or server that is mounted there."""
    refused: str = ""
    """Why no file can be made in it."""
    direct: bool | None = None
    """Whether direct I/O works; None where it could not be tried."""
    free: int | None = None
    size: int | None = None
    """Both in bytes."""


def look_at(path: Path, root: Path = Path("/")) -> Folder:
    """Look at a folder, or at the one that holds a file; one file of 4 KiB is made there and removed."""
    folder = Path(os.path.abspath(path))  # noqa: PTH100 - not through links: the user's own words come back to them
    try:
        if folder.is_file():
            folder = folder.parent
        if not folder.is_dir():
            return Folder(folder, refused="there is no such folder")
        space = os.statvfs(folder)
    except OSError as error:  # a stale network mount, a folder above that may not be entered
        return Folder(folder, refused=error.strerror or str(error))
    mount = mount_of(folder.resolve(), mounts(root))
    file_system, source = (mount.file_system, mount.source) if mount else (None, "")
    refused, direct = _try_direct(folder)
    return Folder(
        folder, file_system, source, refused, direct, space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
    )


def folder_findings(folder: Folder) -> list[Finding]:
    """Judge a folder."""
    if folder.refused:
        why = "Targets and runs are files; they need a folder in which this user may write."
        place = shlex.quote(str(folder.path))
        advice = f"Choose another folder, or: mkdir -p {place} && chmod u+w {place}"
        return [Finding(f"folder {folder.path}", "problem", folder.refused, why, advice)]
    # Memory takes direct I/O since Linux 6.6 and means nothing by it.
    direct = [] if folder.file_system in MEMORY_FILE_SYSTEMS else [direct_finding(folder)]
    return [file_system_finding(folder), *direct, space_finding(folder)]


def file_system_finding(folder: Folder) -> Finding:
    """Judge what kind of file system it is."""
    kind = folder.file_system
    name = f"folder {folder.path}"
    if kind is None:
        return Finding(name, "unknown", "its file system cannot be found")
    seen = f"{kind} on {folder.source}, writable"
    status: Status = "warning"
    advice = "Choose a folder on a local disk (df -T shows the type) for file: targets; for runs it is good enough."
    if kind in MEMORY_FILE_SYSTEMS:
        why = "It is memory: a file: target here measures the processor, not storage."
    elif kind in _NETWORK:
        why = "It is served over a network or by a host: a file: target here measures that as well."
    elif kind in _LAYERED:
        why = "It lies over another file system: first writes copy whole files, and its own locks are measured as well."
    elif kind.startswith("fuse"):
        why = "A program serves it: each I/O takes the way through that program."
    elif kind == "zfs":
        why = "It caches reads in memory on its own, beyond what direct I/O can avoid."
    else:
        return Finding(name, "ok", seen)
    return Finding(name, status, seen, why, advice)


def direct_finding(folder: Folder) -> Finding:
    """Judge whether the page cache can be bypassed."""
    name = f"direct I/O in {folder.path}"
    if folder.direct is None:
        return Finding(name, "unknown", "could not be tried")
    if folder.direct:
        return Finding(name, "ok", "works")
    why = "Reads come from the page cache: the numbers are those of memory."
    advice = "Choose another file system (ext4, xfs), or a target of at least twice the memory and direct=false."
    return Finding(name, "warning", "refused by the file system", why, advice)


def space_finding(folder: Folder) -> Finding:
    """Judge the space that is left."""
    name = f"space in {folder.path}"
    if folder.free is None or not folder.size:
        return Finding(name, "unknown", "not visible")
    seen = f"{format_size(folder.free)} free of {format_size(folder.size)}"
    if folder.free >= _LOW_SPACE and folder.free >= _LOW_SPACE_SHARE * folder.size:
        return Finding(name, "ok", seen)
    why = "A nearly full file system allocates in fragments, a nearly full SSD collects garbage; a run may not fit."
    status: Status = "problem" if folder.free < _NO_SPACE else "warning"
    return Finding(name, status, seen, why, f"Make room: du -xh {shlex.quote(str(folder.path))} | sort -h | tail")


def _try_direct(folder: Path) -> tuple[str, bool | None]:
    """Write one block past the page cache; give why no file can be made, and whether direct I/O works."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=".storbench-", dir=folder)
    except OSError as error:
        return f"no file can be made in it: {error.strerror}", None
    os.close(descriptor)
    try:
        descriptor = os.open(name, os.O_RDWR | os.O_DIRECT | os.O_CLOEXEC)
    except OSError:
        return "", False
    finally:
        os.unlink(name)  # noqa: PTH108 - before the write: nothing stays, however this ends
    try:
        with mmap.mmap(-1, _BLOCK) as block:  # a page of its own is aligned as direct I/O wants it
            return "", os.write(descriptor, block) == _BLOCK
    except OSError:
        return "", False
    finally:
        os.close(descriptor)
