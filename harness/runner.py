"""The runner: drives a plan, step by step, and journals before it goes on.

A plan is deterministic, so a resumed run feeds the journalled outcomes back in and goes on at the first missing step.
"""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from ..common.errors import InputError, MeasurementError
from ..devices.base import Device, Facts, Health, Purgeable, Purged, Target
from ..workloads.job import Job
from ..workloads.steps import (
    Check,
    FaultEvent,
    Heal,
    Idle,
    Inject,
    Measure,
    Note,
    Outcome,
    Plan,
    Precondition,
    Purge,
    Step,
    jobs_of,
)
from .checker.check import check
from .client_faults import ClientFaults
from .emulation import Observation, check_faithful
from .engines.base import Assignment, Engine, Execution, IoError, Progress
from .fault_events import act, during, watch_of
from .fault_watch import Failure, Operation, failure_facts
from .journal import Journal, StepBegins, StepEnds

_OPERATIONS: dict[str, Operation] = {"read": "read", "write": "write", "trim": "trim"}
_UNDER_WAY_S = 0.25
"""An I/O that fails so soon after the heal may have been asked for before it."""


class Observer(Protocol):
    """Who wants to know how a run goes: a terminal, a log, a test."""

    def step_begins(self, index: int, step: Step) -> None:
        """Take note that a step starts."""
        ...

    def progress(self, progress: Progress) -> None:
        """Take note of how far the step is, several times a second."""
        ...

    def step_ends(self, index: int, step: Step, outcome: Outcome) -> None:
        """Take note of a step's outcome."""
        ...

    def note(self, text: str) -> None:
        """Take note of a sentence that goes into the record."""
        ...


class Setting(msgspec.Struct, frozen=True):
    """What a run needs besides its plan."""

    engine: Engine
    device: Device
    target: Target
    journal: Journal
    folder: Path
    observer: Observer
    read_only: bool = False
    io_log: bool = False
    grace_s: float = 30.0
    floor_ns: float | None = None
    """Of a device that is emulated in real time: the emulator's own time for an I/O."""


class Ending(msgspec.Struct, frozen=True):
    """How a run ended."""

    status: str
    reason: str = ""


def run_plan(plan: Plan, setting: Setting, past: Mapping[int, StepEnds] | None = None) -> Ending:
    """Drive `plan` to its end, or to the first step that fails or is aborted; `past` holds outcomes of an earlier try.

    Never raises for what happens during a step: the ending says it. Raises `OSError` when the journal itself cannot
    be written.
    """
    known = dict(past or {})
    lost: list[Step] | None = [] if setting.target.fresh else None
    index = 0
    try:
        step = next(plan, None)
        while step is not None:
            earlier = known.get(index)
            if earlier is not None and earlier.status == "COMPLETED":
                # A model has its whole past in its state, and its time costs nothing.
                if lost is not None and (isinstance(step, Precondition | Purge) or setting.target.model is not None):
                    lost.append(step)
                outcome = Outcome("COMPLETED", earlier.measurement, facts=earlier.facts)
            else:
                _repeat(lost or (), setting)
                lost = None
                outcome = _execute(index, step, setting)
            if outcome.status != "COMPLETED":
                return Ending(outcome.status, outcome.error)
            index += 1
            try:
                step = plan.send(outcome)
            except StopIteration:
                step = None
    except KeyboardInterrupt:
        return Ending("ABORTED", "ended by the user")
    finally:
        plan.close()
    return Ending("COMPLETED")


def _repeat(lost: Sequence[Step], setting: Setting) -> None:
    """Bring a target that lost its state back to where the plan left it."""
    if lost:
        what = f"'{lost[0].label}' was" if len(lost) == 1 else f"{len(lost)} steps were"
        text = f"the target had lost its state: {what} done again before going on"
        setting.journal.note(text)
        setting.observer.note(text)
    for step in lost:
        if isinstance(step, Purge):
            _purge(setting)
        elif isinstance(step, Idle):
            setting.engine.idle(setting.target, step.duration, setting.observer.progress)
        elif jobs := jobs_of(step):
            _load(0, "again", jobs, setting)


