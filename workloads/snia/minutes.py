"""One-minute samples of one load, on some of which the steady state is decided.

The samples that count are apart by an interval in which the load goes on: minutes 1, 32, 63, … with 30 minutes between
them. Those have the label `round`; all of them have the label `minute`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ...results.measurement import Measurement
from ...results.steady_state import rule_named, steady_state
from .setup import Load, Setup, Steps, measurement_of

Ending = Literal["steady", "stopped"]


def minutes_to_steady_state(
    setup: Setup,
    load: Load,
    interval: float,
    stop: Callable[[int, Measurement], bool],
    *,
    precondition: bool,
) -> Steps[Ending]:
    """Go on until the IOPS of the samples that count are steady, or `stop`, told of every minute, says so."""
    rule = rule_named(setup.edition.rule)
    cycle = setup.elements(interval) + 1
    samples: list[float] = []
    minute = 0
    while True:
        minute += 1
        counts = minute % cycle == 1 or cycle == 1
        numbers = {"minute": minute, **({"round": len(samples) + 1} if counts else {})}
        make = setup.precondition if precondition else setup.measure
        phase = "precondition" if precondition else "minute"
        measured = measurement_of((yield make(phase, load, setup.edition.element, **numbers)))
        stopped = stop(minute, measured)
        if counts:
            samples.append(measured.iops)
            if steady_state({"iops": samples[-rule.window :]}, rule).first_steady_round is not None:
                return "steady"
        if stopped:
            return "stopped"
