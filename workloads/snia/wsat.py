"""The write saturation test: from fresh out of the box, random writes until they are steady, and what stops them."""

from __future__ import annotations

from ...common.units import format_duration
from ...results.measurement import Measurement
from ..steps import Note
from .minutes import minutes_to_steady_state
from .parameters import WsatParameters
from .setup import Setup, Steps, capture
from .snia_test import SniaTest, small_block_note


class Wsat(SniaTest):
    """Section 10; the capture at the end is of 2.0.x, 10.2.4."""

    name = "snia.wsat"
    summary = "SNIA PTS: write saturation, random 4 KiB writes from fresh out of the box"
    test = "wsat"
    parameters = WsatParameters

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small."""
        setup.check_block(setup.edition.wsat.block_size)

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, and without preconditioning write minute by minute; then capture the response times."""
        data = setup.edition.wsat
        load = setup.load(data.block_size, data.read_percent)
        yield from small_block_note(setup)
        yield from setup.purge()
        reached = _Reached(data.capacity_factor * setup.device.size, setup.elements(data.limit))
        ending = yield from minutes_to_steady_state(setup, load, data.interval, reached.after, precondition=False)
        why = "the writes were steady" if ending == "steady" else (
            f"{data.capacity_factor:g} times the user capacity was written" if reached.capacity_reached else
            f"the limit of {format_duration(data.limit)} was reached"
        )  # fmt: skip
        steady = "" if ending == "steady" else "; steady state was not achieved"
        yield Note(setup.name(f"ended after {reached.minutes} minutes: {why}{steady}"))
        yield from capture(setup, load, data.histogram)


class _Reached:
    """What was written so far, against both limits; fed with outcomes only, so a resumed plan counts the same."""

    def __init__(self, capacity: float, limit: int) -> None:
        self._capacity, self._limit = capacity, limit
        self._written = 0
        self.minutes = 0

    @property
    def capacity_reached(self) -> bool:
        """Whether enough was written."""
        return self._written >= self._capacity

    def after(self, minute: int, measured: Measurement) -> bool:
        """Count a minute; say whether one of the limits is reached."""
        self.minutes = minute
        self._written += measured.write.bytes
        return self.capacity_reached or minute >= self._limit


WORKLOAD = Wsat()
