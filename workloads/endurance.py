"""How a device ages: latency, write amplification and wear while it is overwritten, uniformly and with a hot set.

The numbers that come out, for each part of a drive write:

* `write.iops` and `write.latency` of the overwrites themselves; `read.latency` of a short probe at depth 1 after them;
* from an emulated device, in the table under `device`: `write_amplification` of that part alone, `wear_mean` and
  `wear_max` up to its end, bytes that the medium wrote, energy. A real device does not tell them here.

The target is filled once before each pattern, so that every pattern begins with the same layout; what wears stays worn.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ..common.errors import InputError
from ..common.units import Count, Size
from ..devices.base import DeviceInfo
from .base import BuiltinWorkload, Parameters
from .job import Job
from .phases import checked_plan, measured, prefill_steps, seeded
from .steps import Plan, Step

Overwriting = Literal["uniform", "skewed"]


class EnduranceParameters(Parameters, frozen=True):
    """Both patterns are written one after the other."""

    patterns: Annotated[tuple[Overwriting, ...], msgspec.Meta(min_length=1)] = ("uniform", "skewed")
    drive_writes: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 4.0
    """How often the span is overwritten with each pattern."""
    interval: Annotated[float, msgspec.Meta(gt=0, le=1000)] = 0.5
    """Drive writes in each measured step."""
    block_size: Size = 4096
    queue_depth: Count = 32
    jobs: Count = 1
    skew: Annotated[int, msgspec.Meta(ge=1, le=100, extra={"unit": "%"})] = 80
    """Share of the skewed writes that go to the hot set."""
    hot_share: Annotated[int, msgspec.Meta(ge=1, le=99, extra={"unit": "%"})] = 20
    """Size of the hot set as a share of the span."""
    probe: Annotated[float, msgspec.Meta(ge=0, extra={"unit": "s"})] = 1.0
    """Reads at depth 1 after each step of writes, 0 for none."""
    span: Size | None = None
    """The region in use, from the start of the target; none means all of it."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class Endurance(BuiltinWorkload):
    """Overwriting, many times."""

    name = "endurance"
    summary = "how latency, write amplification and wear develop over many drive writes, uniform and skewed"
    parameters = EnduranceParameters

    def plan(self, device: DeviceInfo, parameters: EnduranceParameters) -> Plan:
        """Fill, then overwrite in steps of `interval` drive writes, each pattern after the other."""
        span = parameters.span or device.size
        steps = round(parameters.drive_writes / parameters.interval)
        if steps < 1 or abs(steps * parameters.interval - parameters.drive_writes) > 1e-6:
            raise InputError(
                f"drive_writes {parameters.drive_writes:g} is not a whole number of intervals of "
                f"{parameters.interval:g}"
            )
        planned: list[Step] = []
        for pattern in parameters.patterns:
            job = _overwrite(parameters, pattern, span)
            planned += prefill_steps(device, [job], "always", parameters.seed)
            for number in range(1, steps + 1):
                written = round(number * parameters.interval, 6)
                labels = {"addresses": pattern, "drive_writes": written}
                planned.append(measured(job, labels, label="overwrite"))
                if parameters.probe:
                    planned.append(measured(_probe(parameters), labels, label="probe"))
        return checked_plan(device, [seeded(step, parameters.seed, n) for n, step in enumerate(planned)])


def _overwrite(parameters: EnduranceParameters, pattern: Overwriting, span: int) -> Job:
    block, hot = parameters.block_size, parameters.hot_share
    rest = 100 - parameters.skew
    skewed = f"zoned:{parameters.skew}/{hot}:{rest}/{100 - hot}" if rest else f"zoned:100/{hot}"
    each = int(span * parameters.interval / parameters.jobs) // block * block
    return Job(
        read_fraction=0.0,
        block_size=block,
        queue_depth=parameters.queue_depth,
        jobs=parameters.jobs,
        span=parameters.span,
        bytes=max(each, block),
        distribution=skewed if pattern == "skewed" else "uniform",
    )


def _probe(parameters: EnduranceParameters) -> Job:
    return Job(block_size=parameters.block_size, span=parameters.span, duration=parameters.probe)


WORKLOAD = Endurance()
