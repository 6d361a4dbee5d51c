"""Whose it is: the mark that everything carries which a process of storbench makes outside its own folder.

    PID:START:NAMESPACE:BOOT

Process id and start time (clock ticks since boot, proc_pid_stat(5) field 22) together name one process, because an id
is used again and a start time is not; the namespace of process ids and the boot say where that id means something.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Literal, Self

import msgspec

VARIABLE = "STORBENCH_OWNER"
"""The environment variable by which a child process carries its mark."""

State = Literal["alive", "dead", "unknown"]
_ENDED = frozenset("ZXx")


class Owner(msgspec.Struct, frozen=True):
    """One process that made something."""

    pid: int
    started: int
    namespace: int
    """Inode number of its namespace of process ids."""
    boot: str

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a mark; None for what is none."""
        parts = text.strip().split(":")
        if len(parts) != 4 or not all(part.isascii() and part.isdecimal() for part in parts[:3]) or not parts[3]:
            return None
        return cls(int(parts[0]), int(parts[1]), int(parts[2]), parts[3])

    def __str__(self) -> str:
        return f"{self.pid}:{self.started}:{self.namespace}:{self.boot}"

    def state(self) -> State:
        """Say whether that process is still there; `unknown` where it cannot be seen from here."""
        if self.boot != _boot():
            return "unknown"  # before a restart of this machine, or on another one with which a folder is shared
        if self.namespace != _namespace():
            return "unknown"
        found = process_state(self.pid)
        if found is None:
            return "dead"
        letter, started = found
        return "alive" if started == self.started and letter not in _ENDED else "dead"


def this_process() -> Owner:
    """Give the mark of what this process makes."""
    return _owner(os.getpid())


def process_state(pid: int) -> tuple[str, int] | None:
    """Give a process's state letter and start time (clock ticks since boot); None where there is none."""
    try:
        # The name, in parentheses, may hold anything; what follows its last parenthesis does not.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), int(fields[19])


@cache
def _owner(pid: int) -> Owner:
    found = process_state(pid)
    return Owner(pid, 0 if found is None else found[1], _namespace(), _boot())


@cache
def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - what the link leads to has no path
    except OSError:
        return 0


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
