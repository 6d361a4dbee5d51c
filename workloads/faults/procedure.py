"""The procedure of every fault class: fill; a load with baseline, fault and recovery; a check; redundancy compared.

The load is one fio run, open loop, with every I/O logged, so that a stall is seen and not left out. The check writes
stamped blocks and reads them back. What is told about each step's purpose is in its labels; the analysis is
`results/faults`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from ...common.errors import InputError
from ...devices.base import COMPARE, DeviceInfo, Fault
from ..base import BuiltinWorkload
from ..job import Job
from ..phases import checked_plan, step_seed
from ..steps import Check, FaultEvent, Heal, Inject, Measure, Note, Plan, Precondition, Step, Writing
from .client_kinds import CLIENT_KINDS
from .fault_class import FaultClass
from .parameters import FaultParameters

_LARGEST_SPAN, _FILL_BLOCK, _ALIGN = 256 << 20, 1 << 20, 1 << 16
_WRITERS, _FLUSH_EVERY = 4, 16
_STEADY = {"norandommap": "0", "serialize_overlap": "1"}
"""No two requests for one block at a time: what a redundant device does with them is not the fault's doing."""


class FaultWorkload(BuiltinWorkload):
    """One fault class by itself."""

    parameters = FaultParameters

    def __init__(self, fault_class: FaultClass) -> None:
        self.fault_class = fault_class
        self.name = f"faults.{fault_class.name}"
        self.summary = fault_class.summary

    def plan(self, device: DeviceInfo, parameters: FaultParameters) -> Plan:
        """Fill, then go through the class; on a device that cannot have it, say so and measure nothing."""
        fills = self.fault_class.prefill and not missing(self.fault_class, device)
        steps = [*fill_steps(device, parameters)] if fills else []
        return checked_plan(device, [*steps, *class_steps(self.fault_class, device, parameters)])


def missing(fault_class: FaultClass, device: DeviceInfo) -> str:
    """Say why a device cannot have a class; empty where it can."""
    reason = fault_class.why_not(device)
    if not reason and fault_class.steps == "stale-replica" and device.faults.get(COMPARE) != "":
        return "the device brings a member up to date by itself, and its members cannot be compared"
    return reason


def fill_steps(device: DeviceInfo, parameters: FaultParameters) -> Iterator[Step]:
    """Write the whole region once: what was never written is a hole, and is not read from the members at all."""
    span = span_of(device, parameters)
    job = Job(
        pattern="sequential", block_size=min(_FILL_BLOCK, span), read_fraction=0.0, queue_depth=8, span=span,
        bytes=span, seed=step_seed(parameters.seed, -1),
    )  # fmt: skip
    yield Precondition("fill", job, labels={"phase": "fill"})


def class_steps(fault_class: FaultClass, device: DeviceInfo, parameters: FaultParameters) -> Iterator[Step]:
    """Give the steps of a class, all repeats of them; a note with the reason where the device cannot have it."""
    reason = missing(fault_class, device)
    if reason:
        labels: dict[str, str | int | float] = {"fault": fault_class.name, "phase": "missing", "reason": reason}
        yield Note(f"{fault_class.name} was not evaluated: {reason}", labels)
        return
    for repeat in range(parameters.repeats):
        yield from _Repeat(fault_class, device, parameters, repeat).steps()


def span_of(device: DeviceInfo, parameters: FaultParameters) -> int:
    """Give the bytes in use. Raises `InputError` where they do not fit."""
    if parameters.span is not None and parameters.span > device.size:
        raise InputError(f"span is {parameters.span:,} bytes, the target has {device.size:,}")
    span = parameters.span or min(device.size, _LARGEST_SPAN)
    return span // parameters.block_size * parameters.block_size


