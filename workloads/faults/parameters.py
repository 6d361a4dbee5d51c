"""How long, how much and how strictly a fault class is measured."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ...common.units import Count, Duration, Fraction, Rate, Size
from ..base import Parameters


class FaultParameters(Parameters, frozen=True):
    """The same for every class, so that classes can be compared."""

    baseline: Duration = 3.0
    """Load without a fault before it."""
    duration: Duration = 3.0
    """How long the fault lasts."""
    recovery: Duration = 3.0
    """Load after it was healed."""
    rate_iops: Rate = 1000.0
    """Offered load, open loop with Poisson arrivals: the next request does not wait for the last one."""
    read_fraction: Fraction = 0.5
    block_size: Size = 4096
    queue_depth: Count = 16
    """Requests under way at most, during a stall as well."""
    span: Size | None = None
    """The region in use, from the start of the target; none means all of it, at most 256 MiB."""
    check_span: Size = 16 << 20
    """The region, at most, that is written and read back block by block."""
    check_duration: Duration = 2.0
    repeats: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    bound: Duration = 1.0
    """The longest stall that is allowed, beyond the fault itself where that stops the only copy."""
    slo: Annotated[float, msgspec.Meta(gt=0, extra={"unit": "s"})] = 0.1
    """A request that takes longer, in seconds, counts as not served."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class SuiteParameters(FaultParameters, frozen=True):
    """Which classes, and how."""

    only: tuple[str, ...] = ()
    """Names of classes without `faults.`; none means all."""
    skip: tuple[str, ...] = ()
