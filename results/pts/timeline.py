"""A test that runs by the clock: where each of its samples lies in time and volume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..findings import Trace
from ..run_file import StepView
from .part import measured


class Sample(msgspec.Struct, frozen=True):
    """One measured step on the test's own clock, which runs while there is load or a wait that belongs to the test."""

    step: StepView
    ends_s: float
    written: int
    """Bytes written up to its end."""


def samples(steps: Iterable[StepView]) -> Iterator[Sample]:
    """Give every measured step with its place in time and volume."""
    clock, written = 0.0, 0
    for step in steps:
        if step.kind == "idle":
            clock += float(step.step.get("duration", 0.0))
        elif step.totals is not None:
            clock += step.totals.runtime_s
            written += step.totals.write.bytes
            yield Sample(step, clock, written)


def over_time(name: str, found: Sequence[Sample], quantity: str) -> Trace:
    """Plot a quantity (iops, bandwidth, latency_mean, latency_max) over seconds."""
    return Trace(name, tuple(one.ends_s for one in found), tuple(value_at(one, quantity) for one in found))


def value_at(one: Sample, quantity: str) -> float:
    """Give a quantity of a sample."""
    found = measured(one.step)
    match quantity:
        case "latency_mean":
            return found.latency.mean_ns
        case "latency_max":
            return found.latency.max_ns
        case _:
            return float(getattr(found, quantity))
