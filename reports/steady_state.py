"""Steady state as a table: what was asked, what was met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..results.steady_state import RULES, SteadyState, Window
from .columns import Column, table_of

if TYPE_CHECKING:
    from rich.console import RenderableType


def steady_state_summary(found: SteadyState) -> list[RenderableType]:
    """Give the sentence and the figures of each variable's window."""
    from rich.text import Text

    rule = RULES[found.rule]
    if found.first_steady_round is not None:
        sentence = Text(f"Steady at round {found.first_steady_round} of {found.rounds}", "bold green")
    elif found.windows:
        sentence = Text(f"Steady state not achieved in {found.rounds} rounds", "bold red")
    else:
        sentence = Text(f"Steady state not achieved: {found.rounds} rounds, a window has {rule.window}", "bold red")
    parts: list[RenderableType] = [sentence.append(f"\n{rule.source}", "dim not bold")]
    if found.windows:
        names, windows = list(found.windows), list(found.windows.values())
        parts += ["", table_of(_columns(names, windows)), ""]
        parts += [Text(f"{name}: {line_of(window)}", "dim") for name, window in found.windows.items()]
    return parts


def line_of(window: Window) -> str:
    """Say the fitted line and the correlation: `y = -6.4 x + 11746, r = -0.09`."""
    sign = "-" if window.intercept < 0 else "+"
    text = f"y = {window.slope:.6g} x {sign} {abs(window.intercept):.6g}"
    return text if window.correlation is None else f"{text}, r = {window.correlation:.3f}"


def _columns(names: list[str], windows: list[Window]) -> list[Column]:
    return [
        Column("variable", names, words=True),
        Column("rounds", [f"{w.rounds[0]}-{w.rounds[1]}" for w in windows]),
        Column("average", [f"{w.average:.6g}" for w in windows]),
        Column("range", [f"{w.range:.6g}" for w in windows], apart=True),
        Column("allowed", [f"{w.allowed_range:.6g}" for w in windows]),
        Column("", ["met" if w.range_met else "not met" for w in windows]),
        Column("excursion", [f"{w.excursion:.6g}" for w in windows], apart=True),
        Column("allowed", [f"{w.allowed_excursion:.6g}" for w in windows]),
        Column("", ["met" if w.slope_met else "not met" for w in windows]),
    ]
