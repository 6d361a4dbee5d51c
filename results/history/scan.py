"""Is there any change of level in a series? A scan over many stretches of it, with a null that is measured.

The statistic is the largest standardised difference of two means, over all splits of all stretches of a fixed set that
covers every length and place (seeded intervals: Kovács, Bühlmann, Li, Munk: Seeded binary segmentation, Biometrika
2023), so that a short dip is seen as well as a lasting step. It is taken of normal scores (Blom: Statistical Estimates
and Transformed Beta-Variables, 1958) instead of the values: a run that went wrong counts as one value among others, and
how far off it is counts for nothing.

How large the statistic gets where nothing changed depends on the length, on ties, and on how much runs resemble those
before them. So it is not looked up but measured: the same values are put into a random order, again and again, and
scanned the same way. Where neighbours resemble one another, the random orders do so to the same degree: they are those
of an AR(1) process with the correlation that was estimated. Without correlation all orders are equally likely, which
makes the test an exact permutation test (Good: Permutation Tests, 2000).
"""

from __future__ import annotations

import itertools
from functools import lru_cache

import numpy as np
from numpy.random import Generator

from ..paired import Matrix, Vector

SHORTEST = 3
"""Values on each side of a change. A single run that went wrong is no change of level, nor are two."""
ORDERS = 999
"""Random orders; they tell 1 % from 2 % with some certainty."""
_AT_ONCE = 100
_LARGEST = 4_000_000
"""Numbers in one array of random orders."""
_DECAY = 2**0.5
_CUTS = 2
"""Changes that are taken out before a correlation is estimated: what they leave looks like one."""
_MOST_CORRELATED = 0.95
_CORRELATION_FROM = 12
"""Values from which a correlation is estimated at all."""


def normal_scores(values: Vector) -> Vector:
    """Replace values by the quantiles of the normal distribution at their ranks; equal ones share the middle rank."""
    from scipy.special import ndtri

    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.cumsum(count) - (count - 1) / 2
    scores: Vector = ndtri((rank - 0.375) / (len(values) + 0.25))[place]
    return scores


def strongest_split(scores: Vector) -> tuple[float, int]:
    """Give the largest statistic of all stretches, and the first index behind the split that has it."""
    best, found = -1.0, 0
    sums = np.concatenate([[0.0], np.cumsum(scores)])[None]
    for start, end in stretches(len(scores)):
        statistic = _differences(sums, start, end)[0]
        place = int(statistic.argmax())
        if statistic[place] > best:
            best, found = float(statistic[place]), start + SHORTEST + place
    return best, found


def best_split(scores: Vector) -> tuple[float, int]:
    """Give the largest statistic of all splits of the whole series, and the first index behind it."""
    statistic = split_statistics(scores)
    place = int(statistic.argmax())
    return float(statistic[place]), SHORTEST + place


def split_statistics(scores: Vector) -> Vector:
    """Give the statistic of each split of the whole series, the first of them after `SHORTEST` values."""
    found: Vector = _differences(np.concatenate([[0.0], np.cumsum(scores)])[None], 0, len(scores))[0]
    return found


def p_value(scores: Vector, statistic: float, correlation: float, level: float, random: Generator) -> float:
    """Give the share of random orders whose statistic is as large, the observed order counted among them.

    As soon as it is certain to be above `level` it is given as 1.
    """
    at_least, done = 1, 0
    while done < ORDERS:
        count = min(_AT_ONCE, ORDERS - done, max(_LARGEST // len(scores), 1))
        largest = _largest(_shuffled(scores, correlation, count, random))
        # Sums of the same values in another order differ in the last digits.
        at_least += int((largest >= statistic * (1 - 1e-9)).sum())
        done += count
        if at_least > level * (ORDERS + 1):
            return 1.0
    return at_least / (ORDERS + 1)


def correlation_of(scores: Vector) -> float:
    """Estimate the correlation of each value with the next, apart from changes of level; 0 where it is below.

    The residuals of the best division in three are correlated, and the estimate raised by (1 + 4r) / n (Kendall: Note
    on Bias in the Estimation of Autocorrelation, 1954) for each of their means and for the choice of the division.
    """
    count = len(scores)
    if count < _CORRELATION_FROM:
        return 0.0
    return lag_correlation(residuals_of(scores, _best_cuts(scores)), _CUTS + 2)


def residuals_of(values: Vector, cuts: list[int]) -> Vector:
    """Give what is left of values when the mean of each segment is taken out."""
    ends = [0, *cuts, len(values)]
    return np.concatenate([
        values[start:end] - values[start:end].mean() for start, end in itertools.pairwise(ends)
    ])  # fmt: skip


def lag_correlation(residuals: Vector, means: int) -> float:
    """Give the correlation with the next, raised for so many means that were taken out, from 0 to 0.95."""
    square = float(residuals @ residuals)
    if square <= 0:
        return 0.0
    seen = float(residuals[:-1] @ residuals[1:]) / square
    return min(max(seen + means * (1 + 4 * seen) / len(residuals), 0.0), _MOST_CORRELATED)


@lru_cache(maxsize=256)
def stretches(count: int) -> tuple[tuple[int, int], ...]:
    """Give the stretches, (start, end), of a series of so many values: each length is 1 / √2 of the one before."""
    found, length = {(0, count)}, count / _DECAY
    while length >= 2 * SHORTEST:
        places = 2 * int(np.ceil(count / length)) - 1
        for start in np.linspace(0, count - length, places):
            found.add((int(start), min(int(np.ceil(start + length)), count)))
        length /= _DECAY
    return tuple(sorted(found))


def _differences(sums: Matrix, start: int, end: int) -> Matrix:
    """Give |mean after - mean before| in units of its standard error for variance 1, each row of sums a series."""
    split = np.arange(start + SHORTEST, end - SHORTEST + 1)
    before, after = split - start, end - split
    middle = sums[:, split]
    found: Matrix = np.abs((middle - sums[:, [start]]) / before - (sums[:, [end]] - middle) / after)
    return found * np.sqrt(before * after / (end - start))


def _largest(orders: Matrix) -> Vector:
    sums = np.zeros((orders.shape[0], orders.shape[1] + 1))
    np.cumsum(orders, axis=1, out=sums[:, 1:])
    found = np.zeros(len(orders))
    for start, end in stretches(orders.shape[1]):
        np.maximum(found, _differences(sums, start, end).max(axis=1), out=found)
    return found


def _shuffled(scores: Vector, correlation: float, count: int, random: Generator) -> Matrix:
    """Give the scores in the orders that an AR(1) process of this correlation has, a row each."""
    process = random.normal(size=(count, len(scores)))
    if correlation > 0:
        fresh = np.sqrt(1 - correlation**2)
        for place in range(1, len(scores)):
            process[:, place] = correlation * process[:, place - 1] + fresh * process[:, place]
    orders = np.empty_like(process)
    np.put_along_axis(orders, process.argsort(axis=1), np.sort(scores)[None], axis=1)
    return orders


def _best_cuts(scores: Vector) -> list[int]:
    """Divide a series where that leaves the least, one cut after the other."""
    cuts: list[int] = []
    for _ in range(_CUTS):
        ends = [0, *sorted(cuts), len(scores)]
        splits = [
            (*best_split(scores[start:end]), start)
            for start, end in itertools.pairwise(ends)
            if end - start >= 2 * SHORTEST
        ]
        if splits:
            _, place, start = max(splits)
            cuts.append(start + place)
    return sorted(cuts)
