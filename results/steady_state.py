"""Steady state as the SNIA Solid State Storage Performance Test Specification defines it.

Over a window of five rounds, the tracked values y are steady when both hold (PTS 2.0.2, 2.1.24):

* range: Max(y) - Min(y) is at most 20 % of Ave(y);
* slope: on the straight line that fits y best by least squares, the highest value inside the window is above the lowest
  by at most 10 % of Ave(y).

The figures are computed from the values as they are, exactly: nothing is rounded, and equality meets a bound. That is
no pedantry: the rules in use that round, or that bound each point's distance from the average, stop at other rounds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import msgspec

from ..common.errors import InputError, nearest

Number = int | float | Fraction


class Rule(msgspec.Struct, frozen=True):
    """When a window is steady. Bounds are shares of the window's average."""

    name: str
    source: str
    window: int = 5
    range_bound: Fraction = Fraction(1, 5)
    slope_bound: Fraction = Fraction(1, 10)


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "pts-2.0", "SNIA SSS PTS 2.0.x, 2.1.24: range no more than 20 %, slope excursion within 10 % of the average"
        ),
        # Its headings say "less than", its sentences "no more than" and "within"; the sentences are the definition.
        Rule("pts-e-1.1", "SNIA SSS PTS-E 1.1, 2.1: the same two sentences, under headings that say 'less than'"),
    )
}


class Window(msgspec.Struct, frozen=True):
    """The figures of one tracked variable in one window, in the variable's own unit.

    The line is `slope` × round + `intercept`, with rounds counted from 1.
    """

    rounds: tuple[int, int]
    """First and last round, both in it."""
    values: tuple[float, ...]
    average: float
    range: float
    allowed_range: float
    slope: float
    """By how much the fitted line rises from one round to the next."""
    intercept: float
    excursion: float
    """By how much the fitted line rises or falls within the window."""
    allowed_excursion: float
    correlation: float | None
    """Pearson's coefficient of rounds and values; None where all values are the same."""
    range_met: bool
    slope_met: bool

    @property
    def steady(self) -> bool:
        """Whether both bounds are met."""
        return self.range_met and self.slope_met


class SteadyState(msgspec.Struct, frozen=True):
    """Whether and when all tracked variables were steady in the same window."""

    rule: str
    rounds: int
    """How many rounds there were."""
    first_steady_round: int | None
    """The round at which the rule is first met: the last one of the first window that is steady for every variable."""
    windows: dict[str, Window]
    """By variable: that window, or else the last one there was; empty with fewer rounds than a window has."""


def rule_named(name: str) -> Rule:
    """Find a rule. Raises `InputError` for an unknown one."""
    try:
        return RULES[name]
    except KeyError:
        raise InputError(f"steady-state rule '{name}' is not known", hint=nearest(name, RULES)) from None


def window_of(values: Sequence[Number], last_round: int, rule: Rule) -> Window:
    """Judge the `rule.window` values that end with `last_round`.

    Raises `InputError` for values that are negative or not finite: no rate and no latency is.
    """
    if len(values) != rule.window:
        raise InputError(f"the rule {rule.name} is about {rule.window} rounds, not {len(values)}")
    exact = [_exact(value) for value in values]
    count = len(exact)
    first_round = last_round - count + 1
    average = sum(exact) / count
    middle = Fraction(first_round + last_round, 2)
    places = [first_round + n - middle for n in range(count)]
    spread = sum(place * place for place in places)
    covariance = sum((place * value for place, value in zip(places, exact, strict=True)), Fraction(0))
    slope = covariance / spread
    excursion = abs(slope) * (count - 1)
    measured_range = max(exact) - min(exact)
    variance = sum((value - average) ** 2 for value in exact)
    return Window(
        (first_round, last_round),
        tuple(map(float, exact)),
        float(average),
        float(measured_range),
        float(rule.range_bound * average),
        float(slope),
        float(average - slope * middle),
        float(excursion),
        float(rule.slope_bound * average),
        float(covariance) / math.sqrt(spread * variance) if variance else None,
        measured_range <= rule.range_bound * average,
        excursion <= rule.slope_bound * average,
    )


def steady_state(variables: Mapping[str, Sequence[Number]], rule: Rule) -> SteadyState:
    """Find the first window in which every variable is steady; `variables` maps names to one value a round.

    Raises `InputError` without a variable, or where they have different numbers of rounds.
    """
    if not variables:
        raise InputError("no variable is tracked")
    for (name, values), (other, others) in pairwise(variables.items()):
        if len(values) != len(others):
            raise InputError(f"'{name}' has {len(values)} rounds, '{other}' {len(others)}")
    rounds = len(next(iter(variables.values())))
    windows: dict[str, Window] = {}
    for last in range(rule.window, rounds + 1):
        windows = {name: window_of(y[last - rule.window : last], last, rule) for name, y in variables.items()}
        if all(window.steady for window in windows.values()):
            return SteadyState(rule.name, rounds, last, windows)
    return SteadyState(rule.name, rounds, None, windows)


def _exact(value: Number) -> Fraction:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{value} is not a value of a round")
    exact = Fraction(value)
    if exact < 0:
        raise InputError(f"{value} is negative: no rate and no latency is")
    return exact
