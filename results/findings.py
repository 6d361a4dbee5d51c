"""What an analysis finds in a run: numbers that a limit can judge, tables and plots that a report can draw.

An analysis is a pure function of an open run; it knows no colour and no page. A report draws whatever findings there
are; limits are judged against their quantities.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .steady_state import SteadyState

Label = str | int | float


class Quantified(msgspec.Struct, frozen=True):
    """One number of a run that a limit can be put on."""

    metric: str
    """As the tidy table names it, such as `iops`, `bandwidth`, `latency_mean`, `latency_p99.99`, `latency_max`; or the
    device's own, such as `capacity`, `temperature_max`, `write_amplification`."""
    direction: str
    """read, write, sync, trim, all; device for what is the device's and not a load's."""
    value: float | None
    """None where it was asked for and could not be measured; `reason` says why."""
    unit: str
    labels: dict[str, Label] = {}
    """What it was measured under: `test`, `phase`, `block_size` (bytes), `read_percent`, `queue_depth`, `threads` …"""
    reason: str = ""


class Grid(msgspec.Struct, frozen=True):
    """A table of numbers; also what a chart of columns in three dimensions shows."""

    name: str
    title: str
    quantity: str
    """`IOPS`, `average response time`."""
    unit: str
    """In base units: 1/s, B/s, ns."""
    row_title: str
    rows: tuple[str, ...]
    column_title: str
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    """Shape (rows, columns)."""
    columns_3d: bool = False
    """Whether the specification asks for a chart of it in three dimensions."""


class Trace(msgspec.Struct, frozen=True):
    """One line of a plot. None in `y` is a gap."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    mark: Literal["line", "points", "bars", "guide"] = "line"
    """`guide` is a bound or a fitted line, drawn thinner and not as a measurement."""


class Plot(msgspec.Struct, frozen=True):
    """Numbers over numbers."""

    name: str
    title: str
    x_title: str
    x_unit: str
    """Base unit, empty for a round or another count."""
    y_title: str
    y_unit: str
    traces: tuple[Trace, ...]
    log_x: bool = False
    log_y: bool = False
    shaded: tuple[float, float] | None = None
    """A stretch of x to bring out: the measurement window."""


class Finding(msgspec.Struct, frozen=True):
    """What one test of a specification came to."""

    test: str
    """The label: iops, throughput, latency, wsat, hir, xsr, cbw, dirth."""
    part: str
    """Of a test that is run several times, such as throughput by block size; otherwise empty."""
    title: str
    steady: SteadyState | None = None
    """None for a test without a steady state."""
    steady_units: dict[str, str] = {}
    """By tracked variable: its base unit."""
    grids: tuple[Grid, ...] = ()
    plots: tuple[Plot, ...] = ()
    quantities: tuple[Quantified, ...] = ()
    notes: tuple[str, ...] = ()
    """Whole sentences: `steady state was not achieved within 25 rounds`."""
    procedure: tuple[tuple[str, str], ...] = ()
    """For the header block: what was done in which phase, name and text, such as (`PC 1`, `SEQ 128 KiB W, TC 4 / QD
    32, 2 × user capacity, 31 min`)."""
