"""Write Saturation: how a purged device slows down while it is written at random."""

from __future__ import annotations

import msgspec

from ..findings import Finding, Plot, Quantified
from .part import (
    Part,
    measured,
    not_steady,
    procedure_of,
    quantities,
    quantity_of,
    rnd,
    steadiness,
    steady_of,
)
from .plots import by_round, confidence_levels, response_times, unsupported, window_plots
from .timeline import over_time, samples

_FRESH_MINUTES = 1
"""How many samples from the start count as fresh out of the box."""


def find(part: Part) -> Finding:
    """Analyse the write saturation test (2.0.x, section 10)."""
    minutes = list(samples(step for step in part.steps if step.labels.get("phase") == "minute"))
    checks = [step for step in part.of("minute") if "round" in step.labels]
    name = rnd(checks[0]) if checks else "writes"
    variables = {name: [quantity_of(step, "iops") for step in checks]} if checks else {}
    steady = steady_of(variables, part.rule)
    capture = {rnd(step): measured(step).latency for step in part.of("histogram")}
    iops = [measured(one.step).iops for one in minutes]
    plots: list[Plot] = []
    if minutes:
        time = over_time("IOPS", minutes, "iops")
        plots += [
            Plot("iops-time", "IOPS over time", "time", "s", "IOPS", "1/s", (time,)),
            Plot(
                "iops-tgbw",
                "IOPS over total bytes written",
                "written",
                "B",
                "IOPS",
                "1/s",
                (msgspec.structs.replace(time, x=tuple(float(one.written) for one in minutes)),),
            ),
            Plot(
                "iops-fills",
                "IOPS over normalized capacity",
                "drive fills",
                "",
                "IOPS",
                "1/s",
                (msgspec.structs.replace(time, x=tuple(one.written / (part.size or 1) for one in minutes)),),
            ),
            Plot(
                "latency-time",
                "Average and maximum response time over time",
                "time",
                "s",
                "response time",
                "ns",
                (over_time("average", minutes, "latency_mean"), over_time("maximum", minutes, "latency_max")),
                log_y=True,
            ),
        ]
        if variables:
            window = steady.windows[name].rounds if steady and steady.windows else None
            plots.append(
                by_round("convergence", "One-minute checks", "IOPS", "1/s", variables, window, x_title="check")
            )
            plots += window_plots("window", steady, {name: "1/s"}, {name: "IOPS"})
    for title, latency in capture.items():
        if (plot := response_times("histogram", f"Response times, {title}", latency)) is not None:
            plots.append(plot)
    numbers = list(steadiness(steady, part.labels))
    if iops:
        fresh = sum(iops[:_FRESH_MINUTES]) / _FRESH_MINUTES
        numbers.append(Quantified("iops", "write", fresh, "1/s", {**part.labels, "phase": "fresh"}))
        last = [one.step for one in minutes[-5:]]
        steps = checks[-5:] if steady is not None and steady.first_steady_round is not None else last
        numbers += quantities(steps, {**part.labels, "phase": "window", "block_size": 4096, "read_percent": 0})
    for step in part.of("histogram"):
        numbers += quantities([step], {**part.labels, **step.labels})
    grids = (confidence_levels("confidence", "Response times by confidence level", capture),) if capture else ()
    return Finding(
        part.test,
        part.part,
        part.title,
        steady,
        {name: "1/s"} if variables else {},
        grids,
        tuple(plots),
        tuple(numbers),
        (*not_steady(steady, "one-minute checks"), *unsupported(capture)),
        procedure_of(part, {"minute": "Test", "histogram": "Histogram"}),
    )
