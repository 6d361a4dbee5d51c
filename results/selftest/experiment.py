"""What an experiment is: comparisons that are simulated one by one, and figures of them with intervals and targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.random import Generator

from ..paired import Matrix, Vector

Unit = Literal["share", "ratio", "pairs"]
"""Shares are of the comparisons, from 0 to 1."""
INTERVAL = 0.95
"""Confidence of the intervals."""


class Check(msgspec.Struct, frozen=True):
    """One figure of the simulated comparisons, and what it must be."""

    experiment: str
    figure: str
    """What was counted or measured."""
    setting: str
    unit: Unit
    value: float
    interval: tuple[float, float]
    """At 95 %: of a share by Clopper and Pearson."""
    comparisons: int
    at_least: float | None
    at_most: float | None
    """Both None: shown beside the others, with no target."""
    passed: bool | None
    """Whether the target is met; None where there is none."""
    level: bool
    """The target is the level at which a test works, which it may exhaust: it is missed where the interval is beyond
    it. Other targets are missed where the value is."""
    open: bool
    """It is not, but the interval reaches the target: more comparisons would tell."""
    seed: int


class Figure(msgspec.Struct, frozen=True):
    """A value with its interval and target, before it is known of which experiment."""

    figure: str
    unit: Unit
    value: float
    interval: tuple[float, float]
    at_least: float | None = None
    at_most: float | None = None
    level: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the target is met, None where there is none. NaN meets none."""
        if self.at_least is None and self.at_most is None:
            return None
        low, high = self.interval if self.level else (self.value, self.value)
        return _within(low, high, self.at_least, self.at_most)

    @property
    def open(self) -> bool:
        """Whether chance may be the reason that it is missed."""
        return self.passed is False and _within(*self.interval, self.at_least, self.at_most)


class Experiment(msgspec.Struct, frozen=True):
    """One setting: how a comparison in it is simulated, and what is looked at."""

    name: str
    setting: str
    simulate: Callable[[Generator, int], Matrix]
    """Gives so many comparisons, a row each, by the code that judges real ones."""
    figures: Callable[[Matrix], list[Figure]]
    share: float = 1.0
    """Of the comparisons that are asked for: less where one takes long."""


def share_of(figure: str, hits: Vector, *, at_least: float | None = None, at_most: float | None = None) -> Figure:
    """Give the share of comparisons in which something was so, from a column of zeros and ones."""
    found, count = int(hits.sum()), len(hits)
    return Figure(figure, "share", found / count, clopper_pearson(found, count), at_least, at_most)


def level_of(figure: str, hits: Vector, level: float) -> Figure:
    """Give the share of errors of a test that works at a level, which its share of errors may come up to."""
    return msgspec.structs.replace(share_of(figure, hits, at_most=level), level=True)


def mean_of(figure: str, unit: Unit, values: Vector) -> Figure:
    """Give a mean with its interval by the normal distribution."""
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.inf
    return Figure(figure, unit, mean, (mean - 1.96 * error, mean + 1.96 * error))


def clopper_pearson(hits: int, trials: int, confidence: float = INTERVAL) -> tuple[float, float]:
    """Give the interval of a probability (Clopper, Pearson: The use of confidence or fiducial limits, 1934)."""
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high


def _within(low: float, high: float, at_least: float | None, at_most: float | None) -> bool:
    """Whether some of what lies between `low` and `high` meets the target."""
    return (at_least is None or high >= at_least) and (at_most is None or low <= at_most)
