"""Faults while something runs: each at its time, and what failed meanwhile held against where and when they were."""

from __future__ import annotations

import errno
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from ..devices.base import Facts, Fault
from ..workloads.steps import FaultEvent

BROKEN = frozenset({errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE, errno.ESHUTDOWN, errno.ETIMEDOUT, errno.EPROTO,
                    errno.ECONNREFUSED, errno.ECONNABORTED})  # fmt: skip
"""What says that the connection is gone and nothing of the request itself."""

Operation = Literal["read", "write", "flush", "trim"]


class Failure(msgspec.Struct, frozen=True):
    """One request that failed. Times are seconds on the clock of the watch."""

    operation: Operation
    errno: int
    asked: float
    failed: float
    offset: int = 0
    """Bytes from the start of the target."""
    length: int = 0
    """Bytes; 0 for a flush, which has no place."""


class FaultWatch:
    """Carries out events and keeps when and where there was a fault. For one thread."""

    def __init__(self, act: Callable[[FaultEvent], Facts], clock: Callable[[], float]) -> None:
        self._act = act
        self._clock = clock
        self.there: list[Fault] = []
        """What was begun and has not been ended."""
        self.began: float | None = None
        """When the first fault began to be made; None for none so far."""
        self.ended: float | None = None
        """When the last one had been healed; None while one is there."""
        self.power_cut_at = float("inf")
        """When the power was first cut."""
        self.regions: list[tuple[int, int]] = []
        """Offset and length in bytes of what fails, by the device's own word; empty for everywhere."""
        self._everywhere = False

    def carry_out(self, event: FaultEvent) -> Facts:
        """Carry out one event; raises as the device does."""
        began, fault = self._clock(), event.fault
        if event.action == "inject":
            self.began = began if self.began is None else self.began
            self.ended = None
            self.there.append(fault)
            if fault.kind == "power-cut":
                self.power_cut_at = min(self.power_cut_at, began)
        facts = self._act(event)
        if event.action == "inject":
            self._keep_region(facts)
        else:
            same = [one for one in self.there if (one.kind, one.part) == (fault.kind, fault.part)]
            if same:
                self.there.remove(same[0])
                if not self.there:
                    self.ended = self._clock()
        return facts

    def carry_out_all(self, events: Sequence[FaultEvent], stopping: threading.Event, facts: Facts) -> None:
        """Carry out events at their times, in seconds from now, until `stopping`; `facts` gets what they came to.

        When each truly began and ended is among them, in seconds from now: `event1_inject_kill_began`.
        """
        began = time.monotonic()
        for number, event in enumerate(sorted(events, key=lambda event: event.at), 1):
            if stopping.wait(max(0.0, began + event.at - time.monotonic())):
                return
            started = time.monotonic() - began
            facts.update(self.carry_out(event))
            name = f"event{number}_{event.action}_{event.fault.kind}"
            facts.update({f"{name}_began": started, f"{name}_ended": time.monotonic() - began})

    def _keep_region(self, facts: Facts) -> None:
        offset, length = facts.get("fault_offset"), facts.get("fault_length")
        if isinstance(offset, int) and isinstance(length, int) and length and not self._everywhere:
            self.regions.append((offset, length))
        else:
            # One of several faults that may fail anything leaves no region for the others either.
            self._everywhere, self.regions = True, []


def failure_facts(failures: Sequence[Failure], watch: FaultWatch) -> Facts:
    """Count failed requests by errno, and those outside the region and the time of the fault.

    A request is outside of a region that it does not touch; before a fault if it had failed when that began to be made,
    after it if it was asked for when all was healed. Connections that broke are counted apart: they are no errno.
    """
    lost = sum(one.errno in BROKEN for one in failures)
    errors = [one for one in failures if one.errno not in BROKEN]
    by_name = Counter(errno.errorcode.get(one.errno, f"E{one.errno}") for one in errors)
    facts: Facts = {f"errors_{name}": count for name, count in sorted(by_name.items())}
    if lost:
        facts["connections_lost"] = lost
    if watch.began is not None:
        facts["errors_before"] = sum(one.failed < watch.began for one in errors)
        if watch.ended is not None:
            facts["errors_after"] = sum(one.asked > watch.ended for one in errors)
    if watch.regions:
        placed = [one for one in errors if one.length]
        inside = sum(_touches(one, watch.regions) for one in placed)
        facts |= {"errors_inside": inside, "errors_outside": len(placed) - inside}
    return facts


def _touches(failure: Failure, regions: Sequence[tuple[int, int]]) -> bool:
    end = failure.offset + failure.length
    return any(failure.offset < offset + length and end > offset for offset, length in regions)
