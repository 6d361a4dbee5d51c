"""The limits that a control group puts on this process: cores, memory, disk bandwidth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..common.system_files import read_int, read_text
from ..devices.base import Facts, known_facts

_NO_LIMIT = 1 << 60
"""Version 1 writes an absurdly large number where there is no limit."""


def cgroup_limits(root: Path = Path("/")) -> Facts:
    """Give the tightest limits of the own group and those above it.

    `cgroup_cpus` in cores, `cgroup_memory_bytes`, `cgroup_io` as the kernel writes it; what has no limit is left out.
    """
    cpus: list[float] = []
    memory: list[int] = []
    io: list[str] = []
    for folder in _folders(root, ""):
        quota, _, period = (read_text(folder / "cpu.max") or "max").partition(" ")
        if quota.isdecimal() and period.isdecimal() and int(period):
            cpus.append(int(quota) / int(period))
        memory.append(read_int(folder / "memory.max") or _NO_LIMIT)
        io.append("; ".join((read_text(folder / "io.max") or "").splitlines()))
    for folder in _folders(root, "cpu"):
        old_quota, old_period = read_int(folder / "cpu.cfs_quota_us"), read_int(folder / "cpu.cfs_period_us")
        if old_quota and old_period and old_quota > 0:
            cpus.append(old_quota / old_period)
    memory += [read_int(folder / "memory.limit_in_bytes") or _NO_LIMIT for folder in _folders(root, "memory")]
    tightest = min(memory, default=_NO_LIMIT)
    return known_facts(
        {
            "cgroup_cpus": min(cpus, default=None),
            "cgroup_memory_bytes": tightest if tightest < _NO_LIMIT else None,
            "cgroup_io": "; ".join(filter(None, io)) or None,
        }
    )


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Give the folders of the own group and its parents; the controller `""` is version 2."""
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        names, _, group = rest.partition(":")
        if controller not in names.split(","):
            continue
        mounted = root / "sys/fs/cgroup"
        base = mounted / controller if controller or not (mounted / "unified").is_dir() else mounted / "unified"
        folder = base / group.lstrip("/")
        yield folder
        for parent in folder.parents:
            if not parent.is_relative_to(base):
                return
            yield parent
