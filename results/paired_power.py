"""What a paired comparison can detect, and how many pairs it takes.

The rule that is looked at: a side is worse where the mean of the log ratios is at least the floor and at least
`multiplier` standard errors from zero; the two are equivalent where an interval of the mean lies within the floors. The
spread that enters the rule is itself estimated, so probabilities are integrated over its distribution (chi-squared with
n - 1 degrees of freedom), which for constant multipliers is the noncentral t. Everything is vectorised over rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

POWER = 0.8
"""An effect counts as detectable where four runs of five would find it."""
MOST_PAIRS = 10_000
_NODES = 64
_BISECTIONS = 50


def unbiased_spread(spread: Vector, pairs: int) -> Vector:
    """Correct sample standard deviations of normal values for their bias (c4; Holtzman 1950): 2.7 % at ten pairs."""
    from scipy.special import gammaln

    c4 = np.sqrt(2 / (pairs - 1)) * np.exp(gammaln(pairs / 2) - gammaln((pairs - 1) / 2))
    return np.asarray(spread / c4, dtype=np.float64)


def detectable_effect(spread: Vector, pairs: int, floor: Vector, multiplier: Vector, power: float = POWER) -> Vector:
    """Give the smallest log ratio that is found with a probability of `power`, shape (rows,).

    `spread` is the standard deviation of one pair's log ratio, `floor` the smallest mean that counts, as a log ratio,
    `multiplier` how many standard errors the mean must be from zero; infinite where no effect would be found.
    """
    error = spread / np.sqrt(pairs)
    possible = np.isfinite(multiplier)
    multiplier = np.where(possible, multiplier, 0.0)
    low, high = np.zeros_like(spread), floor + (multiplier * 3 + 10) * error
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        enough = _found(middle, error, pairs, floor, multiplier) >= power
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible, high, np.inf)


def decided(
    effect: float, spread: float, pairs: int, floors: tuple[float, float], multipliers: tuple[float, float]
) -> float:
    """Give the probability that the verdict is not INCONCLUSIVE, for a true log ratio of `effect`.

    `floors` are the log ratios, both positive, from which a side is worse and better; `multipliers` belong to the test
    of a difference and to the interval that must lie within the floors.
    """
    from scipy.special import ndtr

    worse, better = floors
    error = spread / np.sqrt(pairs)
    sampled = error * _spreads(pairs)
    far, wide = multipliers[0] * sampled, multipliers[1] * sampled
    found = ndtr((effect - np.maximum(worse, far)) / error) + ndtr((-effect - np.maximum(better, far)) / error)
    inside = ndtr((worse - wide - effect) / error) - ndtr((-better + wide - effect) / error)
    return float(np.mean(found + np.maximum(inside, 0.0)))


def pairs_needed(
    effect: float,
    spread: float,
    pairs: int,
    floors: tuple[float, float],
    multipliers: Callable[[int], tuple[float, float]],
    power: float = POWER,
) -> int | None:
    """Give the number of pairs, more than `pairs`, at which a verdict is as likely as `power`.

    It supposes that the effect and the spread are what they seem to be. None where even `MOST_PAIRS` are not enough:
    the effect is as large as its floor, on which nothing decides.
    """

    def enough(count: int) -> bool:
        return decided(effect, spread, count, floors, multipliers(count)) >= power

    short, count = pairs, pairs + 1
    while not enough(count):
        if count == MOST_PAIRS:
            return None
        short, count = count, min(count * 2, MOST_PAIRS)
    while count - short > 1:
        middle = (short + count) // 2
        short, count = (short, middle) if enough(middle) else (middle, count)
    return count


def _found(effect: Vector, error: Vector, pairs: int, floor: Vector, multiplier: Vector) -> Vector:
    from scipy.special import ndtr

    needed = np.maximum(floor[:, None], (multiplier * error)[:, None] * _spreads(pairs))
    return np.asarray(ndtr((effect[:, None] - needed) / error[:, None]).mean(axis=1))


def _spreads(pairs: int) -> Vector:
    """Give equally probable values of the sampled standard deviation over the true one, shape (64,)."""
    from scipy.special import chdtri

    upper = (np.arange(_NODES) + 0.5) / _NODES
    return np.asarray(np.sqrt(chdtri(pairs - 1, upper) / (pairs - 1)))
