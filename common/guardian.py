"""The process that outlives a killed harness, for one second.

Run as a script with a pipe as standard input. Each line registers or releases something that must not outlive the
harness; when the pipe ends without a word, because the harness was killed, everything still registered is ended and
removed. It ignores the signals that end the harness, and imports nothing of storbench.

    +group PGID      kill this process group
    -group PGID      it has ended by itself
    +path PATH       remove this file or folder
    -path PATH       keep it, or it is gone
    +keep WORD PATH  write this word into this file of /sys, which is about to be changed
    -keep PATH       it has been changed back
    quit             all is well
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from contextlib import suppress

PATIENCE_S = 10.0
"""How long what cannot be removed yet is tried again."""


def serve() -> None:
    """Read registrations until the pipe ends, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    paths: set[str] = set()
    words: dict[str, str] = {}
    for line in sys.stdin.buffer:
        verb, _, value = line.decode(errors="surrogateescape").rstrip("\n").partition(" ")
        if verb == "quit":
            words.clear()
            break
        if verb.endswith("group"):
            (groups.add if verb[0] == "+" else groups.discard)(int(value))
        elif verb.endswith("path"):
            (paths.add if verb[0] == "+" else paths.discard)(value)
        elif verb == "+keep":
            word, _, path = value.partition(" ")
            words.setdefault(path, word)
        elif verb == "-keep":
            words.pop(value, None)
    for group in groups:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for path, word in words.items():
        with suppress(OSError), open(path, "r+") as file:
            file.write(word)
    # What was killed may still be making a file in there: it dies a moment after the signal.
    deadline = time.monotonic() + PATIENCE_S
    while paths := {path for path in paths if not _removed(path)}:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)


def _removed(path: str) -> bool:
    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        elif os.path.lexists(path):
            os.unlink(path)
    return not os.path.lexists(path)


if __name__ == "__main__":
    serve()