class _Repeat:
    """One time through one class."""

    def __init__(self, fault_class: FaultClass, device: DeviceInfo, parameters: FaultParameters, repeat: int) -> None:
        self._class, self._device, self._parameters, self._repeat = fault_class, device, parameters, repeat
        self._span = span_of(device, parameters)
        # Another client writes behind what the check reads back, which knows only its own writers.
        largest = self._span // 2 if fault_class.kind == "client-killed" else self._span
        block = parameters.block_size
        self._check_span = max(min(largest, parameters.check_span) // block * block, block)
        members = 2 if fault_class.steps == "second-fault" else 1
        of_device = fault_class.kind not in CLIENT_KINDS
        # By the device's own claim; a client that connects again masks as well what the only copy does.
        self._masked = of_device and (
            (bool(device.parts) and members <= device.spare_parts) or (not device.parts and fault_class.reconnects)
        )
        parts = device.parts if of_device else ()
        self._parts = [parts[(1 + number) % len(parts)] if parts else "" for number in range(2)]
        self._comparable = of_device and bool(device.parts) and device.faults.get(COMPARE) == ""

    def steps(self) -> Iterator[Step]:
        """Give the steps."""
        if self._class.load:
            yield from self._rebuild() if self._class.steps == "rebuild" else self._load()
        if self._class.check:
            yield self._check()
            if self._class.reads_during:
                yield Heal(self._label("heal"), self._fault(self._check_span), self._labels("heal"))
        if self._class.steps == "stale-replica":
            # What it missed is copied only now.
            fault = Fault(self._class.kind, self._parts[0])
            yield Inject(self._label("take away again"), fault, self._labels("again"))
            yield Heal(self._label("rebuild"), fault, self._labels("heal"))
        if self._comparable:
            yield Inject(self._label("compare replicas"), Fault(COMPARE), self._labels("compare"))

    def _load(self) -> Iterator[Step]:
        parameters, fault = self._parameters, self._fault(self._span)
        events = (
            FaultEvent(parameters.baseline, "inject", fault),
            FaultEvent(parameters.baseline + parameters.duration, "heal", fault),
        )
        yield self._measure(events, parameters.baseline + parameters.duration)

    def _rebuild(self) -> Iterator[Step]:
        """Let a member miss writes, and bring it back under load: the fault is the rebuild itself."""
        fault = self._fault(self._span)
        yield Inject(self._label("take a member away"), fault, self._labels("prepare"))
        part = max(self._span // 4 // _ALIGN * _ALIGN, self._parameters.block_size)
        job = Job(pattern="sequential", block_size=min(_FILL_BLOCK, part), read_fraction=0.0, queue_depth=8, span=part,
                  bytes=part, seed=self._seed("missed"))  # fmt: skip
        yield Precondition(self._label("writes that it misses"), job, labels=self._labels("prepare"))
        yield self._measure((FaultEvent(self._parameters.baseline, "heal", fault),), self._parameters.baseline)

    def _measure(self, events: Sequence[FaultEvent], heal_at: float) -> Measure:
        parameters = self._parameters
        allowed = parameters.bound
        if self._class.stops and not self._device.parts:
            allowed += parameters.duration
        job = Job(
            block_size=parameters.block_size, read_fraction=parameters.read_fraction,
            queue_depth=parameters.queue_depth, rate_iops=parameters.rate_iops,
            arrival="poisson", duration=parameters.baseline + parameters.duration + parameters.recovery,
            span=self._span, continue_on_error=self._errors_allowed, seed=self._seed("load"), fio_options=_STEADY,
        )  # fmt: skip
        more: dict[str, str | int | float] = {
            "fault_at": parameters.baseline, "heal_at": heal_at, "bound_s": allowed, "slo_s": parameters.slo,
            "must_break": int(self._class.breaks),
        }  # fmt: skip
        return Measure(
            self._label("load"), job, labels=self._labels("load") | more, events=tuple(events),
            reconnect=self._class.reconnects, may_break=True, io_log=True,
        )  # fmt: skip

    def _check(self) -> Check:
        parameters, fault_class = self._parameters, self._class
        writing = Writing(
            span=self._check_span, block_size=parameters.block_size, writers=_WRITERS,
            duration=parameters.check_duration, rate_iops=parameters.rate_iops, flush_every=_FLUSH_EVERY,
            prefill=fault_class.prefill, seed=self._seed("check"),
        )  # fmt: skip
        events, before_reading = self._events_of_check()
        return Check(
            self._label("write and read back"), writing, events, before_reading,
            self._labels("integrity") | {"slo_s": parameters.slo},
        )  # fmt: skip

    def _events_of_check(self) -> tuple[tuple[FaultEvent, ...], tuple[FaultEvent, ...]]:
        """Give what happens while it writes, and what between the last write and the first read."""
        span, whole = self._check_span, self._parameters.check_duration

        def event(share: float, action: Literal["inject", "heal"], fault: Fault) -> FaultEvent:
            return FaultEvent(share * whole, action, fault)

        fault = self._fault(span)
        if self._class.breaks:
            return (), ()
        if self._class.begins_at_rest or self._class.reads_during:
            return (), (event(0.0, "inject", fault),)
        match self._class.steps:
            case "second-fault":
                second = msgspec.structs.replace(fault, part=self._parts[1])
                return (
                    event(0.2, "inject", fault), event(0.4, "inject", second), event(0.6, "heal", second),
                    event(0.8, "heal", fault),
                ), ()  # fmt: skip
            case "stale-replica":
                stale = msgspec.structs.replace(fault, parameters={"resync": 0})
                return (event(0.2, "inject", stale), event(0.6, "heal", stale)), ()
        if self._class.kind == "power-cut":
            # At the end: what was lost is not written again.
            return (event(0.8, "inject", fault),), (event(0.0, "heal", fault),)
        return (event(0.2, "inject", fault), event(0.7, "heal", fault)), ()

    def _fault(self, span: int) -> Fault:
        """Give the fault, its shares of the span as bytes."""
        given = dict(self._class.parameters)
        for name in ("offset", "length"):
            value = given.get(name)
            if isinstance(value, float) and value < 1:
                given[name] = max(round(value * span) // _ALIGN * _ALIGN, _ALIGN)
        if self._class.kind == "client-killed":
            given["offset"] = self._check_span
        return Fault(self._class.kind, self._parts[0], given)

    @property
    def _errors_allowed(self) -> bool:
        return bool(self._class.errnos) and not self._masked

    def _label(self, what: str) -> str:
        return f"{self._class.name}: {what}" + (f" {self._repeat + 1}" if self._parameters.repeats > 1 else "")

    def _labels(self, phase: str) -> dict[str, str | int | float]:
        invariants = [*self._class.invariants]
        if self._masked and "I7" not in invariants:
            invariants.append("I7")
        if self._comparable:
            invariants.append("I8")
        return {
            "fault": self._class.name, "phase": phase, "repeat": self._repeat, "invariants": ",".join(invariants),
            "masked": int(self._masked), "errors_allowed": int(self._errors_allowed),
            "errnos": ",".join(self._class.errnos),
        }  # fmt: skip

    def _seed(self, what: str) -> int:
        place = ("load", "check", "missed").index(what)
        return step_seed(self._parameters.seed, sum(self._class.name.encode()), self._repeat, place)
