"""Latency: response times at one thread and depth 1, then the histogram of a long capture."""

from __future__ import annotations

from collections.abc import Callable

from ...common.units import format_size
from ..findings import Finding, Grid
from .part import (
    Key,
    Part,
    column,
    complete_rounds,
    key_of,
    measured,
    merged,
    mix,
    not_steady,
    procedure_of,
    quantities,
    rnd,
    steadiness,
    steady_of,
    window_of_rounds,
)
from .plots import by_round, confidence_levels, grid, response_times, unsupported, window_plots

_FIVE_NINES = 99.999


def find(part: Part) -> Finding:
    """Analyse the latency test (2.0.1, p. 43)."""
    rounds = complete_rounds(part.rounds())
    tracked = part.own("tracked") or ()
    variables = {
        f"RND {format_size(one['block_size'])} {mix(one['read_percent'])}": column(
            rounds, one["quantity"], block_size=one["block_size"], read_percent=one["read_percent"]
        )
        for one in tracked
    }
    steady = steady_of(variables, part.rule)
    window = window_of_rounds(steady, len(rounds))
    inside = rounds[window[0] - 1 : window[1]]
    cells = list(dict.fromkeys(key_of(step, "read_percent", "block_size") for one in rounds for step in one))
    percents, sizes = (list(dict.fromkeys(int(cell[place]) for cell in cells)) for place in (0, 1))
    by_cell = {
        cell: [step for one in inside for step in one if key_of(step, "read_percent", "block_size") == cell]
        for cell in cells
    }
    latencies = {cell: merged(steps) for cell, steps in by_cell.items()}
    rows, columns = ("block size", [format_size(s) for s in sizes]), ("R/W", [mix(p) for p in percents])

    def table(
        name: str, title: str, unit: str, value: Callable[[Key], float | None], *, columns_3d: bool = False
    ) -> Grid:
        values = [[value((p, s)) if (p, s) in by_cell else None for p in percents] for s in sizes]
        return grid(name, title, title, unit, rows, columns, values, columns_3d=columns_3d)

    grids = (
        [
            table("average", "Average response time", "ns", lambda c: latencies[c].mean_ns, columns_3d=True),
            table("five-nines", "99.999 % response time", "ns", lambda c: latencies[c].percentile(_FIVE_NINES)),
            table("maximum", "Maximum response time", "ns", lambda c: latencies[c].max_ns, columns_3d=True),
            table("iops", "IOPS", "1/s", lambda c: sum(measured(s).iops for s in by_cell[c]) / len(by_cell[c])),
        ]
        if cells
        else []
    )
    capture = {rnd(step): measured(step).latency for step in part.of("histogram")}
    plots = []
    if rounds:
        for name, title, value in (("mean", "average", "mean_ns"), ("max", "maximum", "max_ns")):
            values = {
                f"RND {format_size(int(size))} {mix(int(percent))}": [
                    getattr(measured(step).latency, value)
                    for one in rounds
                    for step in one
                    if key_of(step, "read_percent", "block_size") == (percent, size)
                ]
                for percent, size in cells
            }
            plots.append(
                by_round(
                    f"convergence-{name}",
                    f"Steady state convergence, {title} response time",
                    f"{title} response time",
                    "ns",
                    values,
                    window,
                    log_y=True,
                )
            )
        plots += window_plots(
            "window", steady, dict.fromkeys(variables, "ns"), dict.fromkeys(variables, "average response time")
        )
    for name, latency in capture.items():
        if (plot := response_times("histogram", f"Response times, {name}", latency)) is not None:
            plots.append(plot)
    if capture:
        grids.append(confidence_levels("confidence", "Response times by confidence level", capture))
    numbers = list(steadiness(steady, part.labels))
    for (percent, size), steps in by_cell.items():
        numbers += quantities(steps, {**part.labels, "phase": "window", "block_size": size, "read_percent": percent})
    for step in part.of("histogram"):
        numbers += quantities([step], {**part.labels, **step.labels})
    return Finding(
        part.test,
        part.part,
        part.title,
        steady,
        dict.fromkeys(variables, "ns"),
        tuple(grids),
        tuple(plots),
        tuple(numbers),
        (*not_steady(steady), *unsupported(capture)),
        procedure_of(
            part, {"wipc": "Preconditioning 1", "round": "Preconditioning 2 and test", "histogram": "Histogram"}
        ),
    )