def _execute(index: int, step: Step, setting: Setting) -> Outcome:
    setting.journal.append(StepBegins(index, time.time(), msgspec.to_builtins(step)))
    setting.observer.step_begins(index, step)
    outcome, ends = _outcome_of(index, step, setting)
    setting.journal.append(ends)
    setting.observer.step_ends(index, step, outcome)
    return outcome


def _outcome_of(index: int, step: Step, setting: Setting) -> tuple[Outcome, StepEnds]:
    try:
        match step:
            case Measure() | Precondition():
                return _load_with_evidence(index, step, setting)
            case Inject(fault=fault) | Heal(fault=fault):
                action = "inject" if isinstance(step, Inject) else "heal"
                facts = act(setting.device, setting.target, action, fault)
                return Outcome(facts=facts), StepEnds(index, time.time(), "COMPLETED", facts=facts)
            case Check():
                facts = _check(index, step, setting)
                return Outcome(facts=facts), StepEnds(index, time.time(), "COMPLETED", facts=facts)
            case Purge():
                facts = _purge(setting)
                return Outcome(facts=facts), StepEnds(index, time.time(), "COMPLETED", facts=facts)
            case Idle(duration=duration):
                setting.engine.idle(setting.target, duration, setting.observer.progress)
            case Note(label=label):
                setting.observer.note(label)
    except (MeasurementError, InputError) as error:
        return Outcome("ERROR", None, str(error)), StepEnds(index, time.time(), "ERROR", str(error))
    except KeyboardInterrupt:
        reason = "ended by the user"
        return Outcome("ABORTED", None, reason), StepEnds(index, time.time(), "ABORTED", reason)
    return Outcome(), StepEnds(index, time.time(), "COMPLETED")


def _load_with_evidence(index: int, step: Measure | Precondition, setting: Setting) -> tuple[Outcome, StepEnds]:
    """Put a step's jobs on the target; around preconditioning, ask the device what it counted."""
    if isinstance(step, Measure):
        return _measure(index, step, setting)
    before = health_of(setting)
    execution, folder = _load(index, "precondition", jobs_of(step), setting)
    after = health_of(setting)
    return _with_files(index, execution, folder, _around(before, after))


def _measure(index: int, step: Measure, setting: Setting) -> tuple[Outcome, StepEnds]:
    """Put a step's jobs on the target while faults come and go."""
    if step.reconnect:
        setting = msgspec.structs.replace(setting, target=_by_hop(setting.target))
    if step.io_log:
        setting = msgspec.structs.replace(setting, io_log=True)
    broke = ""
    execution: Execution | None = None
    clients = ClientFaults(setting.target, setting.folder / _folder_name(index, "measure"))
    watch = watch_of(setting.device, setting.target, clients)
    origin = time.time()
    try:
        with during(step.events, watch) as told:
            try:
                execution, folder = _load(
                    index, "measure", jobs_of(step), setting, origin=origin if step.events or step.io_log else None
                )
            except MeasurementError as error:
                if not step.may_break:
                    raise
                broke = str(error)
                told["broke_s"] = time.time() - origin
    finally:
        clients.end()
    if execution is None:
        facts = {**told, "broke": broke}
        return Outcome(facts=facts), StepEnds(index, time.time(), "COMPLETED", facts=facts)
    failures = [_failure(error, origin) for error in execution.io_errors]
    if step.events:
        told |= failure_facts(failures, watch)
    if failures:
        told["first_error_s"] = min(one.failed for one in failures)
    return _with_files(index, execution, folder, told)


def _by_hop(target: Target) -> Target:
    """Give the target as it is reached by the hop that connects again; as it is where there is none."""
    return msgspec.structs.replace(target, options=target.reconnecting) if target.reconnecting else target


