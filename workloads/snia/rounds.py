"""Workload-dependent preconditioning and the test itself, which are one: rounds until all tracked variables are steady.

A round has its elements in the order of the specification, the read/write mix outside and the block size inside. What
is tracked is found by its value, never by its place in the round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...common.errors import InputError
from ...common.units import format_size
from ...results.steady_state import SteadyState, rule_named, steady_state
from ..steps import Note
from .editions import Tracked
from .setup import Load, Setup, Steps, value_of

RoundOf = Callable[[int], Steps[list[float]]]
"""The steps of a round, by its number, and what was tracked in it."""


def rounds_to_steady_state(setup: Setup, round_of: RoundOf, what: str = "rounds") -> Steps[SteadyState]:
    """Go on until every tracked variable is steady in one window, or until there were `max_rounds`; say which."""
    rule = rule_named(setup.edition.rule)
    history: list[list[float]] = []
    while len(history) < setup.edition.max_rounds:
        history.append((yield from round_of(len(history) + 1)))
        found = steady_state({str(n): column for n, column in enumerate(zip(*history, strict=True))}, rule)
        if found.first_steady_round is not None:
            return found
    yield Note(setup.name(f"steady state was not achieved within {len(history)} {what}"))
    return found


def matrix_round(setup: Setup, loads: Sequence[Load], tracked: Sequence[Tracked]) -> RoundOf:
    """Give rounds of one-minute elements with these loads in this order. Raises `InputError` where one is missing."""
    places = [(_place(loads, variable), variable.quantity) for variable in tracked]

    def round_of(number: int) -> Steps[list[float]]:
        values = [0.0] * len(places)
        for index, load in enumerate(loads):
            outcome = yield setup.measure("round", load, setup.edition.element, round=number)
            for variable, (place, quantity) in enumerate(places):
                if place == index:
                    values[variable] = value_of(outcome, quantity)
        return values

    return round_of


def _place(loads: Sequence[Load], variable: Tracked) -> int:
    for place, load in enumerate(loads):
        if (load.block_size, load.read_percent) == (variable.block_size, variable.read_percent):
            return place
    raise InputError(
        f"the steady state is decided on {format_size(variable.block_size)} at {variable.read_percent} % reads, which "
        "this device cannot do",
        hint="Its logical block is too large for this test.",
    )
