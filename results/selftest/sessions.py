"""A new session against its history: false alarms where sessions resemble those before them."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..baseline import BaselineSamples, compare_to_baseline
from ..paired import Matrix
from .experiment import Experiment, Figure, share_of
from .machine import Machine

SESSIONS, FLOOR = 20, 0.02
MACHINE = Machine(correlation=0.7)
"""The strongest resemblance that was seen between builds in the CI of a storage engine."""


def session_experiments() -> list[Experiment]:
    """Give the experiment of `storbench compare --baseline`."""
    setting = f"{SESSIONS} sessions, correlation {MACHINE.correlation:g}, {MACHINE}"
    return [Experiment("an equal session, --baseline", setting, _sessions, _of_equals)]


def _sessions(random: Generator, count: int) -> Matrix:
    return np.array([[_alarm(np.exp(row).tolist())] for row in MACHINE.runs(random, count, SESSIONS + 1)])


def _alarm(rates: list[float]) -> float:
    *history, new = rates
    samples = BaselineSamples("", "iops", tuple((one,) for one in history), (new,), True, FLOOR)
    (verdict,) = compare_to_baseline([samples])
    return verdict.verdict == "REGRESSED"


def _of_equals(rows: Matrix) -> list[Figure]:
    return [share_of("called REGRESSED", rows[:, 0], at_most=0.01)]
