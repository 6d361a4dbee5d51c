"""What can be set: shared by all tests here, and what only one of them has beside it.

What is None is as the edition says. Each value other than the edition's makes a run an adapted one; `element` and
`scale` are the two that turn days into seconds, to try a procedure out:

* `element` is how long a minute of the specification lasts; everything that is shorter or longer keeps its ratio to it;
* `scale` is how many minutes and repeats of the long phases are left, at least one of each.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ...common.units import Count, Duration, Size
from ..base import Parameters
from .editions import EditionName, Length, ReadPercent

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class SniaParameters(Parameters, frozen=True):
    """What all tests have."""

    edition: EditionName = "pts-e-2.0"
    threads: Count | None = None
    """Of the tests that leave it to the operator: IOPS, WSAT and HIR."""
    queue_depth: Count | None = None
    """I/Os in flight per thread, of the same tests."""
    active_range: Share | None = None
    """Share of the device that is used, from its start."""
    element: Duration = 60.0
    """A round element and a one-minute sample; every other prescribed time keeps its ratio to it."""
    scale: Share = 1.0
    """Share of the minutes and repeats of the long phases that is carried out.

    Below 0.025 the write saturation test ends before it can be found steady.
    """
    max_rounds: Count | None = None
    precondition_factor: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    """How often the active range is written before the rounds."""
    purge: bool = True
    """Purge before every test, or before every part of one."""
    data: Literal["random", "zeroes"] = "random"
    """Content of all writes."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class ThroughputParameters(SniaParameters, frozen=True):
    """What the throughput test has besides."""

    throughput_tracked: Annotated[tuple[ReadPercent, ...], msgspec.Meta(min_length=1)] | None = None
    """Read percents of the elements whose bandwidth must be steady."""


class LatencyParameters(SniaParameters, frozen=True):
    """What the latency test has besides."""

    latency_histogram: Length | None = None
    """The capture of response times after the rounds; 0 for none."""


class WsatParameters(SniaParameters, frozen=True):
    """What the write saturation test has besides."""

    wsat_limit: Duration | None = None
    """The writes stop at it at the latest."""
    wsat_interval: Length | None = None
    """Between two of the one-minute samples on which the steady state is decided."""
    wsat_histogram: Length | None = None


class HirParameters(SniaParameters, frozen=True):
    """What the host idle recovery test has besides."""

    hir_interval: Length | None = None
    """Between two of the one-minute samples on which the steady state of preconditioning is decided."""
    hir_repeats: Count | None = None
    """Writes and waits of each wait state."""
    hir_baseline: Length | None = None
    """Continuous writes after each wait state."""


class XsrParameters(SniaParameters, frozen=True):
    """What the cross-stimulus recovery test has besides."""

    xsr_durations: Annotated[tuple[Duration, ...], msgspec.Meta(min_length=3, max_length=3)] | None = None
    """Of its three groups."""


class DemandParameters(SniaParameters, frozen=True):
    """What CBW and DIRTH have besides."""

    demand: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] | None = None
    """Thread counts, and for each of them queue depths, in order; the first with the first is tracked."""
    demand_precondition_round: Duration | None = None
    demand_prewrite: Duration | None = None
    """Writes at the beginning of each round."""
    demand_latency_limit: Duration | None = None
    """Highest average response time at the maximum point."""
    demand_histogram_prewrite: Duration | None = None
    """Writes before the response times of each point are captured."""
    demand_histogram: Duration | None = None


class DirthParameters(DemandParameters, frozen=True):
    """What DIRTH has besides; both are the operator's choice."""

    dirth_block_size: Size | None = None
    dirth_read_percent: ReadPercent | None = None
