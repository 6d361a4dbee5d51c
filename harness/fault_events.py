"""Faults while a load runs: each begins and ends at its time, and whatever happens all are healed at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..common.errors import InputError, MeasurementError
from ..devices.base import Device, Facts, Fault, FaultInjector, Target
from ..workloads.faults.client_kinds import CLIENT_KINDS
from ..workloads.steps import FaultEvent
from .client_faults import ClientFaults
from .fault_watch import FaultWatch

_PATIENCE_S = 30.0
"""How long an injection or a heal may still take when the load has ended."""


def act(device: Device, target: Target, action: str, fault: Fault, clients: ClientFaults | None = None) -> Facts:
    """Inject or heal; raises as the device does, and `InputError` where it cannot have that fault."""
    if clients is not None and fault.kind in CLIENT_KINDS:
        return clients.inject(fault) if action == "inject" else clients.heal(fault)
    if not isinstance(device, FaultInjector):
        raise InputError(
            "this kind of device cannot be made to fail", hint="`storbench list devices` names those that can."
        )
    known = device.faults()
    if fault.kind not in known:
        raise InputError(f"this device has no fault '{fault.kind}'", hint=f"Known: {', '.join(sorted(known))}.")
    if known[fault.kind]:
        raise InputError(f"the fault '{fault.kind}' cannot be made here: {known[fault.kind]}")
    return device.inject(target, fault) if action == "inject" else device.heal(target, fault)


def watch_of(device: Device, target: Target, clients: ClientFaults | None = None) -> FaultWatch:
    """Give what carries out the faults of a device and of its clients; its clock begins now."""
    began = time.monotonic()
    return FaultWatch(
        lambda event: act(device, target, event.action, event.fault, clients), lambda: time.monotonic() - began
    )


@contextmanager
def during(events: Sequence[FaultEvent], watch: FaultWatch) -> Iterator[Facts]:
    """Carry out events beside the block, in seconds from its start.

    The facts that are yielded are complete when the block has ended: when each event truly began and ended, and what
    the device says of it. What was injected and not healed by then is healed. Raises what an event raised.
    """
    facts: Facts = {}
    if not events:
        yield facts
        return
    stopping = threading.Event()
    trouble: list[BaseException] = []

    def carry_out() -> None:
        try:
            watch.carry_out_all(events, stopping, facts)
        except (InputError, MeasurementError, OSError) as error:
            trouble.append(error)

    thread = threading.Thread(target=carry_out, name="faults", daemon=True)
    thread.start()
    try:
        yield facts
    finally:
        stopping.set()
        thread.join(_PATIENCE_S)
        for fault in list(watch.there):
            facts.update(watch.carry_out(FaultEvent(0.0, "heal", fault)))
    if trouble:
        raise trouble[0]
