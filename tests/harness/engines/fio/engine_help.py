"""What the tests of the fio engine share: a folder to run in, a stand-in for fio, and the search for what was left."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from storbench.devices.base import Target
from storbench.harness.engines.base import Assignment, Execution, Progress
from storbench.harness.engines.fio.engine import FioEngine
from storbench.workloads.job import Job

MIB = 1 << 20


def file_target(folder: Path, size: int = MIB, **options: str) -> Target:
    """Give a file of `size` bytes that fio may not replace."""
    path = folder / "target.bin"
    path.write_bytes(bytes(size))
    return Target(size, {"ioengine": "psync", "filename": str(path), "allow_file_create": "0", **options})


def run(
    folder: Path, target: Target, *jobs: Job, on_progress: Callable[[Progress], None] = lambda _: None, **more: Any
) -> Execution:
    """Run jobs in a folder of their own; whatever happens, no fio is left."""
    place = folder / "step"
    place.mkdir()
    try:
        return FioEngine().run(Assignment(jobs, target, place, **more), on_progress)
    finally:
        # Killed in no time, but the kernel may take a moment to clear it away.
        wait_for(lambda: processes_in(place) == [], 5)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Find what still works in a folder: fio and all that it started have it as their working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait until something is the case, but not for ever."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
    return found


def stand_in(folder: Path, body: str, version: str = "fio-3.33") -> str:
    """Make a program that answers for its version as fio does, and then does what `body`, in Python, says."""
    code = folder / "fio.py"
    code.write_text(body)
    path = folder / "fio"
    path.write_text(
        f'#!/bin/sh\ncase "$1" in\n--version) echo {version};;\n--enghelp) echo;;\n'
        f"*) exec {shlex.quote(sys.executable)} {shlex.quote(str(code))};;\nesac\n"
    )
    path.chmod(0o755)
    return str(path)
