"""What an emulated device says of a step: what its medium did, and how well real time kept to the model.

The emulator's floor is measured before the first step, by the same fio through the same shim with nothing waited for.
A profile that answers a job's I/Os hardly slower than that would show the emulator, not the device, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError, MeasurementError
from ..common.units import format_latency, format_size
from ..devices.base import Target
from ..devices.native_library import CounterInfo, Model
from ..devices.native_shared import SharedModel, Timed
from ..results.histogram import Histogram, bin_values
from ..results.measurement import Fidelity, Latency, Measurement, Quantity
from ..workloads.job import Job
from .counters import cpu_percents, cpu_seconds
from .engines.base import Assignment, Engine

MARGIN = 1.5
"""A profile must be slower than the floor by this factor."""

_FLOOR_JOB = Job(duration=0.3)


def measure_floor(target: Target, engine: Engine, folder: Path) -> float | None:
    """Give the median time in ns of an I/O that the model does not delay; None of what is not emulated in real time."""
    shared = target.emulation
    if not isinstance(shared, SharedModel):
        return None
    place = folder / "floor"
    place.mkdir(exist_ok=True)
    block = max(target.logical_block_size, min(_FLOOR_JOB.block_size, target.size))
    job = msgspec.structs.replace(_FLOOR_JOB, block_size=block)
    shared.wait(model=False)
    shared.reset_statistics()
    try:
        found = engine.run(Assignment((job,), target, place, read_only=True), lambda progress: None)
        # Nothing was waited for: by how much an answer came after its submission is the emulator's own time. What fio
        # saw has the way to a server in it as well, but of libaio not the submission.
        inside = Histogram.of_dense(shared.statistics()["read"].error).percentile(50)
        outside = found.measurement.read.latency.percentile(50)
    finally:
        shared.wait(model=True)
        shared.reset_statistics()
    if inside is None or outside is None:
        raise MeasurementError("the emulator's floor could not be measured: too few I/Os were completed")
    median = max(inside, outside)
    return float(median)


def check_faithful(target: Target, jobs: Sequence[Job], floor_ns: float | None) -> None:
    """Refuse jobs whose I/Os the model answers faster than this machine can emulate. Raises `InputError`."""
    if floor_ns is None or target.fastest_ns is None:
        return
    smallest = min(size for job in jobs for size in job.block_sizes)
    fastest = target.fastest_ns(smallest)
    if fastest < MARGIN * floor_ns:
        raise InputError(
            f"this profile cannot be emulated here: it answers {format_size(smallest)} in {format_latency(fastest)}, "
            f"the emulator alone takes {format_latency(floor_ns)}, and {MARGIN:g} times that is the least",
            hint="Use sim: for it, larger blocks, another ioengine, or a faster machine.",
        )


class Observation:
    """What an emulated device counts from now on."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._before = counters_of(target)
        self._processor = cpu_seconds()
        if isinstance(target.emulation, SharedModel):
            target.emulation.reset_statistics()

    def add_to(self, measurement: Measurement, floor_ns: float | None) -> Measurement:
        """Give the measurement with what the device counted since."""
        if self._before is None:
            return measurement
        counted = counted_between(self._before, counters_of(self._target) or {})
        fidelity = None
        shared = self._target.emulation
        if isinstance(shared, SharedModel) and floor_ns is not None:
            steal = cpu_percents(self._processor, cpu_seconds())["steal"]
            fidelity = fidelity_of(shared.statistics(), floor_ns, steal)
        return msgspec.structs.replace(measurement, device=counted, fidelity=fidelity)


def counters_of(target: Target) -> dict[str, CounterInfo] | None:
    """Give what an emulated device has counted so far; None for a real one."""
    for found in (target.model, target.emulation):
        if isinstance(found, Model | SharedModel):
            return found.counters()
    return None


def counted_between(before: Mapping[str, CounterInfo], after: Mapping[str, CounterInfo]) -> dict[str, Quantity]:
    """Give what a device counted between two moments; of states, such as wear, the later one."""
    found = {
        name: Quantity(counter.value - (0.0 if counter.state else before[name].value), counter.unit)
        for name, counter in after.items()
    }
    written, media = found.get("host_written"), found.get("media_written")
    if written and media and written.value:
        found["write_amplification"] = Quantity(media.value / written.value)
    return found


def fidelity_of(statistics: Mapping[str, Timed], floor_ns: float, steal_percent: float) -> Fidelity:
    """Sum up how late answers came, and give the latencies in the model's time."""
    error: NDArray[np.int64] = np.sum([one.error for one in statistics.values()], axis=0)
    ios = sum(one.ios for one in statistics.values())
    p50, p99 = Histogram.of_dense(error).percentiles((50, 99))
    return Fidelity(
        ios,
        floor_ns,
        float(p50 if p50 is not None else _highest(error)),
        float(p99 if p99 is not None else _highest(error)),
        sum(one.late for one in statistics.values()) / ios if ios else 0.0,
        steal_percent,
        _latency(statistics["read"]),
        _latency(statistics["write"]),
    )


def _highest(counts: NDArray[np.int64]) -> int:
    """Give the highest value there is: what stands for a percentile that too few samples support."""
    filled = np.flatnonzero(counts)
    return int(bin_values()[filled[-1]]) if len(filled) else 0


def _latency(timed: Timed) -> Latency:
    if not timed.ios:
        return Latency()
    filled = np.flatnonzero(timed.latency)
    values = bin_values()[filled].astype(float)
    mean = timed.latency_sum / timed.ios
    # Sums of squares are not kept in real time: the deviation comes from the bins, which are 1/64 wide at most.
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=timed.latency[filled])))
    return Latency(Histogram.of_dense(timed.latency), float(values[0]), float(timed.latency_max), mean, deviation)
