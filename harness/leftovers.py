"""What runs that were killed together with their guardian have left behind, and its removal.

Only what is provably storbench's and has lost its owner is ever touched: a process by the mark in its environment; a
file, folder, control group or named namespace by its line in the ledger of the process that made it; a mount or a loop
device by lying in one of these. The owner must be gone: its process id is free, or is another process's by now.
"""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ..common import guardian
from ..common.ledger import Ledger, ledgers, places
from ..common.ownership import VARIABLE, Owner, process_state

_ROUNDS, _PATIENCE_S, _PAUSE_S = 3, 5.0, 0.02
_NAMESPACES, _GROUPS = Path("/run/netns"), Path("/sys/fs/cgroup")
_ORDER = ("process", "mount", "loop device", "network namespace", "control group", "socket", "folder", "file", "ledger")


class Leftover(msgspec.Struct, frozen=True):
    """One thing that a storbench which is no longer there has made."""

    kind: str
    name: str
    owner: str
    """The mark of who made it."""


class Untouched(msgspec.Struct, frozen=True):
    """One thing that might be storbench's and is left alone."""

    kind: str
    name: str
    why: str


class Leftovers(msgspec.Struct, frozen=True):
    """What was found."""

    orphaned: tuple[Leftover, ...]
    untouched: tuple[Untouched, ...]


class Cleaned(msgspec.Struct, frozen=True):
    """What was done about it."""

    removed: tuple[Leftover, ...]
    remaining: tuple[Leftover, ...]
    """What could not be removed."""
    untouched: tuple[Untouched, ...]


class _Process(msgspec.Struct, frozen=True):
    pid: int
    started: int
    owner: Owner
    user: int
    command: str

    @property
    def name(self) -> str:
        return f"{self.pid} ({self.command})"


def find_leftovers() -> Leftovers:
    """Look for everything that bears storbench's mark, and for what is only named like it. Touches nothing."""
    processes, records = list(_processes()), ledgers()
    orphaned = [Leftover("process", one.name, str(one.owner)) for one in processes if _is_orphan(one)]
    for record in records:
        if record.owner.state() == "dead":
            owner = str(record.owner)
            for path in _removable(record, records):
                kind = _kind(path)
                orphaned.append(Leftover(kind, str(path), owner))
                if kind != "network namespace":  # which is itself nothing but a mount
                    orphaned += [Leftover("mount", point, owner) for point in guardian.mounted_at(str(path))]
                    orphaned += [Leftover("loop device", device, owner) for device in guardian.loops_in(str(path))]
            orphaned.append(Leftover("ledger", str(record.file), owner))
    orphaned.sort(key=lambda one: (_ORDER.index(one.kind), one.name))
    return Leftovers(tuple(orphaned), tuple(_untouched(processes, records)))


def clean() -> Cleaned:
    """Remove every leftover. Needs no confirmation, because it touches only what is storbench's and has no owner."""
    everything: dict[tuple[str, str], Leftover] = {}
    for _ in range(_ROUNDS):
        found = find_leftovers()
        if not found.orphaned:
            break
        everything |= {(one.kind, one.name): one for one in found.orphaned}
        # Servers first: what is mounted from one that hangs would make everybody wait who looks into it.
        _end([one for one in _processes() if _is_orphan(one)])
        records = ledgers()
        for record in records:
            if record.owner.state() == "dead":
                _settle(record, records)
    found = find_leftovers()
    left = {(one.kind, one.name) for one in found.orphaned}
    removed = tuple(one for key, one in everything.items() if key not in left)
    return Cleaned(removed, found.orphaned, found.untouched)


def _settle(record: Ledger, records: Sequence[Ledger]) -> None:
    """Remove what a ledger still names, and then the ledger."""
    deadline = time.monotonic() + _PATIENCE_S
    left = _removable(record, records)
    while left := [path for path in left if not guardian.remove(str(path))]:
        if time.monotonic() > deadline:
            return
        time.sleep(_PAUSE_S)
    # A process that is still there is found by its mark; the ledger is needed for the rest alone.
    with suppress(OSError):
        record.file.unlink()


