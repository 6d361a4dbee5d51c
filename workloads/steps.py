"""The steps of a plan and what comes back for each.

A plan is a generator: it yields a step, receives the outcome, and decides what comes next. It depends on the device's
facts, its parameters and the outcomes, on nothing else; from that follow the dry run, resume and rerun.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal

import msgspec

from ..devices.base import Facts, Fault
from ..results.measurement import Measurement
from .job import Job

Status = Literal["COMPLETED", "ABORTED", "ERROR", "INTERRUPTED"]


class Writing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the checker writes."""

    span: int | None = None
    """Bytes from the start of the target; none means all of it."""
    block_size: int = 4096
    writers: int = 1
    """Concurrent writers, each on blocks of its own."""
    duration: float = 2.0
    """Seconds."""
    rate_iops: float | None = 1000.0
    """Writes per second of all writers together; none for as fast as it goes."""
    flush_every: int = 16
    """A writer flushes after so many writes; 0 for never."""
    prefill: bool = True
    """Write every block once, and flush, before the load begins: nothing reads as a hole, and what is lost is stale."""
    seed: int = 1


class FaultEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that begins or ends while a load runs."""

    at: float
    """Seconds from the load's start."""
    action: Literal["inject", "heal"]
    fault: Fault


class Measure(msgspec.Struct, frozen=True, tag="measure", tag_field="kind", forbid_unknown_fields=True):
    """Carry out a job and keep its measurement."""

    label: str
    job: Job
    beside: tuple[Job, ...] = ()
    """Jobs that run at the same time; they appear as further clients of the same measurement."""
    labels: dict[str, str | int | float] = {}
    """What varies from step to step, for tables and axes: `{"queue_depth": 16}`."""
    events: tuple[FaultEvent, ...] = ()
    """Faults during the load, in order of time. When each truly began and ended is kept as facts."""
    reconnect: bool = False
    """Reach the target by its reconnecting hop, where it has one: fio itself never connects again."""
    may_break: bool = False
    """A load that ends in an error is an outcome for the plan to judge, not the end of the run."""
    io_log: bool = False
    """Keep every single I/O, also where the user did not ask for that; in seconds from the first moment of `events`."""


class Precondition(msgspec.Struct, frozen=True, tag="precondition", tag_field="kind", forbid_unknown_fields=True):
    """Bring the target into a state. Measured as well, but not a result. Repeated on resume if the target was lost."""

    label: str
    job: Job
    beside: tuple[Job, ...] = ()
    """Jobs that run at the same time, such as the other threads, each on its own part of the target."""
    labels: dict[str, str | int | float] = {}


class Purge(msgspec.Struct, frozen=True, tag="purge", tag_field="kind", forbid_unknown_fields=True):
    """Bring the target as near to fresh out of the box as it can be.

    What was done and whether it worked is kept as facts; a device that offers no purge is no error, but a fact as well.
    """

    label: str
    labels: dict[str, str | int | float] = {}


class Idle(msgspec.Struct, frozen=True, tag="idle", tag_field="kind", forbid_unknown_fields=True):
    """Wait without load."""

    label: str
    duration: float
    labels: dict[str, str | int | float] = {}


class Inject(msgspec.Struct, frozen=True, tag="inject", tag_field="kind", forbid_unknown_fields=True):
    """Begin a fault."""

    label: str
    fault: Fault
    labels: dict[str, str | int | float] = {}


class Heal(msgspec.Struct, frozen=True, tag="heal", tag_field="kind", forbid_unknown_fields=True):
    """End a fault and bring redundancy back. What was done and how long it took is kept as facts."""

    label: str
    fault: Fault
    labels: dict[str, str | int | float] = {}


class Check(msgspec.Struct, frozen=True, tag="check", tag_field="kind", forbid_unknown_fields=True):
    """Write stamped blocks while faults come and go, then read everything back and say what each block is.

    The counts by class are kept as facts: `blocks_right`, `blocks_lost_flushed`, …
    """

    label: str
    writing: Writing
    events: tuple[FaultEvent, ...] = ()
    """Faults while it writes, in seconds from the first write."""
    before_reading: tuple[FaultEvent, ...] = ()
    """What is done between the last write and the first read, `at` being the order: a power cut's restart, a heal."""
    labels: dict[str, str | int | float] = {}


class Note(msgspec.Struct, frozen=True, tag="note", tag_field="kind", forbid_unknown_fields=True):
    """Put a sentence into the record."""

    label: str
    labels: dict[str, str | int | float] = {}


Step = Measure | Precondition | Purge | Idle | Inject | Heal | Check | Note


class Outcome(msgspec.Struct, frozen=True):
    """What a step came to."""

    status: Status = "COMPLETED"
    measurement: Measurement | None = None
    error: str = ""
    facts: Facts = {}
    """What a step found out besides a measurement: how it purged, what the device's own counters said around it."""


Plan = Generator[Step, Outcome, None]


def jobs_of(step: Step) -> tuple[Job, ...]:
    """Give the jobs that a step puts on the target."""
    match step:
        case Measure(job=job, beside=beside) | Precondition(job=job, beside=beside):
            return (job, *beside)
        case _:
            return ()


def faults_of(step: Step) -> tuple[Fault, ...]:
    """Give the faults that a step begins or ends."""
    match step:
        case Inject(fault=fault) | Heal(fault=fault):
            return (fault,)
        case Measure(events=events):
            return tuple(event.fault for event in events)
        case Check(events=events, before_reading=before_reading):
            return tuple(event.fault for event in (*events, *before_reading))
        case _:
            return ()
