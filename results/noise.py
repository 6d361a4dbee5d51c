"""How noisy a machine is: what equal runs, one after the other, say about the comparisons that can be made on it.

spread           standard deviation of the runs' logarithms: what a comparison of runs that are apart has to live with
pair spread      of the log ratio of a run to the next: what interleaved pairs have to live with. It is estimated from
                 successive differences (von Neumann 1941), so that what drifts more slowly is not in it
autocorrelation  of each run with the next: blocks of A then B mistake it for a difference
drift            the trend over all runs by least squares, with the p-value of its t-test
detectable       the smallest loss that n interleaved pairs find in four of five cases, by the rule of `results.paired`
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from ..common.errors import InputError
from .baseline import effective_number
from .paired import CONFIDENCE, NO_SPREAD, Vector, log_floors, relative_loss, student_multiplier
from .paired_power import detectable_effect, unbiased_spread

FEWEST_RUNS = 6
"""Runs from which a spread is known to about a third."""
PAIRS = (5, 7, 10, 15, 20, 30, 50)
CLEAR = 0.01
"""A trend with a smaller p-value is called a drift."""


class NoiseSamples(msgspec.Struct, frozen=True):
    """One metric of one job, measured again and again, in the order of time."""

    job: str
    metric: str
    values: tuple[float, ...]
    seconds: tuple[float, ...]
    """When each run began, from the first one."""
    higher_is_better: bool
    floor: float
    resolution: float = 0.0


class Detectable(msgspec.Struct, frozen=True):
    """What so many interleaved pairs find."""

    pairs: int
    loss: float
    """Relative, the smallest that is found in four of five cases."""


class Noise(msgspec.Struct, frozen=True):
    """What equal runs say about one metric of one job."""

    job: str
    metric: str
    runs: int
    mean: float
    """Geometric."""
    spread: float
    """Standard deviation from run to run, relative."""
    pair_spread: float
    """Of the ratio of a run to the next, relative."""
    autocorrelation: float | None
    """Of each run with the next; None where there are too few to tell."""
    correlated: bool
    """Whether it is beyond what independent runs show by chance in 19 of 20 cases."""
    drift: float
    """Relative change from the first run to the last by the trend."""
    drift_p: float
    floor: float
    detectable: list[Detectable]
    confidence: float

    @property
    def drifts(self) -> bool:
        """Whether the trend is clear."""
        return self.drift_p < CLEAR


def noise_of(samples: NoiseSamples, metrics: int = 1, confidence: float = CONFIDENCE) -> Noise:
    """Say how noisy one metric is.

    `metrics` is how many are looked at in one comparison: each is tested at an equal part of the error rate, as Holm's
    correction does where nothing else differs. Raises `InputError` for too few values, for values that are not positive
    numbers, and for those that are all the same.
    """
    name = f"{samples.metric} of {samples.job}"
    if len(samples.values) < FEWEST_RUNS:
        raise InputError(f"{name}: {len(samples.values)} runs are too few", hint=f"Measure {FEWEST_RUNS} or more.")
    if not all(0 < value < float("inf") for value in samples.values):
        raise InputError(f"{name}: not all values are positive numbers")
    logs = np.log(np.array(samples.values))
    rounding = samples.resolution / np.sqrt(12)
    spread = max(float(logs.std(ddof=1)), rounding)
    if spread < NO_SPREAD:
        raise InputError(f"{name}: all runs give the same value, to the last digit", hint="A model has no noise.")
    pair = max(float(np.sqrt(np.mean(np.diff(logs) ** 2))), rounding * np.sqrt(2), NO_SPREAD)
    effective, autocorrelation = effective_number(logs)
    drift, p = trend(np.array(samples.seconds), logs)
    return Noise(
        samples.job, samples.metric, len(logs), float(np.exp(logs.mean())), float(np.expm1(spread)),
        float(np.expm1(pair)), autocorrelation, effective < len(logs), drift, p, samples.floor,
        detectable_losses(pair, len(logs), samples, (1 - confidence) / metrics), confidence,
    )  # fmt: skip


def detectable_losses(pair_spread: float, runs: int, samples: NoiseSamples, level: float) -> list[Detectable]:
    """Give what each number of pairs finds, where the log ratio of a pair has this standard deviation."""
    worse, _ = log_floors(samples.floor, samples.higher_is_better)
    truth = unbiased_spread(np.array([pair_spread]), runs)
    return [
        Detectable(pairs, relative_loss(
            float(detectable_effect(truth, pairs, np.array([worse]), np.array([student_multiplier(pairs, level)]))[0]),
            samples.higher_is_better,
        ))
        for pairs in PAIRS
    ]  # fmt: skip


def trend(seconds: Vector, logs: Vector) -> tuple[float, float]:
    """Give the relative change over the whole time by least squares, and the p-value of its t-test, two-sided."""
    from scipy.special import stdtr

    time = seconds - seconds.mean()
    square = float(time @ time)
    if square <= 0:
        return 0.0, 1.0
    slope = float(time @ logs) / square
    left = logs - logs.mean() - slope * time
    error = float(np.sqrt(left @ left / (len(logs) - 2) / square))
    p = 0.0 if error < NO_SPREAD / (np.ptp(seconds) or 1) else float(2 * stdtr(len(logs) - 2, -abs(slope) / error))
    return float(np.expm1(slope * np.ptp(seconds))), p


def advice_of(found: Sequence[Noise]) -> list[str]:
    """Say in sentences what follows for comparisons on this machine."""
    said = []
    correlated = [one for one in found if one.correlated]
    drifting = [one for one in found if one.drifts]
    if drifting:
        worst = max(drifting, key=lambda one: abs(one.drift))
        said.append(
            f"{worst.metric} of {worst.job} drifted by {100 * worst.drift:+.1f} % while it was measured: runs of A and "
            "then of B would show that as a difference. Interleave them: storbench ab"
        )
    elif correlated:
        said.append(
            "Runs resemble the one before them more than chance allows: runs of A and then of B would show that as a "
            "difference. Interleave them: storbench ab"
        )
    rates = [one for one in found if one.metric == "iops"]
    if rates:
        worst = max(rates, key=lambda one: one.pair_spread)
        enough = next((one.pairs for one in worst.detectable if one.loss <= 0.05), None)
        least = worst.detectable[-1]
        said.append(
            f"A loss of 5 % in {worst.metric} takes about {enough} interleaved pairs of runs like these"
            if enough
            else f"{least.pairs} interleaved pairs of runs like these find no loss below {100 * least.loss:.0f} % in "
            f"{worst.metric}: measure longer, or on a quieter machine"
        )
    return said
