"""IOPS: rounds of every mix and block size; convergence, window, table and both plots of the window's averages."""

from __future__ import annotations

from ...common.units import format_size
from ..findings import Finding, Plot, Trace
from .part import (
    Part,
    column,
    complete_rounds,
    key_of,
    measured,
    mix,
    not_steady,
    procedure_of,
    quantities,
    steadiness,
    steady_of,
    window_of_rounds,
)
from .plots import by_round, grid, window_plots
from .timeline import samples

_REGIME_SIZES = (131072, 4096)
"""Block sizes of the writes that are drawn from fresh out of the box to steady state."""


def find(part: Part) -> Finding:
    """Analyse the IOPS test (2.0.2, p. 26)."""
    rounds = complete_rounds(part.rounds())
    variables = {
        f"RND {format_size(one['block_size'])} {mix(one['read_percent'])}": column(
            rounds, one["quantity"], block_size=one["block_size"], read_percent=one["read_percent"]
        )
        for one in part.own("tracked") or ()
    }
    steady = steady_of(variables, part.rule)
    window = window_of_rounds(steady, len(rounds))
    inside = rounds[window[0] - 1 : window[1]]
    cells = list(dict.fromkeys(key_of(step, "read_percent", "block_size") for one in rounds for step in one))
    percents = list(dict.fromkeys(int(percent) for percent, _ in cells))
    sizes = list(dict.fromkeys(int(size) for _, size in cells))
    by_cell = {
        cell: [step for one in inside for step in one if key_of(step, "read_percent", "block_size") == cell]
        for cell in cells
    }

    def average(percent: int, size: int) -> float | None:
        steps = by_cell.get((percent, size), [])
        return sum(measured(step).iops for step in steps) / len(steps) if steps else None

    averages = [[average(percent, size) for percent in percents] for size in sizes]
    writes = (
        {
            f"RND {format_size(size)} {mix(percents[-1])}": column(
                rounds, "iops", block_size=size, read_percent=percents[-1]
            )
            for size in sizes
        }
        if percents
        else {}
    )
    plots = (
        [
            by_round(
                "convergence",
                f"Steady state convergence, {mix(percents[-1])}",
                "IOPS",
                "1/s",
                writes,
                window,
                log_y=True,
            ),
            _regimes(part),
            by_round(
                "tracked", "Steady state convergence, tracked variables", "IOPS", "1/s", variables, window, log_y=True
            ),
            *window_plots("window", steady, dict.fromkeys(variables, "1/s"), dict.fromkeys(variables, "IOPS")),
            Plot(
                "iops",
                "IOPS by block size, averages of the measurement window",
                "block size",
                "B",
                "IOPS",
                "1/s",
                tuple(
                    Trace(
                        mix(percent),
                        tuple(map(float, sorted(sizes))),
                        tuple(average(percent, s) for s in sorted(sizes)),
                    )
                    for percent in percents
                ),
                log_x=True,
                log_y=True,
            ),
        ]
        if cells
        else []
    )
    table = grid(
        "iops",
        "IOPS, averages of the measurement window",
        "IOPS",
        "1/s",
        ("block size", [format_size(size) for size in sizes]),
        ("R/W", [mix(percent) for percent in percents]),
        averages,
        columns_3d=True,
    )
    numbers = [*steadiness(steady, part.labels)]
    for (percent, size), steps in by_cell.items():
        numbers += quantities(steps, {**part.labels, "phase": "window", "block_size": size, "read_percent": percent})
    return Finding(
        part.test,
        part.part,
        part.title,
        steady,
        dict.fromkeys(variables, "1/s"),
        (table,) if cells else (),
        tuple(plots),
        tuple(numbers),
        tuple(not_steady(steady)),
        procedure_of(part, {"wipc": "Preconditioning 1", "round": "Preconditioning 2 and test"}),
    )


def _regimes(part: Part) -> Plot:
    """Write throughput over what was written, from the purge on: fresh out of the box, transition, steady state."""
    filling: tuple[list[float], list[float | None]] = ([], [])
    rounds: dict[int, tuple[list[float], list[float | None]]] = {size: ([], []) for size in _REGIME_SIZES}
    for one in samples(part.of("wipc", "round")):
        fills = one.written / (part.size or 1)
        found = measured(one.step)
        size = int(one.step.labels.get("block_size", 0))
        if one.step.labels["phase"] == "wipc":
            series = one.step.measurement.series if one.step.measurement else None
            rates = list(series.write_bandwidth) if series and series.time_s else [found.write.bandwidth]
            begun = fills - found.write.bytes / (part.size or 1)
            filling[0].extend(begun + (fills - begun) * (n + 1) / len(rates) for n in range(len(rates)))
            filling[1].extend(rates)
        elif one.step.labels.get("read_percent") == 0 and size in rounds:
            rounds[size][0].append(fills)
            rounds[size][1].append(found.write.bandwidth)
    traces = [Trace("preconditioning, sequential", tuple(filling[0]), tuple(filling[1]))] if filling[0] else []
    traces += [Trace(f"RND {format_size(size)} 0/100", tuple(x), tuple(y)) for size, (x, y) in rounds.items() if x]
    title = "Writes from fresh out of the box to steady state"
    return Plot("regimes", title, "drive fills", "", "throughput", "B/s", tuple(traces), log_y=True)
