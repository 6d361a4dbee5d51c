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


@contextmanager
def during(
    events: Sequence[FaultEvent], device: Device, target: Target, clients: ClientFaults | None = None
) -> Iterator[Facts]:
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
    open_faults: list[Fault] = []
    began = time.monotonic()

    def carry_out() -> None:
        try:
            for number, event in enumerate(sorted(events, key=lambda event: event.at), 1):
                if stopping.wait(max(0.0, began + event.at - time.monotonic())):
                    return
                facts.update(_one(number, event, device, target, clients, began, open_faults))
        except (InputError, MeasurementError, OSError) as error:
            trouble.append(error)

    thread = threading.Thread(target=carry_out, name="faults", daemon=True)
    thread.start()
    try:
        yield facts
    finally:
        stopping.set()
        thread.join(_PATIENCE_S)
        for fault in open_faults:
            facts.update(act(device, target, "heal", fault, clients))
        if clients is not None:
            clients.end()
    if trouble:
        raise trouble[0]


def _one(
    number: int, event: FaultEvent, device: Device, target: Target, clients: ClientFaults | None,
    began: float, open_faults: list[Fault],
) -> Facts:  # fmt: skip
    started = time.monotonic() - began
    if event.action == "inject":
        open_faults.append(event.fault)
    found = act(device, target, event.action, event.fault, clients)
    if event.action == "heal" and event.fault in open_faults:
        open_faults.remove(event.fault)
    name = f"event{number}_{event.action}_{event.fault.kind}"
    return {**found, f"{name}_began": started, f"{name}_ended": time.monotonic() - began}
