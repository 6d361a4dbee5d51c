"""Ratios of repeated measurements with their confidence intervals, many rows at once.

The sample is one run. Rates and latencies are multiplied by what disturbs them, so everything is done on logarithms:
several runs have their geometric mean for a value, the effect is the ratio of two such means, and its interval comes
back from the log scale. Effect size with an interval, instead of a test's yes or no: Kalibera, Jones: Rigorous
Benchmarking in Reasonable Time, ISMM 2013. Pairs of an interleaved campaign see the same drift of the machine, which
the paired interval therefore leaves out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""Shape (rows, runs), NaN where a run has no value."""
Vector = NDArray[np.float64]
"""Shape (rows,)."""

CONFIDENCE = 0.95


def means(samples: Matrix, geometric: NDArray[np.bool_]) -> Vector:
    """Give each row's mean over its known values, geometric where asked for, NaN where nothing is known."""
    known = ~np.isnan(samples)
    counts = known.sum(axis=1)
    logs = _logs(samples, geometric)
    total = np.where(known, np.where(geometric[:, None], logs, samples), 0.0).sum(axis=1)
    mean = _quotient(total, counts.astype(np.float64))
    mean = np.where(geometric, np.exp(np.where(geometric, mean, 0.0)), mean)
    # One value is itself, not exp(log(value)).
    return np.where(counts == 1, np.where(known, samples, 0.0).sum(axis=1), mean)


def ratios(values: Vector, reference: Vector) -> Vector:
    """Divide; NaN where the reference is zero or either is unknown."""
    return _quotient(values, np.where(reference == 0, np.nan, reference))


def paired_interval(samples: Matrix, reference: Matrix) -> tuple[Vector, Vector]:
    """Give the interval of the ratio by t on the logarithms' differences; column i of both is one pair.

    NaN in rows with a value below or equal to zero, with fewer than two pairs, or with a value that has no partner.
    """
    usable = _positive(samples) & _positive(reference)
    usable &= (np.isnan(samples) == np.isnan(reference)).all(axis=1)
    difference = _logs(samples, usable) - _logs(reference, usable)
    count, mean, variance = _moments(difference)
    return _interval(mean, np.sqrt(_quotient(variance, count)), count - 1, usable & (count >= 2))


def welch_interval(samples: Matrix, reference: Matrix) -> tuple[Vector, Vector]:
    """Give the interval of the ratio by Welch's t on the logarithms of two independent sets.

    NaN in rows with a value below or equal to zero, or with fewer than two values on either side.
    """
    usable = _positive(samples) & _positive(reference)
    count_a, mean_a, variance_a = _moments(_logs(samples, usable))
    count_b, mean_b, variance_b = _moments(_logs(reference, usable))
    usable &= (count_a >= 2) & (count_b >= 2)
    part_a, part_b = _quotient(variance_a, count_a), _quotient(variance_b, count_b)
    spread = _quotient(part_a**2, count_a - 1) + _quotient(part_b**2, count_b - 1)
    # Without any spread the interval is a point, whatever the degrees of freedom (Welch, 1947; Satterthwaite, 1946).
    freedom = np.where(spread > 0, _quotient((part_a + part_b) ** 2, spread), 1.0)
    return _interval(mean_a - mean_b, np.sqrt(part_a + part_b), freedom, usable)


def _interval(centre: Vector, error: Vector, freedom: Vector, usable: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    if not usable.any():
        nothing = np.full(len(centre), np.nan)
        return nothing, nothing
    from scipy.special import stdtrit

    factor = stdtrit(np.where(usable, freedom, 1.0), (1 + CONFIDENCE) / 2)
    with np.errstate(over="ignore"):  # two wild repeats can reach beyond what a float holds: then the end is open
        low, high = (np.exp(np.where(usable, centre + side * factor * error, np.nan)) for side in (-1, 1))
    return low, high


def _moments(logs: Matrix) -> tuple[Vector, Vector, Vector]:
    """Give count, mean and sample variance of each row's known values; variance 0 for fewer than two."""
    known = ~np.isnan(logs)
    count = known.sum(axis=1).astype(np.float64)
    mean = _quotient(np.where(known, logs, 0.0).sum(axis=1), count)
    deviation = np.where(known, logs - mean[:, None], 0.0)
    return count, mean, (deviation**2).sum(axis=1) / np.maximum(count - 1, 1.0)


def _positive(samples: Matrix) -> NDArray[np.bool_]:
    """Whether no known value of a row is zero or less."""
    return np.asarray(~(samples <= 0).any(axis=1))


def _logs(samples: Matrix, rows: NDArray[np.bool_]) -> Matrix:
    """Take the logarithms in some rows, all of whose known values are positive; NaN in the others."""
    return np.log(np.where(rows[:, None] & (samples > 0), samples, np.nan))


def _quotient(above: Vector, below: Vector) -> Vector:
    """Divide, NaN where there is nothing to divide by."""
    quotient: Vector = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return quotient
