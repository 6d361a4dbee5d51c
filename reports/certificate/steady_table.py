"""The steady-state table: for each tracked variable the window, what was allowed and what was measured."""

from __future__ import annotations

from ...results.findings import Finding
from ..wording import exact_text

HEADINGS = (
    "tracked variable", "window", "average", "range: measured of allowed", "slope: measured of allowed", "best fit",
    "correlation", "steady",
)  # fmt: skip


def steady_rows(finding: Finding) -> list[tuple[str, ...]]:
    """Give a row for each tracked variable; none for a test without a steady state."""
    if finding.steady is None:
        return []
    rows: list[tuple[str, ...]] = []
    for name, window in finding.steady.windows.items():
        unit = finding.steady_units.get(name, "")
        fit = f"{exact_text(window.slope, unit)} · round {'+' if window.intercept >= 0 else '−'} "
        rows.append((
            name,
            f"rounds {window.rounds[0]}–{window.rounds[1]}",
            exact_text(window.average, unit),
            _measured(window.range, window.allowed_range, unit, met=window.range_met),
            _measured(window.excursion, window.allowed_excursion, unit, met=window.slope_met),
            fit + exact_text(abs(window.intercept), unit),
            "–" if window.correlation is None else f"{window.correlation:.3f}",
            "yes" if window.steady else "NO",
        ))  # fmt: skip
    return rows


def _measured(value: float, allowed: float, unit: str, *, met: bool) -> str:
    return f"{exact_text(value, unit)} of {exact_text(allowed, unit)} {'✓' if met else '✗'}"


def steady_words(finding: Finding) -> str:
    """Say in a few words whether and when the test was steady; empty for a test without a steady state."""
    if finding.steady is None:
        return ""
    reached = finding.steady.first_steady_round
    if reached is None:
        return f"STEADY STATE NOT ACHIEVED within {finding.steady.rounds} rounds"
    return f"steady state reached at round {reached}"
