"""What the telemetry of a run says that a reader of its numbers must know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..results.run_file import Run, StepView

_STEAL_PERCENT = 1.0
"""Mean over a run; the doctor warns from the same share on."""
_STEAL_PEAK_PERCENT = 10.0
"""Of a single second: enough to make the tail of a latency."""
_BUSY_PERCENT = 95.0
"""Of one core by one client of the load generator, or of all processors by everything together."""
_HOT_DEGREES = 70.0
"""Drives begin to throttle at 70 to 85 °C."""
_NAMED = 3


def highlights(run: Run) -> Iterator[str]:
    """Say what took time from the measurement: the hypervisor, the processor, heat."""
    if not run.header.engine.startswith("model-"):  # whose time is virtual
        yield from _steal(run)
        yield from _processors(run)
        yield from _load_generator(run)
    hottest = _peak(run, "disk_temperature")
    if hottest >= _HOT_DEGREES:
        yield f"The drive reached {hottest:.0f} °C: it may have slowed itself down."


def _steal(run: Run) -> Iterator[str]:
    mean, peak = _mean(run, "cpu_steal_percent"), _peak(run, "cpu_steal_percent")
    if mean >= _STEAL_PERCENT or peak >= _STEAL_PEAK_PERCENT:
        yield (
            f"The hypervisor took {mean:.1f} % of the processors' time, {peak:.0f} % in the worst second: "
            "the longest latencies may be its doing, not the device's."
        )


def _processors(run: Run) -> Iterator[str]:
    share = _mean(run, "cpu_user_percent", "cpu_system_percent")
    if share >= _BUSY_PERCENT:
        yield f"All processors were busy, {share:.0f} % on average: they may be the limit, not the device."


def _load_generator(run: Run) -> Iterator[str]:
    busy = [step for step in run.measured if _busy(step)]
    if busy:
        where = "all steps" if len(busy) == len(run.measured) > 1 else _some([step.label for step in busy])
        yield f"Each client kept a whole core busy in {where}: the processor may be the limit, not the device."


def _busy(step: StepView) -> bool:
    measured = step.measurement
    return measured is not None and measured.processor.user_percent + measured.processor.system_percent >= _BUSY_PERCENT


def _mean(run: Run, *names: str) -> float:
    values = _sum(run, names)
    return float(values.mean()) if values.size else 0.0


def _peak(run: Run, name: str) -> float:
    values = _sum(run, (name,))
    return float(values.max()) if values.size else 0.0


def _sum(run: Run, names: Sequence[str]) -> NDArray[np.float64]:
    """Add columns, samples that lack one left out; empty where the run lacks one."""
    if not all(name in run.telemetry for name in names):
        return np.zeros(0)
    values = np.sum([run.telemetry[name] for name in names], axis=0)
    return np.asarray(values[np.isfinite(values)], np.float64)


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:_NAMED])
    return shown if len(labels) <= _NAMED else f"{shown} and {len(labels) - _NAMED} more steps"
