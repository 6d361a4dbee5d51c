"""Throughput: sequential reads and writes of one block size."""

from __future__ import annotations

from ...common.units import format_size
from ..findings import Finding
from .part import (
    Part,
    column,
    complete_rounds,
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


def find(part: Part) -> Finding:
    """Analyse one block size of the throughput test (2.0.2, p. 35)."""
    rounds = complete_rounds(part.rounds())
    percents = list(dict.fromkeys(int(step.labels["read_percent"]) for one in rounds for step in one))
    size = int(rounds[0][0].labels["block_size"]) if rounds else 0
    columns = {f"SEQ {format_size(size)} {mix(p)}": column(rounds, "bandwidth", read_percent=p) for p in percents}
    tracked = part.own("tracked") or ()
    variables = {name: values for name, values in columns.items() if name in {
        f"SEQ {format_size(size)} {mix(percent)}" for percent in tracked}}  # fmt: skip
    steady = steady_of(variables, part.rule)
    window = window_of_rounds(steady, len(rounds))
    inside = rounds[window[0] - 1 : window[1]]
    by_percent = {p: [s for one in inside for s in one if s.labels["read_percent"] == p] for p in percents}
    averages = [
        sum(measured(step).bandwidth for step in steps) / len(steps) if steps else None for steps in by_percent.values()
    ]
    table = grid(
        "throughput", "Throughput, averages of the measurement window", "throughput", "B/s",
        ("block size", [format_size(size)]), ("R/W", [mix(p) for p in percents]), [averages],
    )  # fmt: skip
    units, titles = dict.fromkeys(variables, "B/s"), dict.fromkeys(variables, "throughput")
    numbers = list(steadiness(steady, part.labels))
    for percent, steps in by_percent.items():
        labels = {**part.labels, "phase": "window", "block_size": size, "read_percent": percent}
        numbers += quantities(steps, labels)
    return Finding(
        part.test, part.part, part.title, steady, units, (table,) if rounds else (),
        (
            by_round("convergence", "Steady state convergence", "throughput", "B/s", columns, window),
            *window_plots("window", steady, units, titles),
        ) if rounds else (),
        tuple(numbers), tuple(not_steady(steady)),
        procedure_of(part, {"wipc": "Preconditioning 1", "round": "Preconditioning 2 and test"}),
    )  # fmt: skip
