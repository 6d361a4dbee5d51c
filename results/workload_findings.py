"""The analysis of a specification that is a list of workloads, such as a suite of production traces."""

from __future__ import annotations

from collections.abc import Sequence

from .findings import Finding, Grid, Plot, Trace
from .measurement import Direction, Latency
from .pts.part import measured
from .pts.plots import confidence_levels, response_times, unsupported
from .run_file import Run, StepView

_DIRECTIONS = ("read", "write", "trim")


def workload_findings(run: Run) -> list[Finding]:
    """Give one finding for each workload, by the label `test`, over its cycles."""
    groups: dict[str, list[StepView]] = {}
    for step in run.measured:
        if "test" in step.labels:
            groups.setdefault(str(step.labels["test"]), []).append(step)
    return [_finding(name, steps) for name, steps in groups.items()]


def _finding(name: str, steps: Sequence[StepView]) -> Finding:
    cycles = [f"cycle {step.labels.get('cycle', number)}" for number, step in enumerate(steps, 1)]
    used = [d for d in _DIRECTIONS if any(_direction(step, d).ios for step in steps)]
    rates = Grid(
        "bandwidth", "Throughput", "throughput", "B/s", "cycle", tuple(cycles), "", tuple(used),
        tuple(tuple(_direction(step, d).bandwidth for d in used) for step in steps),
    )  # fmt: skip
    latencies = {d: Latency.merged([_direction(step, d).latency for step in steps]) for d in used}
    plots = [response_times(f"histogram-{d}", f"Response times, {d}", latency) for d, latency in latencies.items()]
    return Finding(
        name, "", name, grids=(rates, confidence_levels("confidence", "Response times by confidence level", latencies)),
        plots=(*_over_time(steps, used), *(plot for plot in plots if plot is not None)),
        notes=tuple(unsupported(latencies)),
    )  # fmt: skip


def _direction(step: StepView, name: str) -> Direction:
    found: Direction = getattr(measured(step), name)
    return found


def _over_time(steps: Sequence[StepView], used: Sequence[str]) -> list[Plot]:
    """Plot the throughput second by second, the cycles one after the other, where the engine gives it."""
    columns: dict[str, tuple[list[float], list[float | None]]] = {d: ([], []) for d in used if d != "trim"}
    began = 0.0
    for step in steps:
        series = step.measurement.series if step.measurement else None
        if series is not None and series.time_s:
            for name, (x, y) in columns.items():
                x.extend(began + at for at in series.time_s)
                y.extend(getattr(series, f"{name}_bandwidth"))
        began += measured(step).runtime_s
    traces = tuple(Trace(name, tuple(x), tuple(y)) for name, (x, y) in columns.items() if x)
    return [Plot("bandwidth-time", "Throughput over time", "time", "s", "throughput", "B/s", traces)] if traces else []
