"""Where the level of a series changed, by how much, and between which commits.

The whole series is scanned for any change (`scan`). Where there is one, it is divided there and each part is scanned
again, until no part shows another (binary segmentation: Scott, Knott: A Cluster Analysis Method for Grouping Means in
the Analysis of Variance, 1974). A series in which nothing changed is scanned once, so the rate of false alarms *per
series* is the level of that one test, however long it is. The places are then looked for again with their neighbours
known, and changes that are negligible, less than half of the floor, are taken for none, the smallest first.

The size of a change is the difference of the means of the logarithms of both segments, values beyond three standard
deviations (by the median deviation) pulled in to there (Huber: Robust Statistics, 1981, section 1.3). Its interval is
Student's, with the variance within all segments and the effective number of values under their autocorrelation; it
holds for the place that was found. The rows between which the change may lie are those whose likelihood is within a
factor of e^3.68 of the best one's: the confidence set of Siegmund (Confidence sets in change-point problems, 1988).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

from ...common.errors import InputError
from ..paired import Vector
from .scan import (
    SHORTEST,
    best_split,
    correlation_of,
    lag_correlation,
    normal_scores,
    p_value,
    residuals_of,
    split_statistics,
    strongest_split,
)

ALARM_RATE = 0.02
"""Of series in which nothing changed, this share raises anything."""
FLOOR = 0.04
"""The smallest relative change that is an alarm; it leaves a step of 5 % room to be measured as a little less."""
SEED = 1
FEWEST, MOST = 10, 20_000
"""With fewer values no order is rare enough to be told from chance."""
CONFIDENCE = 0.95
_NEGLIGIBLE = 0.5
"""Of the floor."""
_BEYOND = 3.0
_LIKELY = -np.log(1 - np.sqrt(CONFIDENCE))
_MOST_ROUNDS = 10


class Change(msgspec.Struct, frozen=True):
    """One change of level."""

    index: int
    """Of the first value after it."""
    relative_change: float
    """Of the level, such as -0.05."""
    interval: tuple[float, float]
    """Of the relative change, at 95 %."""
    rows: tuple[int, int]
    """The first and the last index that the change may have, at 95 %."""
    before: float
    """The level of the segment before it, a geometric mean."""
    after: float
    p: float | None
    """Of the test that found it: how often a series without a change looks as much changed. None where the place was
    found by that test for another one nearby."""


class ChangePoints(msgspec.Struct, frozen=True):
    """What was found in a series."""

    changes: list[Change]
    """Those of at least the floor."""
    smaller: list[Change]
    """Those that are certain as well, but below it."""
    correlation: float
    """Of each value with the next, within the segments."""
    spread: float
    """Standard deviation within the segments, relative."""


def changes_in(
    values: Sequence[float], *, floor: float = FLOOR, alarm_rate: float = ALARM_RATE, seed: int = SEED
) -> ChangePoints:
    """Find where the level of a series changed.

    Values are positive numbers in the order of time. The same values and seed give the same answer. Raises
    `InputError` for fewer than `FEWEST` values or more than `MOST`, for values that are no positive numbers, for
    values that are all the same, and for settings out of their range.
    """
    logs = _checked(values, floor, alarm_rate)
    found = _divided(logs, alarm_rate, seed)
    cuts = _settled(logs, sorted(found))
    while cuts:
        sizes = np.abs(np.expm1(np.diff(_levels(logs, cuts))))
        smallest = int(sizes.argmin())
        if sizes[smallest] >= _NEGLIGIBLE * floor:
            break
        cuts = _settled(logs, [*cuts[:smallest], *cuts[smallest + 1 :]])
    pulled = _pulled_in(logs, cuts)
    residuals = residuals_of(pulled, cuts)
    correlation = lag_correlation(residuals, len(cuts) + 1)
    spread = float(np.sqrt(residuals @ residuals / max(len(logs) - len(cuts) - 1, 1)))
    changes = [_described(logs, cuts, place, spread, correlation, found.get(cuts[place])) for place in range(len(cuts))]
    return ChangePoints(
        [one for one in changes if abs(one.relative_change) >= floor],
        [one for one in changes if abs(one.relative_change) < floor],
        correlation, float(np.expm1(spread)),
    )  # fmt: skip


def _checked(values: Sequence[float], floor: float, alarm_rate: float) -> Vector:
    if not 0 < alarm_rate <= 0.5:
        raise InputError(f"an alarm rate of {alarm_rate:g} is not possible", hint="Choose one from 0.001 to 0.5.")
    if not 0 <= floor < 1:
        raise InputError(f"a floor of {floor:g} is not possible", hint="Write 0.04 for 4 %.")
    series = np.asarray(values, np.float64)
    if len(series) < FEWEST:
        raise InputError(
            f"{len(series)} values are too few to tell a change from chance", hint=f"Collect {FEWEST} or more."
        )
    if len(series) > MOST:
        raise InputError(f"{len(series)} values are too many", hint=f"Look at the last {MOST} or fewer.")
    if not np.all(np.isfinite(series)):
        raise InputError(f"value {int(np.argmin(np.isfinite(series)))} is not a number")
    if not np.all(series > 0):
        raise InputError(f"value {int(np.argmax(series <= 0))} is not positive, so there are no relative changes")
    if np.ptp(series) == 0:
        raise InputError("all values are the same, to the last digit", hint="A real measurement varies: is this one?")
    return np.log(series)


def _divided(logs: Vector, level: float, seed: int) -> dict[int, float]:
    """Divide a series until no part shows a change; gives the places and the p-values that they were found with."""
    found: dict[int, float] = {}
    parts = [(0, len(logs))]
    while parts:
        start, end = parts.pop()
        if end - start < 2 * SHORTEST or np.ptp(logs[start:end]) == 0:
            continue
        scores = normal_scores(logs[start:end])
        statistic, place = strongest_split(scores)
        random = np.random.default_rng([seed, start, end])
        p = p_value(scores, statistic, correlation_of(scores), level, random)
        if p <= level:
            found[start + place] = p
            parts += [(start, start + place), (start + place, end)]
    return found


def _settled(logs: Vector, cuts: list[int]) -> list[int]:
    """Look for the place of each change between those of its neighbours, until none moves."""
    for _ in range(_MOST_ROUNDS):
        moved: list[int] = []
        for place in range(len(cuts)):
            start = moved[-1] if moved else 0
            end = cuts[place + 1] if place + 1 < len(cuts) else len(logs)
            moved.append(start + best_split(normal_scores(logs[start:end]))[1])
        if moved == cuts:
            break
        cuts = moved
    return cuts


def _pulled_in(logs: Vector, cuts: Sequence[int]) -> Vector:
    """Pull values far from the middle of their segment in, as far as three standard deviations."""
    found = logs.copy()
    ends = [0, *cuts, len(logs)]
    for start, end in itertools.pairwise(ends):
        segment = logs[start:end]
        middle = float(np.median(segment))
        reach = _BEYOND * 1.4826 * float(np.median(np.abs(segment - middle)))
        if reach > 0:
            found[start:end] = np.clip(segment, middle - reach, middle + reach)
    return found


def _levels(logs: Vector, cuts: Sequence[int]) -> Vector:
    """Give the mean logarithm of each segment."""
    pulled, ends = _pulled_in(logs, cuts), [0, *cuts, len(logs)]
    return np.array([pulled[start:end].mean() for start, end in itertools.pairwise(ends)])


def _described(
    logs: Vector, cuts: Sequence[int], place: int, spread: float, correlation: float, p: float | None
) -> Change:
    from scipy.special import stdtrit

    ends = [0, *cuts, len(logs)]
    start, cut, end = ends[place : place + 3]
    before, after = _levels(logs, cuts)[place : place + 2]
    size = float(after - before)
    inflated = (1 + correlation) / (1 - correlation)
    error = spread * float(np.sqrt(inflated * (1 / (cut - start) + 1 / (end - cut))))
    freedom = max((len(logs) - len(cuts) - 1) / inflated, 1.0)
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Change(
        cut, float(np.expm1(size)), (float(np.expm1(size - reach)), float(np.expm1(size + reach))),
        _likely_rows(logs[start:end], start, inflated), float(np.exp(before)), float(np.exp(after)), p,
    )  # fmt: skip


def _likely_rows(logs: Vector, start: int, inflated: float) -> tuple[int, int]:
    """Give the first and the last index at which the change between two segments may be."""
    scores = normal_scores(logs)
    statistic = split_statistics(scores)
    _, cut = best_split(scores)
    within = residuals_of(scores, [cut])
    variance = max(float(within @ within) / max(len(scores) - 2, 1), 1e-12) * inflated
    likely = np.flatnonzero(statistic.max() ** 2 - statistic**2 <= 2 * _LIKELY * variance)
    return start + SHORTEST + int(likely[0]), start + SHORTEST + int(likely[-1])
