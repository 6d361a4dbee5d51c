"""The process that outlives a killed harness, for one second.

Run as a script with a pipe as standard input. Each line registers or releases something that must not outlive the
harness; when the pipe ends without a word, because the harness was killed, everything still registered is ended and
removed. It ignores the signals that end the harness, and imports nothing of storbench.

    +group PGID      kill this process group
    -group PGID      it has ended by itself
    +path PATH       remove this file or folder, and what is mounted in it
    -path PATH       keep it, or it is gone
    +keep WORD PATH  write this word into this file of /sys, which is about to be changed
    -keep PATH       it has been changed back
    quit             all is well

A line's end within a path is written as a zero byte. The argument, if there is one, is the ledger (see `ledger.py`),
which holds the lines that an earlier guardian was told; it is removed when nothing else is left.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

PATIENCE_S = 10.0
"""How long what cannot be removed yet is tried again."""


_LOOP_CLR_FD = 0x4C01
_CGROUPS = "/sys/fs/cgroup/"


def serve(ledger: str | None = None) -> None:
    """Read registrations until the pipe ends, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    paths: set[str] = set()
    words: dict[str, str] = {}
    if ledger is not None:
        with suppress(OSError), open(ledger, "rb") as before:
            _follow(before, groups, paths, words)
    if _follow(sys.stdin.buffer, groups, paths, words):
        groups, paths, words = set(), set(), {}
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for path, word in words.items():
        with suppress(OSError), open(path, "r+") as file:
            file.write(word)
    # What was killed may still be making a file in there: it dies a moment after the signal.
    deadline = time.monotonic() + PATIENCE_S
    while paths := {path for path in paths if not remove(path)}:
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)
    if ledger is not None:
        remove(ledger)


def _follow(lines: Iterable[bytes], groups: set[int], paths: set[str], words: dict[str, str]) -> bool:
    """Take registrations until they end; say whether that was in peace."""
    for line in lines:
        verb, _, value = line.decode(errors="surrogateescape").rstrip("\n").partition(" ")
        if verb == "quit":
            return True
        if verb in ("+group", "-group") and value.isdecimal():
            (groups.add if verb[0] == "+" else groups.discard)(int(value))
        elif verb in ("+path", "-path"):
            (paths.add if verb[0] == "+" else paths.discard)(value.replace("\0", "\n"))
        elif verb == "+keep":
            word, _, path = value.partition(" ")
            words.setdefault(path.replace("\0", "\n"), word)
        elif verb == "-keep":
            words.pop(value.replace("\0", "\n"), None)
    return False


def remove(path: str) -> bool:
    """Remove a file, a folder or a control group, after everything that hangs on it; say whether it is gone.

    A loop device whose file is in it is let go, what is mounted at it or below is unmounted. While something is still
    mounted nothing is removed: that would be what somebody else has there.
    """
    with suppress(OSError):
        for device in loops_in(path):
            _let_go(device)
        for point in reversed(mounted_at(path)):
            _unmount(point)
        if not mounted_at(path):
            if path.startswith(_CGROUPS):
                _remove_group(path)
            elif os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            elif os.path.lexists(path):
                os.unlink(path)
    return not os.path.lexists(path)


def mounted_at(path: str) -> list[str]:
    """Give what is mounted at a path or below, in the kernel's order."""
    with open("/proc/self/mounts", errors="surrogateescape") as file:
        points = [_plain(line.split(" ")[1]) for line in file]
    return [point for point in points if _is_in(point, path)]


def loops_in(path: str) -> list[str]:
    """Give the loop devices whose file is this one or below it."""
    found = []
    for name in os.listdir("/sys/block"):
        with suppress(OSError), open(f"/sys/block/{name}/loop/backing_file", errors="surrogateescape") as file:
            if _is_in(file.read().rstrip("\n").removesuffix(" (deleted)"), path):
                found.append(f"/dev/{name}")
    return found


def _is_in(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


def _plain(text: str) -> str:
    """Undo the kernel's octal escapes of blanks."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


def _let_go(device: str) -> None:
    import fcntl

    descriptor = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _LOOP_CLR_FD)
    except OSError:
        pass  # let go meanwhile
    finally:
        os.close(descriptor)


def _unmount(point: str) -> None:
    import subprocess

    # Lazily: a server that was killed a moment ago may still be busy, and one that hangs must not make this hang.
    for command in (["umount", "-l"], ["fusermount3", "-u", "-z"], ["fusermount", "-u", "-z"]):
        with suppress(OSError, subprocess.TimeoutExpired):
            quiet = subprocess.DEVNULL
            ran = subprocess.run([*command, point], stdin=quiet, stdout=quiet, stderr=quiet, timeout=5, check=False)
            if ran.returncode == 0:
                return


def _remove_group(path: str) -> None:
    """End a control group's processes and remove it with all below it; the files in it go by themselves."""
    for folder in _bottom_up(path):
        for switch, running in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            # What is frozen does not even die.
            with suppress(OSError), open(f"{folder}/{switch}", "r+") as file:
                file.write(running)
        with suppress(OSError), open(f"{folder}/cgroup.procs") as file:
            for line in file:
                with suppress(ProcessLookupError):
                    os.kill(int(line), signal.SIGKILL)
        with suppress(OSError):
            os.rmdir(folder)


def _bottom_up(path: str) -> Iterator[str]:
    for folder, _, _ in os.walk(path, topdown=False):
        yield folder


if __name__ == "__main__":
    serve(*sys.argv[1:2])
