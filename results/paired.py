"""Is B slower than A? The verdict on interleaved pairs, with what they could have shown.

One run is one sample; a pair is one run of each side, one after the other. Rates and latencies are multiplied by what
disturbs them, and what drifts disturbs both runs of a pair alike, so the sample of the statistics is the log ratio of a
pair. Its mean has an interval by Student's t. An effect size with an interval, not a test's yes or no, decides:

REGRESSED, IMPROVED   the effect is at least the floor, and 1 is outside the interval after Holm's correction for all
                      metrics and jobs that were looked at
EQUIVALENT            the whole interval lies within the floors (two one-sided tests: Schuirmann 1987)
INCONCLUSIVE          neither: the pairs do not tell

Kalibera, Jones: Rigorous Benchmarking in Reasonable Time, ISMM 2013, for effect sizes with intervals; Bulej et al.:
Duet Benchmarking, ICPE 2020, for pairs. `storbench selftest statistics` shows the error rates by simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError
from ..common.units import format_change
from .multiplicity import holm, holm_levels
from .paired_power import POWER, detectable_effect, pairs_needed, unbiased_spread

Verdict = Literal["REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE"]
VERDICTS: tuple[Verdict, ...] = ("REGRESSED", "IMPROVED", "EQUIVALENT", "INCONCLUSIVE")
Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

CONFIDENCE = 0.99
FEWEST_PAIRS = 3
THROUGHPUT_FLOOR, TAIL_FLOOR, FAR_TAIL_FLOOR = 0.02, 0.05, 0.10
BIN_WIDTH = 1 / 64
"""How far percentiles of fio's histograms are apart, relative to themselves: their `resolution`."""
NO_SPREAD = 1e-12
"""Log ratios of values that are exactly proportional still differ in their last bits."""


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


class Judged(msgspec.Struct, frozen=True):
    """What a test says of each row, two vectors of shape (rows,)."""

    p: Vector
    half_width: Vector
    """Of the interval of the mean log ratio."""


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
    logs, rounding = log_ratios(samples)
    mean, spread = moments(logs, rounding)
    judged = student(mean, spread, logs.shape[1], confidence)
    return verdicts(samples, mean, spread, judged, confidence, student_multiplier)


def student(mean: Vector, spread: Vector, pairs: int, confidence: float) -> Judged:
    """Test means of log ratios against zero by Student's t, two-sided."""
    from scipy.special import stdtr

    error = spread / np.sqrt(pairs)
    p = 2 * stdtr(pairs - 1, -np.abs(mean) / error)
    return Judged(p, student_multiplier(pairs, 1 - confidence) * error)


def student_multiplier(pairs: int, level: float) -> float:
    """Give how many standard errors a mean must be from zero for a p-value of `level`."""
    from scipy.special import stdtrit

    return float(stdtrit(pairs - 1, 1 - level / 2))


def decide(effect: Vector, half_width: Vector, floors: Matrix, different: NDArray[np.bool_]) -> list[Verdict]:
    """Give each row's verdict.

    `effect` is the mean log ratio with the sign that is positive for the worse, `floors` of shape (rows, 2) the
    smallest log ratios that count, for the worse and for the better, and `different` whether a test found any effect.
    """
    worse, better = floors.T
    chosen = np.select(
        [
            different & (effect >= worse),
            different & (-effect >= better),
            (effect + half_width <= worse) & (effect - half_width >= -better),
        ],
        [0, 1, 2],
        3,
    )
    return [VERDICTS[index] for index in chosen.tolist()]


def log_ratios(samples: Sequence[PairedSamples]) -> tuple[Matrix, Vector]:
    """Give the log ratios B / A, shape (rows, pairs), and the spread that rounding alone makes, shape (rows,).

    Raises `InputError` as `compare_pairs` does.
    """
    if not samples:
        raise InputError("there is nothing to compare", hint="Name a metric that both sides have.")
    sides = np.log(np.array([_checked(one, len(samples[0].baseline)) for one in samples]))
    logs = sides[:, 1] - sides[:, 0]
    # A value that is rounded to steps of width w has an error with variance w² / 12; a ratio has two such values.
    rounding = np.array([one.resolution for one in samples]) * np.sqrt(2 / 12)
    for one, row, at_least in zip(samples, logs, rounding, strict=True):
        if max(row.std(), at_least) < NO_SPREAD:
            raise InputError(
                f"{_name(one)}: all pairs give the same ratio, to the last digit",
                hint="Without any spread there is no interval. Is this a setting or a counter, or a simulated device?",
            )
    return logs, rounding


