"""From the loads of a suite to jobs on a device: scaled by its capacity as FioSynth does it.

FioSynth (fiosynth_lib/fiosynth.py, `getJobVars`) multiplies rates and depths by the capacity in terabytes (10^12 bytes)
and divides pauses by it. It rounds the capacity to a tenth of a terabyte, and to at least one tenth; here it is exact,
so that load and targets, which are for each terabyte as well, agree on a device of any size.
"""

from __future__ import annotations

from ...common.errors import InputError
from ...common.units import format_size, parse_duration, parse_size
from ...devices.base import DeviceInfo
from ..job import Job, SizeShare
from .suite_file import Load, SuiteStep

TERABYTE = 10**12


def jobs_of_load(load: Load, step: SuiteStep, device: DeviceInfo, factor: float, scale: float) -> list[Job]:
    """Give the jobs of a load: one for all its clients, or one for each where each has an offset of its own.

    `factor` is the capacity that rates, depths and pauses are for, in terabytes; `scale` the share of the step's time.
    Raises `InputError` for a device that is too small.
    """
    if not load.offset_step_percent:
        return [_job(load, step, device, factor, scale, 0, load.clients)]
    places = [device.size * load.offset_step_percent * number // 100 for number in range(load.clients)]
    return [_job(load, step, device, factor, scale, place, 1) for place in places]


def _job(load: Load, step: SuiteStep, device: DeviceInfo, factor: float, scale: float, place: int, clients: int) -> Job:
    block = device.logical_block_size
    offset = place
    if load.offset:
        offset += int(parse_size(load.offset) * device.size / TERABYTE)
    offset = offset // block * block
    span = min(device.size * load.span_percent // 100, device.size - offset) // block * block
    if span < block:
        raise InputError(f"the device has only {format_size(device.size)}", hint="Choose a larger one.")
    sizes = load.block_size_mix or ((load.block_size, 100),)
    # A trim of 2 GiB needs a device of 20 GiB; on a smaller one it trims all that it may.
    shares = tuple(SizeShare(min(parse_size(size), span), float(percent)) for size, percent in sizes)
    own = 1.0 if load.fixed else factor
    rate = float(load.rate_iops)
    if load.rate:
        rate = parse_size(load.rate.removesuffix("/s")) * 100 / sum(share.size * share.percent for share in shares)
    depth, every = load.queue_depth, load.think_every
    if load.depth_scales:
        depth = max(1, int(depth * factor))
        every = depth if every else 0
    return Job(
        pattern="random" if load.random_percent else "sequential",
        block_size_mix=shares if len(shares) > 1 else (),
        block_size=shares[0].size,
        read_fraction=1.0 if load.operation == "read" else 0.0,
        trim=load.operation == "trim",
        sequential_percent=float(100 - load.random_percent) if load.random_percent else 0.0,
        queue_depth=depth,
        jobs=clients,
        rate_iops=rate * clients * own or None,
        think_time=parse_duration(load.think) / own if load.think else 0.0,
        think_every=every,
        offset=offset,
        span=span,
        bytes=span * step.passes if step.passes else None,
        duration=None if step.passes else parse_duration(step.time) * scale,
        ramp=parse_duration(step.ramp) * scale if step.ramp else 0.0,
    )