def _failure(error: IoError, origin: float) -> Failure:
    """Give a failed I/O of the engine, which says only when it failed: it was under way for a moment before."""
    failed = error.time - origin
    number = getattr(errno, error.errno, 0)
    operation = _OPERATIONS.get(error.direction, "flush")
    return Failure(operation, number, failed - _UNDER_WAY_S, failed, error.offset, error.length)


def _check(index: int, step: Check, setting: Setting) -> Facts:
    """Write stamped blocks, let faults come and go, read everything back; give the counts by class."""
    if setting.read_only:
        raise InputError("the plan wants to write, but the target was opened for reading only")
    folder = setting.folder / f"{index:04d}-check"
    folder.mkdir(exist_ok=True)

    clients = ClientFaults(_by_hop(setting.target), folder)

    def carry_out(event: FaultEvent) -> Facts:
        return act(setting.device, setting.target, event.action, event.fault, clients)

    run = hashlib.blake2b(f"{setting.folder.name}/{index}".encode(), digest_size=16).digest()
    try:
        found = check(
            setting.target, step.writing, step.events, step.before_reading, carry_out, folder, run, threading.Event()
        )
    finally:
        clients.end()
    return found.facts


def health_of(setting: Setting) -> Facts:
    """Give what the device says of itself now; nothing of one that says nothing."""
    return setting.device.health(setting.target) if isinstance(setting.device, Health) else {}


def _around(before: Facts, after: Facts) -> Facts:
    # Also what did not change: a counter that stood still while gigabytes were written is evidence too.
    facts: Facts = {f"{name}_before": value for name, value in before.items()}
    return facts | {f"{name}_after": value for name, value in after.items()}


def _purge(setting: Setting) -> Facts:
    """Purge the device as far as it can be, and say in facts what that was."""
    if setting.read_only:
        raise InputError("the plan wants to purge, but the target was opened for reading only")
    if isinstance(setting.device, Purgeable):
        before = health_of(setting)
        purged = setting.device.purge(setting.target)
        after = health_of(setting)
    else:
        purged, before, after = Purged("none", check="this kind of device offers no purge"), {}, {}
    facts: Facts = {f"purge_{name}": value for name, value in msgspec.structs.asdict(purged).items()}
    return facts | _around(before, after)


def _with_files(index: int, execution: Execution, folder: str, facts: Facts) -> tuple[Outcome, StepEnds]:
    ends = StepEnds(
        index,
        time.time(),
        "COMPLETED",
        measurement=execution.measurement,
        folder=folder,
        raw=execution.raw,
        job_file=execution.job_file,
        io_logs=execution.io_logs,
        io_log_origin_ms=execution.io_log_origin_ms,
        facts=facts,
    )
    return Outcome("COMPLETED", execution.measurement, facts=facts), ends


def _folder_name(index: int, kind: str) -> str:
    return f"{index:04d}-{kind}"


def _load(
    index: int, kind: str, jobs: tuple[Job, ...], setting: Setting, *, origin: float | None = None
) -> tuple[Execution, str]:
    """Put jobs on the target; give what came of it and the name of the step's folder."""
    if setting.read_only and any(job.writes for job in jobs):
        # The dry run found no write, so this plan depends on its outcomes in a way that nobody allowed.
        raise InputError("the plan wants to write, but the target was opened for reading only")
    check_faithful(setting.target, jobs, setting.floor_ns)
    name = _folder_name(index, kind)
    folder = setting.folder / name
    folder.mkdir(exist_ok=True)
    assignment = Assignment(
        jobs, setting.target, folder, setting.read_only, setting.io_log and kind == "measure", origin, setting.grace_s
    )
    observation = Observation(setting.target)
    execution = setting.engine.run(assignment, setting.observer.progress)
    measurement = observation.add_to(execution.measurement, setting.floor_ns)
    return msgspec.structs.replace(execution, measurement=measurement), name
