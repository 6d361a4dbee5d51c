"""What a fault class is: what goes wrong, when, how it is measured, and what must hold meanwhile. Data, not code."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...devices.base import DeviceInfo
from .client_kinds import CLIENT_KINDS

Redundancy = Literal["any", "needed", "none"]


class FaultClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of faults. Times are the procedure's business."""

    name: str
    summary: str
    kind: str
    """The device's or the client's kind of fault."""
    parameters: dict[str, str | int | float] = {}
    """Of the fault. `offset` and `length` may be shares of the span below 1: the procedure makes bytes of them."""
    redundancy: Redundancy = "any"
    """`needed`: only devices with members that can fail by themselves. `none`: only those without."""
    load: bool = True
    """Whether performance is measured while it happens."""
    check: bool = True
    """Whether what was written is read back afterwards."""
    reads_during: bool = False
    """The fault is still there while everything is read back."""
    begins_at_rest: bool = False
    """The fault happens between the last write and the first read of the check."""
    prefill: bool = True
    """Of the check: every block is written before."""
    reconnects: bool = False
    """The load goes by a hop that connects again, where the device has one: then no request may fail."""
    stops: bool = False
    """Without redundancy requests stop for as long as it lasts: only then may a stall be as long."""
    errnos: tuple[str, ...] = ()
    """The errors that a client may see without redundancy; none means that no request may fail."""
    invariants: tuple[str, ...] = ("I1", "I2", "I3", "I4", "I5", "I9")
    """What must hold; with redundancy that no request fails (I7) and that redundancy is back (I8) as well."""
    breaks: bool = False
    """The measured load does not outlive it; what counts is that this is noticed and nothing else is harmed."""
    steps: Literal["usual", "rebuild", "second-fault", "stale-replica"] = "usual"

    def why_not(self, device: DeviceInfo) -> str:
        """Say why a device cannot have it; empty where it can."""
        if self.redundancy == "needed" and not device.parts:
            return "the device has no members that can fail by themselves: it needs redundancy, such as mirror:"
        if self.redundancy == "none" and device.parts:
            return "the device has members: a single one that fails is replica-killed"
        if self.steps == "second-fault" and len(device.parts) < 2:
            return "the device has fewer than two members"
        if self.kind in CLIENT_KINDS:
            return "" if device.engine == "fio" else "the device lives in virtual time, without clients of its own"
        if not device.faults:
            return f"a {device.scheme}: device cannot be made to fail"
        return device.faults.get(self.kind, f"a {device.scheme}: device has no fault '{self.kind}'")
