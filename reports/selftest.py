"""What the selftest of the statistics found, on a terminal: each figure with its interval and its target."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from ..results.selftest.experiment import Check
from .columns import Column, FirstFitting, StepName, stacked_layout

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


def selftest_table(checks: Sequence[Check]) -> RenderableType:
    """Show a line for each figure below the experiment that it is of, then what was missed."""
    from rich.console import Group
    from rich.text import Text

    groups = [(key, list(group)) for key, group in groupby(checks, key=lambda one: (one.experiment, one.setting))]
    steps = [StepName(f"{name}: {setting}; {own[0].comparisons} comparisons") for (name, setting), own in groups]
    rows = [step for step, (_, own) in enumerate(groups) for _ in own]
    figure = Column("", [one.figure for one in checks], words=True)
    verdict = Column("", [_verdict(one) for one in checks], words=True)
    value = Column("measured", [_shown(one, one.value) for one in checks])
    interval = Column("95 % interval", [_interval(one) for one in checks])
    target = Column("target", [_target(one) for one in checks])
    choices = ([figure, value, interval, target, verdict], [figure, value, verdict])
    parts: list[RenderableType] = [FirstFitting([stacked_layout(steps, rows, choice) for choice in choices])]
    missed = [one for one in checks if one.passed is False]
    aimed = sum(one.passed is not None for one in checks)
    met = Text(f"{aimed - len(missed)} of {aimed} targets met; seed {checks[0].seed}.", "red" if missed else "green")
    parts += ["", met]
    if missed and all(one.open for one in missed):
        parts.append(Text("Chance may be the reason for what was missed: more --comparisons would tell.", "yellow"))
    return Group("", *parts, "")


def _verdict(check: Check) -> Text:
    from rich.text import Text

    if check.passed is None:
        return Text("    ")
    return Text("PASS", "green") if check.passed else Text("FAIL", "bold red")


def _shown(check: Check, value: float) -> str:
    return f"{100 * value:.2f} %" if check.unit == "share" else f"{value:.3f}" if value < 5 else f"{value:.1f}"


def _interval(check: Check) -> str:
    low, high = (_shown(check, end) for end in check.interval)
    return f"{low.removesuffix(' %')} to {high}"


def _target(check: Check) -> str:
    ends = [
        f"{sign} {100 * end:g} %" if check.unit == "share" else f"{sign} {end:g}"
        for sign, end in (("≥", check.at_least), ("≤", check.at_most))
        if end is not None
    ]
    return " ".join(ends)