def _removable(record: Ledger, records: Sequence[Ledger]) -> list[Path]:
    """Give the paths of a dead owner's ledger that are there, this user's, and nobody's who may be alive."""
    alive = [path for other in records if other.owner.state() != "dead" for path in other.paths]
    return [
        path
        for path in record.paths
        if _user_of(path) == os.geteuid()
        and not any(path.is_relative_to(other) or other.is_relative_to(path) for other in alive)
    ]


def _processes() -> Iterator[_Process]:
    """Give the processes that carry a mark, without this one and those that it runs under."""
    own = _ancestors()
    for name in os.listdir("/proc"):  # noqa: PTH208 - a name is all that is needed
        if name.isdecimal() and int(name) not in own:
            with suppress(OSError):
                if (found := _process(int(name))) is not None:
                    yield found


def _process(pid: int) -> _Process | None:
    folder = Path("/proc") / str(pid)
    prefix = f"{VARIABLE}=".encode()
    marks = [entry for entry in (folder / "environ").read_bytes().split(b"\0") if entry.startswith(prefix)]
    state = process_state(pid)
    owner = Owner.parse(os.fsdecode(marks[0][len(prefix) :])) if marks else None
    if owner is None or state is None or state[0] in "ZXx":
        return None
    words = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")
    command = " ".join(word.rpartition("/")[2] for word in words[:3]).strip()
    return _Process(pid, state[1], owner, folder.stat().st_uid, command[:60])


def _is_orphan(process: _Process) -> bool:
    return process.user == os.geteuid() and process.owner.state() == "dead"


def _ancestors() -> set[int]:
    found, pid = {os.getpid()}, os.getppid()
    while pid > 0 and pid not in found:
        found.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found


def _end(processes: Iterable[_Process]) -> None:
    """Kill processes, each only if its id is still its own, and wait until they are gone."""
    waiting = []
    for process in processes:
        try:
            handle = os.pidfd_open(process.pid)
        except OSError:
            continue
        # From here on the id can no longer come to mean another process unnoticed.
        if (process_state(process.pid) or ("", 0))[1] == process.started:
            with suppress(OSError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            waiting.append(handle)
        else:
            os.close(handle)
    deadline = time.monotonic() + _PATIENCE_S
    for handle in waiting:
        select.select([handle], [], [], max(0.0, deadline - time.monotonic()))
        os.close(handle)


def _untouched(processes: Sequence[_Process], records: Sequence[Ledger]) -> Iterator[Untouched]:
    """Name what is left alone although it looks orphaned, with the reason."""
    elsewhere = "its owner is in another container, on another machine, or from before a restart: remove it by hand"
    for one in processes:
        if one.owner.state() == "unknown":
            yield Untouched("process", one.name, elsewhere)
        elif one.owner.state() == "dead" and one.user != os.geteuid():
            yield Untouched("process", one.name, "another user's")
    known = {path for record in records for path in (record.file, *record.paths)}
    for record in records:
        state = record.owner.state()
        left = [path for path in record.paths if os.path.lexists(path)]
        if state == "unknown":
            yield from (Untouched(_kind(path), str(path), elsewhere) for path in (*left, record.file))
        elif state == "dead":
            kept = set(left) - set(_removable(record, records))
            yield from (Untouched(_kind(path), str(path), "another user's, or in use again") for path in sorted(kept))
    for path in _named_alike():
        if path not in known:
            mine = _user_of(path) == os.geteuid()
            why = "no ledger says that storbench made it" if mine else "another user's"
            yield Untouched(_kind(path), str(path), why)


def _named_alike() -> Iterator[Path]:
    for place in (*places(), _NAMESPACES, _GROUPS, *(path for path in _groups())):
        with suppress(OSError):
            yield from sorted(place.glob("storbench-*"))


def _groups() -> Iterator[Path]:
    """Give the roots of the control groups' hierarchies, where each has one of its own."""
    with suppress(OSError):
        yield from (path for path in sorted(_GROUPS.iterdir()) if (path / "cgroup.procs").exists())


def _user_of(path: Path) -> int | None:
    try:
        return path.lstat().st_uid
    except OSError:
        return None


def _kind(path: Path) -> str:
    if path.is_relative_to(_NAMESPACES):
        return "network namespace"
    if path.is_relative_to(_GROUPS):
        return "control group"
    try:
        mode = path.lstat().st_mode
    except OSError:
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "socket" if stat.S_ISSOCK(mode) else "file"
