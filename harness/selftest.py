"""Simulate the selftest's comparisons on all cores, each piece by whichever process comes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from selectors import EVENT_READ, DefaultSelector

import msgspec

from ..common import processes
from ..common.errors import MeasurementError
from ..results.selftest import Task, simulate

Rows = list[list[float]]
Pieces = dict[Task, Rows]
_LONGEST_PIECE_S = 300.0
"""A process that is silent for longer hangs: a piece takes less than a second."""


class Share(msgspec.Struct, frozen=True):
    """What one process does: every `of`-th of the tasks, from `first` on."""

    comparisons: int
    seed: int
    first: int
    of: int


class Done(msgspec.Struct, frozen=True):
    """One line of such a process."""

    task: int
    rows: Rows


def cores() -> int:
    """Give how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def simulate_all(tasks: Sequence[Task], comparisons: int, seed: int, jobs: int, on_piece: Callable[[], None]) -> Pieces:
    """Simulate all tasks in `jobs` processes; the result does not depend on how many they are.

    Raises `MeasurementError` where one of them ends before its work.
    """
    pieces: Pieces = {}
    jobs = min(jobs, len(tasks))
    found = _alone(tasks, seed) if jobs == 1 else _side_by_side(comparisons, seed, jobs)
    for number, rows in found:
        pieces[tasks[number]] = rows
        on_piece()
    if len(pieces) < len(tasks):
        raise MeasurementError(f"{len(tasks) - len(pieces)} of {len(tasks)} pieces were not simulated")
    return pieces


def _alone(tasks: Sequence[Task], seed: int) -> Iterator[tuple[int, Rows]]:
    for number, task in enumerate(tasks):
        yield number, simulate(task, seed)


def _side_by_side(comparisons: int, seed: int, jobs: int) -> Iterator[tuple[int, Rows]]:
    running: dict[int, subprocess.Popen[bytes]] = {}
    with ExitStack() as stack:
        selector = stack.enter_context(DefaultSelector())
        for first in range(jobs):
            share = msgspec.json.encode(Share(comparisons, seed, first, jobs)).decode()
            command = [sys.executable, "-m", "storbench.harness.selftest_share", share]
            # One thread each: what they compute is small, and libraries that start as many as there are cores disturb.
            process = processes.start(command, stdout=subprocess.PIPE, environment={"OPENBLAS_NUM_THREADS": "1"})
            stack.callback(processes.end, process)
            assert process.stdout is not None
            stack.enter_context(process.stdout)
            running[process.stdout.fileno()] = process
            selector.register(process.stdout, EVENT_READ)
        while selector.get_map():
            ready = selector.select(_LONGEST_PIECE_S)
            if not ready:
                raise MeasurementError(f"no piece was simulated within {_LONGEST_PIECE_S:.0f} s")
            for key, _ in ready:
                process = running[key.fd]
                assert process.stdout is not None
                if line := process.stdout.readline():
                    done = msgspec.json.decode(line, type=Done)
                    yield done.task, done.rows
                    continue
                selector.unregister(process.stdout)
                if status := processes.end(process, patience=10.0):
                    raise MeasurementError(f"a simulating process ended with {status}")
