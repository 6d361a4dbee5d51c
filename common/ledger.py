"""What a process has made outside its own folder, written down before it is made.

Should the process be killed, and its guardian with it, the ledger tells what is left and whose it was: `storbench
doctor` reads it. One file for each process, `storbench-PID-RANDOM.ledger`, in a place that does not depend on the
process's settings. Its first line is `storbench ledger 1 OWNER` (see `ownership`); each further line is one that the
guardian was told.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from .ownership import Owner, this_process

_HEAD = "storbench ledger 1 "
_PATTERN = "storbench-*.ledger"
_LONGEST = 16 << 20


class Ledger(msgspec.Struct, frozen=True):
    """What one ledger says."""

    file: Path
    owner: Owner
    paths: tuple[Path, ...]
    """Made and not yet removed, as far as the owner came to write it down."""


def places() -> list[Path]:
    """Give the folders in which ledgers and scratch folders usually are."""
    usual = [Path("/tmp"), Path(tempfile.gettempdir()), Path("/dev/shm")]  # noqa: S108 - all its names are checked
    return [place for place in dict.fromkeys(usual) if place.is_dir()]


def begin() -> tuple[int, Path] | None:
    """Make this process's ledger and give its descriptor, for appending, and its path; None where there is no room.

    A run does not fail for want of a ledger: the guardian knows the same.
    """
    owner = this_process()
    for place in places():
        path = place / f"storbench-{owner.pid}-{secrets.token_hex(4)}.ledger"
        with suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                head = f"{_HEAD}{owner}\n".encode()
                if os.write(descriptor, head) == len(head):
                    return descriptor, path
            except OSError:
                pass
            os.close(descriptor)
            path.unlink()
    return None


def ledgers(where: list[Path] | None = None) -> list[Ledger]:
    """Give every ledger that this user's processes made; what only looks like one is left out."""
    found = []
    for place in places() if where is None else where:
        for path in sorted(place.glob(_PATTERN)):
            with suppress(OSError):
                if (ledger := _read(path)) is not None:
                    found.append(ledger)
    return found


def _read(path: Path) -> Ledger | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - opened without following links
        facts = os.fstat(descriptor)
        # Whoever can write to the place can put a name there; nobody can put another's file there but as a link.
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_nlink != 1:
            return None
        text = os.fsdecode(file.read(_LONGEST))
    head, _, rest = text.partition("\n")
    owner = Owner.parse(head.removeprefix(_HEAD)) if head.startswith(_HEAD) else None
    if owner is None:
        return None
    paths: dict[str, None] = {}
    # A last line without its end was cut by the kill, or by a full disk.
    for line in rest.split("\n")[:-1]:
        verb, _, value = line.partition(" ")
        if verb == "+path" and value.startswith("/"):
            paths[value.replace("\0", "\n")] = None
        elif verb == "-path":
            paths.pop(value.replace("\0", "\n"), None)
    return Ledger(path, owner, tuple(map(Path, paths)))
