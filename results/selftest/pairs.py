"""Interleaved pairs of one metric: false alarms, power, and whether the detectable effect that is printed is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from ..paired import Matrix, PairedSamples, PairedVerdict, Vector, compare_pairs, log_floors, relative_loss
from ..paired_power import POWER
from .experiment import Experiment, Figure, share_of
from .machine import Machine, in_pairs, order_seeds

PAIRS, LOSS, FLOOR = 10, 0.05, 0.02
MACHINE = Machine()


def pair_experiments() -> list[Experiment]:
    """Give the experiments with a number of pairs that was chosen before."""
    setting = f"{PAIRS} pairs, {MACHINE}"
    return [
        Experiment("equal sides", setting, _interleaved(0.0), _of_equals),
        Experiment(f"B {100 * LOSS:g} % slower", setting, _interleaved(LOSS), _of_loss),
        Experiment("equal sides, not interleaved", f"{PAIRS} runs of A, then of B, {MACHINE}", _in_blocks, _of_blocks),
    ]


def judged(a: Vector, b: Vector) -> PairedVerdict:
    """Judge the logarithms of rates of two sides as `storbench ab` does."""
    rates_a, rates_b = tuple(np.exp(a).tolist()), tuple(np.exp(b).tolist())
    (verdict,) = compare_pairs([PairedSamples("", "iops", rates_a, rates_b, higher_is_better=True, floor=FLOOR)])
    return verdict


def _interleaved(loss: float) -> Callable[[Generator, int], Matrix]:
    def simulate(random: Generator, count: int) -> Matrix:
        a, b = in_pairs(order_seeds(random, count), MACHINE.runs(random, count, 2 * PAIRS))
        return np.array([row_of(judged(*sides)) for sides in zip(a, b + np.log1p(-loss), strict=True)])

    return simulate


def _in_blocks(random: Generator, count: int) -> Matrix:
    runs = MACHINE.runs(random, count, 2 * PAIRS)
    return np.array([row_of(judged(row[:PAIRS], row[PAIRS:])) for row in runs])


def row_of(verdict: PairedVerdict) -> list[float]:
    """Give what is looked at: called worse, called different, the printed effect, and the loss that had been found.

    A loss moves the mean of the log ratios and leaves their spread, so the verdict would be REGRESSED from that loss on
    with which the mean reaches both the floor and half the interval.
    """
    half = float(np.log(verdict.interval[1] / verdict.ratio))
    missing = max(log_floors(FLOOR, higher_is_better=True)[0], half) + float(np.log(verdict.ratio))
    worse, different = verdict.verdict == "REGRESSED", verdict.verdict in ("REGRESSED", "IMPROVED")
    return [worse, different, verdict.detectable_effect, relative_loss(missing, higher_is_better=True)]


def _of_equals(rows: Matrix) -> list[Figure]:
    return [
        share_of("called REGRESSED", rows[:, 0], at_most=0.01),
        _printed_to_true(rows[:, 2], rows[:, 3]),
    ]


def _of_loss(rows: Matrix) -> list[Figure]:
    return [share_of("called REGRESSED", rows[:, 0], at_least=0.9)]


def _of_blocks(rows: Matrix) -> list[Figure]:
    return [share_of("called REGRESSED", rows[:, 0])]


def _printed_to_true(printed: Vector, found_from: Vector) -> Figure:
    """Compare the mean detectable effect that was printed with the loss that is truly found as often as it says.

    The interval of the latter is that of a quantile, by order statistics; that of the mean is added in quadrature.
    """
    count, ordered = len(found_from), np.sort(found_from)
    true = float(np.quantile(ordered, POWER))
    # Ranks that enclose the quantile with 95 %: the number of values below it is binomial.
    spread = 1.96 * np.sqrt(count * POWER * (1 - POWER))
    ranks = np.clip(np.rint(count * POWER + np.array([-spread, spread])), 0, count - 1).astype(int)
    low, high = (float(one) for one in ordered[ranks])
    ratio = float(printed.mean()) / true
    own = 1.96 * float(printed.std(ddof=1)) / np.sqrt(count) / float(printed.mean()) if count > 1 else np.inf
    low_end = ratio * (1 - float(np.hypot(own, high / true - 1)))
    high_end = ratio * (1 + float(np.hypot(own, 1 - low / true)))
    return Figure(
        "printed detectable loss / true one", "ratio", ratio, (low_end, high_end), at_least=0.85, at_most=1.15
    )
