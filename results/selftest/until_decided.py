"""Pairs until it is decided: whether the error stays what it is where one looks after every pair."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from ..paired import CONFIDENCE, FEWEST_PAIRS, Matrix, decide, log_floors, moments, student
from ..sequential import judge_so_far
from .experiment import Experiment, Figure, mean_of, share_of
from .machine import in_pairs, order_seeds
from .pairs import FLOOR, LOSS, MACHINE

MOST = 50


def sequential_experiments() -> list[Experiment]:
    """Give the experiments that end as soon as there is a verdict."""
    setting = f"at most {MOST} pairs, {MACHINE}"
    return [
        Experiment("equal sides, until decided", setting, _until_decided(0.0), _of_equals),
        Experiment(f"B {100 * LOSS:g} % slower, until decided", setting, _until_decided(LOSS), _of_loss),
    ]


def _until_decided(loss: float) -> Callable[[Generator, int], Matrix]:
    def simulate(random: Generator, count: int) -> Matrix:
        a, b = in_pairs(order_seeds(random, count), MACHINE.runs(random, count, 2 * MOST))
        return ends_of(b - a + np.log1p(-loss))

    return simulate


def ends_of(logs: Matrix) -> Matrix:
    """Look at log ratios of rates after each pair, each row a comparison with one metric.

    Gives for each whether it ended with a difference, whether that was REGRESSED, after how many pairs it ended, and
    whether the test for a number of pairs that was chosen before had called any of the looks REGRESSED.
    """
    count = len(logs)
    floors = np.tile(log_floors(FLOOR, higher_is_better=True), (count, 1))
    rows = np.zeros((count, 4))
    running = np.ones(count, bool)
    rounding = np.zeros(count)
    rows[:, 2] = logs.shape[1]
    for pairs in range(FEWEST_PAIRS, logs.shape[1] + 1):
        so_far = logs[:, :pairs]
        mean, spread = moments(so_far, rounding)
        fixed = student(mean, spread, pairs, CONFIDENCE)
        rows[:, 3] = np.maximum(rows[:, 3], (fixed.p <= 1 - CONFIDENCE) & (-mean >= floors[:, 0]))
        judged = judge_so_far(so_far, rounding, CONFIDENCE)
        given = np.array(decide(-mean, judged.half_width, floors, judged.p <= 1 - CONFIDENCE))
        ended = running & (given != "INCONCLUSIVE")
        rows[ended, 0] = np.isin(given[ended], ("REGRESSED", "IMPROVED"))
        rows[ended, 1] = given[ended] == "REGRESSED"
        rows[ended, 2] = pairs
        running &= ~ended
    return rows


def _of_equals(rows: Matrix) -> list[Figure]:
    return [
        share_of("ended REGRESSED or IMPROVED", rows[:, 0], at_most=0.01),
        share_of("a fixed test at each look: REGRESSED", rows[:, 3]),
    ]


def _of_loss(rows: Matrix) -> list[Figure]:
    return [
        share_of("ended REGRESSED", rows[:, 1], at_least=0.9),
        mean_of("pairs until then", "pairs", rows[:, 2]),
    ]