def moments(logs: Matrix, rounding: Vector) -> tuple[Vector, Vector]:
    """Give mean and standard deviation of each row, shape (rows,); the latter is at least what rounding makes."""
    return logs.mean(axis=1), np.maximum(logs.std(axis=1, ddof=1), rounding)


def verdicts(
    samples: Sequence[PairedSamples],
    mean: Vector,
    spread: Vector,
    judged: Judged,
    confidence: float,
    multiplier: Callable[[int, float], float],
) -> list[PairedVerdict]:
    """Combine a family's p-values and intervals into verdicts, with what could have been detected.

    `multiplier(pairs, level)` gives how many standard errors an effect must be from zero to have a p-value of `level`.
    """
    level, pairs = 1 - confidence, len(samples[0].baseline)
    p: list[float] = judged.p.tolist()
    family, levels = holm(p), holm_levels(p, level)
    truth = unbiased_spread(spread, pairs)
    floors = np.array([log_floors(one.floor, one.higher_is_better) for one in samples])
    effect = mean * np.array([-1.0 if one.higher_is_better else 1.0 for one in samples])
    given = decide(effect, judged.half_width, floors, np.array(family) <= level)
    multipliers = np.array([multiplier(pairs, own) for own in levels])
    detectable = detectable_effect(truth, pairs, floors[:, 0], multipliers)

    def needed(row: int) -> int | None:
        if given[row] != "INCONCLUSIVE":
            return None
        ways = (float(floors[row, 0]), float(floors[row, 1]))
        return pairs_needed(
            float(effect[row]), float(truth[row]), pairs, ways,
            lambda count: (multiplier(count, levels[row]), multiplier(count, level)),
        )  # fmt: skip

    return [
        PairedVerdict(
            one.job, one.metric, one.higher_is_better, pairs,
            float(np.exp(mean[row])),
            (float(np.exp(mean[row] - half)), float(np.exp(mean[row] + half))),
            confidence, p[row], family[row], one.floor, given[row],
            relative_loss(float(detectable[row]), one.higher_is_better), needed(row),
        )
        for row, (one, half) in enumerate(zip(samples, judged.half_width.tolist(), strict=True))
    ]  # fmt: skip


def log_floors(floor: float, higher_is_better: bool) -> tuple[float, float]:
    """Give a relative floor as log ratios for the worse and for the better, both positive."""
    up, down = float(np.log1p(floor)), float(-np.log1p(-floor))
    return (down, up) if higher_is_better else (up, down)


def relative_loss(effect: float, higher_is_better: bool) -> float:
    """Give a log ratio for the worse as a relative change, both positive."""
    return float(-np.expm1(-effect) if higher_is_better else np.expm1(effect))


def sentence_of(verdict: PairedVerdict) -> str:
    """Say the verdict, how sure it is, and what could have been detected."""
    low, high = (format_change(end - 1) for end in verdict.interval)
    loss = format_change(-verdict.detectable_effect if verdict.higher_is_better else verdict.detectable_effect)
    text = (
        f"{verdict.verdict}: {format_change(verdict.ratio - 1)} ({low} to {high} at {verdict.confidence:.0%}) in "
        f"{verdict.pairs} pairs, which detect {loss} in {POWER:.0%} of cases"
    )
    if verdict.verdict != "INCONCLUSIVE":
        return text
    if verdict.more_pairs is None:
        return f"{text}; the effect is so close to the floor of {verdict.floor:.0%} that no number of pairs decides it"
    return f"{text}; about {verdict.more_pairs} more would decide"


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
