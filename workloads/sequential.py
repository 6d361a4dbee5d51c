"""Sequential streams: each job goes through a part of the span of its own, so that no two overlap."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ..common.errors import InputError
from ..common.units import Count, Fraction, Rate, Size, format_size
from ..devices.base import DeviceInfo
from .base import BuiltinWorkload
from .job import Job, default_label
from .phases import LoadParameters, load_fields, measured, sweep, sweep_plan, varying
from .steps import Measure, Plan


class SequentialParameters(LoadParameters, frozen=True):
    """Every list sweeps; all combinations are measured, `jobs` fastest."""

    block_size: Annotated[tuple[Size, ...], msgspec.Meta(min_length=1)] = (1 << 20,)
    read_fraction: Annotated[tuple[Fraction, ...], msgspec.Meta(min_length=1)] = (1.0, 0.0)
    queue_depth: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1, 8)
    jobs: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1,)
    rate_iops: Rate | None = None
    """For all jobs together."""


class Sequential(BuiltinWorkload):
    """Sequential reads and writes."""

    name = "sequential"
    summary = "sequential streams, each in its own part; sweeps block size, read fraction, queue depth, jobs"
    parameters = SequentialParameters

    def plan(self, device: DeviceInfo, parameters: SequentialParameters) -> Plan:
        """Measure every combination for `duration`; a stream starts again when its part is done."""
        axes = {name: getattr(parameters, name) for name in ("block_size", "read_fraction", "queue_depth", "jobs")}
        fixed = load_fields(parameters) | {"pattern": "sequential", "rate_iops": parameters.rate_iops}
        points: list[dict[str, Any]] = sweep(axes)
        steps = [_streams(device, fixed | point, labels) for point, labels in zip(points, varying(points), strict=True)]
        return sweep_plan(device, parameters, steps)


def _streams(device: DeviceInfo, fields: dict[str, Any], labels: dict[str, str | int | float]) -> Measure:
    whole = Job(**fields)
    if whole.jobs == 1:
        return measured(whole, labels)
    part = whole.span_on(device.size) // whole.jobs // whole.block_size * whole.block_size
    if part < whole.block_size:
        raise InputError(
            f"{whole.jobs} streams leave each {format_size(whole.span_on(device.size) / whole.jobs)}, "
            f"less than a block of {format_size(whole.block_size)}",
            hint="Choose fewer jobs, a smaller block_size or a larger span.",
        )
    rate = whole.rate_iops and whole.rate_iops / whole.jobs
    first, *beside = (
        msgspec.structs.replace(whole, jobs=1, offset=number * part, span=part, rate_iops=rate)
        for number in range(whole.jobs)
    )
    return measured(first, labels, tuple(beside), default_label(whole))


WORKLOAD = Sequential()
