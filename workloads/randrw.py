"""Concurrent random reads and writes, swept over block size, read fraction, queue depth and jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ..common.units import Count, Fraction, Rate, Size
from ..devices.base import DeviceInfo
from .base import BuiltinWorkload
from .job import Arrival, Job
from .phases import LoadParameters, load_fields, measured, sweep, sweep_plan, varying
from .steps import Plan


class RandrwParameters(LoadParameters, frozen=True):
    """Every list sweeps; all combinations are measured, `jobs` fastest."""

    block_size: Annotated[tuple[Size, ...], msgspec.Meta(min_length=1)] = (4096,)
    read_fraction: Annotated[tuple[Fraction, ...], msgspec.Meta(min_length=1)] = (0.7,)
    queue_depth: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1, 4, 16)
    jobs: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1,)
    rate_iops: Rate | None = None
    """For all jobs together."""
    arrival: Arrival = "closed"
    distribution: str = "uniform"
    fsync_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    sync_kind: Literal["fsync", "fdatasync"] = "fsync"


class Randrw(BuiltinWorkload):
    """Concurrent random reads and writes."""

    name = "randrw"
    summary = "concurrent random reads and writes; sweeps block size, read fraction, queue depth, jobs"
    parameters = RandrwParameters

    def plan(self, device: DeviceInfo, parameters: RandrwParameters) -> Plan:
        """Measure every combination for `duration`; a blank target is filled first if anything is read."""
        axes = {name: getattr(parameters, name) for name in ("block_size", "read_fraction", "queue_depth", "jobs")}
        fixed: dict[str, Any] = load_fields(parameters) | {
            name: getattr(parameters, name)
            for name in ("rate_iops", "arrival", "distribution", "fsync_every", "sync_kind")
        }
        points: list[dict[str, Any]] = sweep(axes)
        steps = [measured(Job(**fixed, **point), labels) for point, labels in zip(points, varying(points), strict=True)]
        return sweep_plan(device, parameters, steps)


WORKLOAD = Randrw()
