"""Is B slower than A? The verdict on interleaved pairs, with what they could have shown.

One run is one sample; a pair is one run of each side, one after the other. Rates and latencies are multiplied by what
disturbs them, and what drifts disturbs both runs of a pair alike, so the sample of the statistics is the log ratio of a
pair. Its mean has an interval by Student's t. An effect size with an interval, not a test's yes or no, decides:

REGRESSED, IMPROVED   the effect is at least the floor, and 1 is outside the interval after Holm's correction for all
                      metrics and jobs that were looked at
EQUIVALENT            the whole interval lies within the floors (two one-sided tests: Schuirmann 1987)
INCONCLUSIVE          neither: the pairs do not tell

Kalibera, Jones: Rigorous Benchmarking in Reasonable Time, ISMM 2013, for effect sizes with intervals; Bulej et al.:
Duet Benchmarking, ICPE 2020, for pairs. `results.statistics_selftest` shows the error rates by simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError
from .multiplicity import holm, holm_levels
from .paired_power import POWER, detectable_effect, pairs_needed, unbiased_spread

Verdict = Literal["REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE"]
Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

CONFIDENCE = 0.99
FEWEST_PAIRS = 3
THROUGHPUT_FLOOR, TAIL_FLOOR, FAR_TAIL_FLOOR = 0.02, 0.05, 0.10
BIN_WIDTH = 1 / 64
"""How far percentiles of fio's histograms are apart, relative to themselves: their `resolution`."""


class PairedSamples(msgspec.Struct, frozen=True):
    """One metric of one job, measured on both sides; value i of both is pair i."""

    job: str
    metric: str
    baseline: tuple[float, ...]
    """Side A, what the other is compared with."""
    candidate: tuple[float, ...]
    """Side B."""
    higher_is_better: bool
    floor: float
    """The smallest relative change that counts, such as 0.02."""
    resolution: float = 0.0
    """The relative step in which values come; the spread is taken to be at least what rounding to it makes."""


class PairedVerdict(msgspec.Struct, frozen=True):
    """What the pairs say of one metric of one job."""

    job: str
    metric: str
    higher_is_better: bool
    pairs: int
    ratio: float
    """B to A, geometric mean over the pairs."""
    interval: tuple[float, float]
    """Of the ratio, at `confidence`."""
    confidence: float
    p: float
    """That such pairs come from equal sides: two-sided; valid at any time where the comparison was sequential."""
    p_family: float
    """The same, corrected for all metrics and jobs by Holm."""
    floor: float
    verdict: Verdict
    detectable_effect: float
    """The smallest relative change for the worse that these pairs had found with a probability of 80 %."""
    pairs_needed: int | None
    """For INCONCLUSIVE: how many pairs, these included, give a verdict with a probability of 80 % if effect and spread
    stay what they are. None where there is a verdict, or where 10,000 would not do."""

    @property
    def more_pairs(self) -> int | None:
        """How many pairs more than were measured that is."""
        return None if self.pairs_needed is None else self.pairs_needed - self.pairs

    @property
    def sentence(self) -> str:
        """The verdict in words, with the effect that could have been detected."""
        return sentence_of(self)


class Judged(msgspec.Struct, frozen=True):
    """The numbers of a rule for a family of rows, each of shape (rows,)."""

    p: Vector
    half_width: Vector
    """Of the interval, in log ratios."""


def floor_of(metric: str) -> float:
    """Give the default floor of a metric of the tidy table: 2 %, 5 % up to the 99th percentile, 10 % beyond."""
    name = metric.removeprefix("latency_").removeprefix("worst_client_latency_")
    if name in ("max", "min", "stddev"):
        return FAR_TAIL_FLOOR
    if name.startswith("p") and name[1:].replace(".", "", 1).isdigit():
        percent = float(name[1:])
        return FAR_TAIL_FLOOR if percent > 99 else TAIL_FLOOR if percent > 50 else THROUGHPUT_FLOOR
    return THROUGHPUT_FLOOR


def compare_pairs(samples: Sequence[PairedSamples], confidence: float = CONFIDENCE) -> list[PairedVerdict]:
    """Judge a family: all metrics and jobs of one call, all with equally many pairs.

    The error rate, 1 - `confidence`, is that of the family: the probability that any of its metrics is called
    REGRESSED or IMPROVED while none has changed. It holds for one look at a number of pairs that was chosen before;
    looking again after more pairs needs `results.sequential`. Raises `InputError` for fewer than three pairs, sides of
    different length, values that are not positive numbers, and a metric without any spread and resolution.
    """
    from scipy.special import stdtr, stdtrit

    def multiplier(pairs: int, level: float) -> float:
        return float(stdtrit(pairs - 1, 1 - level / 2))

    mean, spread = moments(samples)
    pairs = len(samples[0].baseline)
    error = spread / np.sqrt(pairs)
    judged = Judged(2 * stdtr(pairs - 1, -np.abs(mean) / error), multiplier(pairs, 1 - confidence) * error)
    return verdicts(samples, mean, spread, judged, confidence, multiplier)


