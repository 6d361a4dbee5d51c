"""Several storbench commands at the same time, each a process of its own, their lines told apart."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from ..common import processes

_PATIENCE_S = 120.0
"""How long a child that was asked to end may take to seal what it has."""


class Child(msgspec.Struct, frozen=True):
    """One command: its arguments after `storbench`, and the name that its lines begin with."""

    name: str
    arguments: list[str]


class Ended(msgspec.Struct, frozen=True):
    """How it ended: exit status, what it printed on standard output, and its last line on standard error."""

    status: int
    output: bytes
    last_line: str


def run_lanes(lanes: Sequence[Sequence[Child]]) -> list[list[Ended]]:
    """Run the commands of each lane one after the other, the lanes side by side.

    Lines on standard error are passed on, each with the name of its command. Ctrl-C ends all of them in peace: what is
    complete is sealed; then `KeyboardInterrupt` is raised again.
    """
    running: set[subprocess.Popen[bytes]] = set()
    stopping = threading.Event()

    def lane(children: Sequence[Child]) -> list[Ended]:
        return [_run(child, running) for child in children if not stopping.is_set()]

    with ThreadPoolExecutor(len(lanes)) as pool:
        futures = [pool.submit(lane, children) for children in lanes]
        try:
            return [future.result() for future in futures]
        except BaseException:
            stopping.set()
            for process in list(running):
                processes.signal_group(process, signal.SIGINT)
            raise


def _run(child: Child, running: set[subprocess.Popen[bytes]]) -> Ended:
    command = [sys.executable, "-m", "storbench", *child.arguments]
    process = processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.add(process)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr, ThreadPoolExecutor(1) as reading:
            output = reading.submit(process.stdout.read)
            last = ""
            for raw in process.stderr:
                line = raw.decode(errors="replace").rstrip()
                last = line.strip() or last
                print(f"{child.name}: {line}", file=sys.stderr, flush=True)
            return Ended(process.wait(_PATIENCE_S), output.result(), last)
    finally:
        running.discard(process)
        processes.end(process, patience=_PATIENCE_S)
