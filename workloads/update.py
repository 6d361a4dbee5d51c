"""The rate of in-place updates: random overwrites of existing data, most of them in a hot set, made durable by sync.

The numbers that come out, per step:

* `write.iops` is the rate of updates; with `fsync_every=1` each of them is durable before the next of its job begins,
  so it is the rate of durable updates as well;
* `write.latency` is the time of the overwrite alone, `sync` that of the sync which follows every `fsync_every` of them;
* `write.bandwidth` is what the updates transfer.

A blank target is filled first: without contents there is nothing to update in place, only space to allocate.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from ..common.errors import InputError
from ..common.units import Count, Fraction, Rate, Size
from ..devices.base import DeviceInfo
from .base import BuiltinWorkload
from .job import Arrival, Job
from .phases import LoadParameters, load_fields, measured, sweep, sweep_plan, varying
from .steps import Plan


class UpdateParameters(LoadParameters, frozen=True):
    """Every list sweeps; all combinations are measured, `jobs` fastest."""

    block_size: Annotated[tuple[Size, ...], msgspec.Meta(min_length=1)] = (4096,)
    fsync_every: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(min_length=1)] = (1, 32)
    """Sync after this many updates of a job, 0 for never."""
    queue_depth: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1,)
    jobs: Annotated[tuple[Count, ...], msgspec.Meta(min_length=1)] = (1, 4)
    sync_kind: Literal["fsync", "fdatasync"] = "fdatasync"
    hot_share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.05
    """Size of the hot set as a share of the span."""
    skew: Fraction = 0.9
    """Share of the updates that go to the hot set, in whole percents."""
    zipf_theta: Annotated[float, msgspec.Meta(gt=0, lt=10)] | None = None
    """A Zipf distribution over the whole span instead of a hot set."""
    rate_iops: Rate | None = None
    """For all jobs together."""
    arrival: Arrival = "closed"


class Update(BuiltinWorkload):
    """In-place updates of a hot set."""

    name = "update"
    summary = "rate of in-place updates of a hot set; sweeps block size, sync interval, queue depth, jobs"
    parameters = UpdateParameters

    def plan(self, device: DeviceInfo, parameters: UpdateParameters) -> Plan:
        """Measure every combination for `duration`, after filling a blank target."""
        axes = {name: getattr(parameters, name) for name in ("block_size", "fsync_every", "queue_depth", "jobs")}
        fixed: dict[str, Any] = load_fields(parameters) | {
            "read_fraction": 0.0,
            **{name: getattr(parameters, name) for name in ("sync_kind", "rate_iops", "arrival")},
        }
        points: list[dict[str, Any]] = sweep(axes)
        span = parameters.span or device.size
        steps = [
            measured(Job(**fixed, **point, distribution=distribution(parameters, span, point["block_size"])), labels)
            for point, labels in zip(points, varying(points), strict=True)
        ]
        return sweep_plan(device, parameters, steps, in_place=True)


def distribution(parameters: UpdateParameters, span: int, block_size: int) -> str:
    """Say where the updates go, in fio's notation.

    The zones are in bytes, because a hot set is often less than the whole percent that zones in percents can say.
    """
    if parameters.zipf_theta is not None:
        if parameters.zipf_theta == 1:
            raise InputError("zipf_theta 1 has no normal form", hint="Use 0.99 or 1.01.")
        return f"zipf:{parameters.zipf_theta:.6f}".rstrip("0").rstrip(".")
    percent = round(parameters.skew * 100)
    if abs(percent - parameters.skew * 100) > 1e-6:
        raise InputError(f"skew {parameters.skew:g} is not a whole percent", hint="Use steps of 0.01.")
    hot = max(round(span * parameters.hot_share) // block_size, 1) * block_size
    if hot >= span:
        return "uniform"
    return f"zoned_abs:{percent}/{hot}:{100 - percent}/{span - hot}"


WORKLOAD = Update()