def moments(samples: Sequence[PairedSamples]) -> tuple[Vector, Vector]:
    """Give mean and standard deviation of the log ratios B / A, shape (rows,). Raises `InputError` as above."""
    if not samples:
        raise InputError("there is nothing to compare", hint="Name a metric that both sides have.")
    logs = np.log(np.array([_checked(one, len(samples[0].baseline)) for one in samples]))
    ratios = logs[:, 1] - logs[:, 0]
    spread = ratios.std(axis=1, ddof=1)
    # A value that is rounded to steps of width w has an error with variance w² / 12; a ratio has two such values.
    rounding = np.array([one.resolution for one in samples]) * np.sqrt(2 / 12)
    for one, wide, at_least in zip(samples, spread, rounding, strict=True):
        # Differences of equal logarithms may still differ in their last bits.
        if max(wide, at_least) < 1e-12:
            raise InputError(
                f"{_name(one)}: all pairs give the same ratio, to the last digit",
                hint="Without any spread there is no interval. Is this a setting or a counter, or a simulated device?",
            )
    return ratios.mean(axis=1), np.maximum(spread, rounding)


def verdicts(
    samples: Sequence[PairedSamples],
    mean: Vector,
    spread: Vector,
    judged: Judged,
    confidence: float,
    multiplier: Callable[[int, float], float],
) -> list[PairedVerdict]:
    """Combine p-values and intervals into verdicts.

    `multiplier(pairs, level)` gives how many standard errors an effect must be from zero to have a p-value of `level`.
    """
    level = 1 - confidence
    pairs = len(samples[0].baseline)
    family, levels = holm(judged.p.tolist()), holm_levels(judged.p.tolist(), level)
    truth = unbiased_spread(spread, pairs)
    floors = np.array([_floors(one) for one in samples])
    # Direction +1 is for the worse.
    toward_worse = mean * np.array([-1.0 if one.higher_is_better else 1.0 for one in samples])
    multipliers = np.array([multiplier(pairs, own) for own in levels])
    detectable = detectable_effect(truth, pairs, floors[:, 0], multipliers)
    found = []
    for row, one in enumerate(samples):
        worse, better = floors[row].tolist()
        effect, half = float(toward_worse[row]), float(judged.half_width[row])
        verdict = _verdict(effect, half, (worse, better), different=family[row] <= level)
        needed = None
        if verdict == "INCONCLUSIVE":
            own = levels[row]
            needed = pairs_needed(
                effect, float(truth[row]), pairs, (worse, better), lambda n: (multiplier(n, own), multiplier(n, level))
            )
        found.append(
            PairedVerdict(
                one.job, one.metric, one.higher_is_better, pairs,
                float(np.exp(mean[row])),
                (float(np.exp(mean[row] - half)), float(np.exp(mean[row] + half))),
                confidence, float(judged.p[row]), family[row], one.floor, verdict,
                _relative(float(detectable[row]), one), needed,
            )
        )  # fmt: skip
    return found


def sentence_of(verdict: PairedVerdict) -> str:
    """Say the verdict, how sure it is, and what could have been detected."""
    low, high = (f"{100 * (end - 1):+.2g} %" for end in verdict.interval)
    sign = "-" if verdict.higher_is_better else "+"
    text = (
        f"{verdict.verdict}: {100 * (verdict.ratio - 1):+.2g} % ({low} to {high} at {verdict.confidence:.0%}) in "
        f"{verdict.pairs} pairs, which detect {sign}{100 * verdict.detectable_effect:.2g} % in {POWER:.0%} of cases"
    )
    if verdict.verdict != "INCONCLUSIVE":
        return text
    if verdict.more_pairs is None:
        return f"{text}; the effect is so close to the floor of {verdict.floor:.0%} that no number of pairs decides it"
    return f"{text}; about {verdict.more_pairs} more would decide"


def _verdict(effect: float, half: float, floors: tuple[float, float], *, different: bool) -> Verdict:
    worse, better = floors
    if different and effect >= worse:
        return "REGRESSED"
    if different and -effect >= better:
        return "IMPROVED"
    if effect + half <= worse and effect - half >= -better:
        return "EQUIVALENT"
    return "INCONCLUSIVE"


def _floors(one: PairedSamples) -> tuple[float, float]:
    """Give the floors for the worse and for the better as log ratios, both positive."""
    up, down = float(np.log1p(one.floor)), float(-np.log1p(-one.floor))
    return (down, up) if one.higher_is_better else (up, down)


def _relative(effect: float, one: PairedSamples) -> float:
    """Give a log ratio for the worse as a relative change, positive."""
    return float(-np.expm1(-effect) if one.higher_is_better else np.expm1(effect))


def _checked(one: PairedSamples, pairs: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    name = _name(one)
    if not 0 < one.floor < 1:
        raise InputError(f"{name}: a floor of {one.floor:g} is not between 0 and 1", hint="2 % is 0.02.")
    if len(one.baseline) != len(one.candidate):
        raise InputError(f"{name}: {len(one.baseline)} values of A and {len(one.candidate)} of B are no pairs")
    if len(one.baseline) != pairs:
        raise InputError(f"{name}: {len(one.baseline)} pairs, where others have {pairs}")
    if pairs < FEWEST_PAIRS:
        raise InputError(f"{name}: {pairs} pairs are too few", hint=f"Measure {FEWEST_PAIRS} or more; 10 is a start.")
    for side, values in (("A", one.baseline), ("B", one.candidate)):
        for pair, value in enumerate(values, start=1):
            if not 0 < value < float("inf"):  # also false for NaN
                raise InputError(
                    f"{name}: {side} has {value:g} in pair {pair}", hint="Ratios need positive numbers: leave it out."
                )
    return one.baseline, one.candidate


def _name(one: PairedSamples) -> str:
    return f"{one.metric} of {one.job}" if one.job else one.metric
