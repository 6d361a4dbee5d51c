"""What an engine is: it carries out the jobs of one step on an opened target and measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from ...devices.base import Target
from ...results.measurement import Measurement
from ...workloads.job import Job

_TICK_S = 0.25


class Progress(msgspec.Struct, frozen=True):
    """What is known while a step runs, about once a second."""

    elapsed_s: float
    share: float | None
    """How much of the step is done, 0 to 1; None where nobody knows."""
    read_iops: float = 0.0
    write_iops: float = 0.0
    read_bandwidth: float = 0.0
    write_bandwidth: float = 0.0
    p50_ns: int | None = None
    p99_ns: int | None = None


class Assignment(msgspec.Struct, frozen=True):
    """The jobs of one step and where they go."""

    jobs: tuple[Job, ...]
    target: Target
    folder: Path
    """Where the engine leaves its files: `job.fio`, its raw output, logs."""
    read_only: bool = False
    io_log: bool = False
    origin: float | None = None
    """Unix time in seconds from which the log of single I/Os counts; None for the start of the load."""
    grace_s: float = 30.0
    """How long the engine may overrun before it is taken for hung."""


class IoError(msgspec.Struct, frozen=True):
    """One I/O that failed."""

    time: float
    """Unix time in seconds at which the engine said so."""
    errno: str
    """By name, such as `EIO`."""
    direction: str
    offset: int
    """Bytes from the start of the target."""
    length: int


class Execution(msgspec.Struct, frozen=True):
    """What an engine brings back: the measurement and the files that it left in the folder."""

    measurement: Measurement
    raw: str = ""
    """Name of the engine's own output in the folder."""
    job_file: str = ""
    io_logs: tuple[str, ...] = ()
    io_log_origin_ms: int = 0
    """What the times in the logs count from: 0 for the load's start, else Unix time in milliseconds."""
    io_errors: tuple[IoError, ...] = ()


class Engine(Protocol):
    """One way to carry out jobs."""

    name: str

    def version(self) -> str:
        """Give name and version, such as `fio-3.33`. Raises `MeasurementError` where the engine cannot be used."""
        ...

    def run(self, assignment: Assignment, on_progress: Callable[[Progress], None]) -> Execution:
        """Carry out the jobs. Raises `MeasurementError` with the engine's own words; never leaves a process behind."""
        ...

    def idle(self, target: Target, seconds: float, on_progress: Callable[[Progress], None]) -> None:
        """Let an opened target rest, in the time that it lives in."""
        ...


def wait(seconds: float, on_progress: Callable[[Progress], None]) -> None:
    """Let real time pass, and say so several times a second."""
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        on_progress(Progress(elapsed, elapsed / seconds))
        time.sleep(min(_TICK_S, seconds - elapsed))


def expected_seconds(jobs: Sequence[Job]) -> float | None:
    """Give how long the jobs will take, None where one of them ends by bytes."""
    if any(job.duration is None for job in jobs):
        return None
    return max(job.ramp + (job.duration or 0.0) for job in jobs)
