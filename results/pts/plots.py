"""Tables and plots that several tests have: convergence, measurement window, response times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..findings import Grid, Plot, Trace
from ..histogram import bin_values
from ..measurement import Latency, percentile_name
from ..steady_state import SteadyState, Window

CONFIDENCE = (50.0, 90.0, 99.0, 99.9, 99.99, 99.999, 99.9999)
"""Confidence levels of response times, in percent."""


def by_round(
    name: str,
    title: str,
    y_title: str,
    y_unit: str,
    columns: Mapping[str, Sequence[float]],
    window: tuple[int, int] | None,
    *,
    log_y: bool = False,
    x_title: str = "round",
) -> Plot:
    """Plot values over rounds, the measurement window shaded."""
    traces = tuple(
        Trace(label, tuple(float(n) for n in range(1, len(values) + 1)), tuple(values))
        for label, values in columns.items()
        if values
    )
    shaded = (float(window[0]), float(window[1])) if window else None
    return Plot(name, title, x_title, "", y_title, y_unit, traces, log_y=log_y, shaded=shaded)


def window_plots(
    name: str, steady: SteadyState | None, units: Mapping[str, str], y_titles: Mapping[str, str]
) -> list[Plot]:
    """Plot each tracked variable in its window: the values, the best fit, and the bounds of both rules."""
    if steady is None:
        return []
    return [
        _window_plot(f"{name}-{number}", variable, window, units[variable], y_titles[variable])
        for number, (variable, window) in enumerate(steady.windows.items(), 1)
    ]


def _window_plot(name: str, variable: str, window: Window, unit: str, y_title: str) -> Plot:
    first, last = window.rounds
    rounds = tuple(float(n) for n in range(first, last + 1))
    ends = (float(first), float(last))
    half_range, half_slope = window.allowed_range / 2, window.allowed_excursion / 2
    traces = [
        Trace(variable, rounds, window.values, "points"),
        Trace("best linear fit", ends, tuple(window.slope * x + window.intercept for x in ends), "guide"),
        Trace("average", ends, (window.average,) * 2, "guide"),
    ]
    for label, half in (("average ± half the allowed range", half_range), ("± half the allowed slope", half_slope)):
        traces += [Trace(label, ends, (window.average + sign * half,) * 2, "guide") for sign in (1, -1)]
    return Plot(name, f"Measurement window: {variable}", "round", "", y_title, unit, tuple(traces))


def grid(
    name: str,
    title: str,
    quantity: str,
    unit: str,
    rows: tuple[str, Sequence[str]],
    columns: tuple[str, Sequence[str]],
    values: Sequence[Sequence[float | None]],
    *,
    columns_3d: bool = False,
) -> Grid:
    """Make a table; `rows` and `columns` are a title and the names."""
    return Grid(
        name,
        title,
        quantity,
        unit,
        rows[0],
        tuple(rows[1]),
        columns[0],
        tuple(columns[1]),
        tuple(tuple(row) for row in values),
        columns_3d,
    )


def response_times(name: str, title: str, latency: Latency) -> Plot | None:
    """Plot the histogram of response times, count over time; None where there is none."""
    counts = latency.histogram.dense() if latency.histogram.bins else None
    if counts is None or not counts.any():
        return None
    middles = bin_values()
    places = counts.nonzero()[0]
    return Plot(
        name,
        title,
        "response time",
        "ns",
        "I/Os",
        "1",
        (Trace("I/Os", tuple(float(middles[n]) for n in places), tuple(float(counts[n]) for n in places), "bars"),),
        log_x=True,
        log_y=True,
    )


def confidence_levels(name: str, title: str, rows: Mapping[str, Latency]) -> Grid:
    """Tabulate the confidence levels of response times; what the samples cannot support has no value."""
    values = [[*latency.percentiles(CONFIDENCE), latency.max_ns or None] for latency in rows.values()]
    names = [*(f"{percentile_name(level)[1:]} %" for level in CONFIDENCE), "maximum"]
    return grid(name, title, "response time", "ns", ("load", list(rows)), ("confidence level", names), values)


def unsupported(rows: Mapping[str, Latency]) -> list[str]:
    """Say which levels the sample counts cannot support: fewer than ten samples are beyond them."""
    found = []
    for name, latency in rows.items():
        missing = [
            f"{percentile_name(level)[1:]} %"
            for level, value in zip(CONFIDENCE, latency.percentiles(CONFIDENCE), strict=True)
            if value is None
        ]
        if missing and latency.samples:
            found.append(f"{name}: {latency.samples:,} response times are too few for {' and '.join(missing)}")
    return found
