"""Pairs until it is decided: a comparison that may be looked at after every pair, with its error rate kept.

Testing again and again with a fixed-size test raises its false alarms without bound. Here the evidence against "no
difference" is a likelihood ratio of the t statistic, with the effect, in units of the spread, mixed over a normal
distribution around zero. Where nothing differs, the probability that it *ever* exceeds 1 / α is at most α, whatever
the spread is (Ville's inequality), so the pairs may stop at any moment, for any reason. Its inverse, the smallest so
far, is a p-value that is valid when one stops, to which Holm's correction applies as to any other; the effects that it
does not exclude are a confidence sequence.

Robbins: Statistical methods related to the law of the iterated logarithm, Annals of Mathematical Statistics 41, 1970;
Lai: On confidence sequences, Annals of Statistics 4, 1976; Johari, Koomen, Pekelis, Walsh: Always valid inference,
Operations Research 70, 2022; Wang, Ramdas: Anytime-valid t-tests and confidence sequences for Gaussian means with
unknown variance, arXiv 2310.03722.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .paired import (
    CONFIDENCE,
    FEWEST_PAIRS,
    NO_SPREAD,
    Judged,
    Matrix,
    PairedSamples,
    PairedVerdict,
    Vector,
    log_ratios,
    moments,
    verdicts,
)

PRIOR = 0.3
"""How many pairs' worth of belief the mixture has in "no difference": its effects have the variance 1 / `PRIOR`.

At a confidence of 99 % this lets five pairs decide, and has narrow intervals at 5 to 30.
"""


def compare_so_far(samples: Sequence[PairedSamples], confidence: float = CONFIDENCE) -> list[PairedVerdict]:
    """Judge the pairs measured so far; may be called after every pair, and the comparison ended whenever one likes.

    The same verdicts as `results.paired.compare_pairs` gives, by intervals that hold at all times at once, and are
    therefore wider; with fewer than five pairs they have no end. Whatever was looked at before enters through the pairs
    themselves, so the answer depends on nothing but its arguments. Raises `InputError` as `compare_pairs` does.
    """
    logs, rounding = log_ratios(samples)
    mean, spread = moments(logs, rounding)
    judged = judge_so_far(logs, rounding, confidence)
    return verdicts(samples, mean, spread, judged, confidence, interval_multiplier)


def judge_so_far(logs: Matrix, rounding: Vector, confidence: float) -> Judged:
    """Test the means of log ratios, shape (rows, pairs), against zero, each row for itself, after the last pair."""
    pairs = logs.shape[1]
    _, spread = moments(logs, rounding)
    half = interval_multiplier(pairs, 1 - confidence) * spread / np.sqrt(pairs)
    return Judged(np.exp(-strongest_evidence(logs, rounding)), half)


def strongest_evidence(logs: Matrix, rounding: Vector) -> Vector:
    """Give the greatest logarithm of evidence that there was after any pair, at least 0, shape (rows,)."""
    strongest = np.zeros(len(logs))
    for pairs in range(FEWEST_PAIRS, logs.shape[1] + 1):
        mean, spread = moments(logs[:, :pairs], rounding)
        known = spread >= NO_SPREAD  # as long as all pairs are the same there is no evidence of anything
        evidence = log_evidence(mean, np.where(known, spread, 1.0), pairs)
        strongest = np.where(known, np.maximum(strongest, evidence), strongest)
    return strongest


def is_decided(found: Sequence[PairedVerdict]) -> bool:
    """Whether no metric is INCONCLUSIVE, so that more pairs are not needed."""
    return all(one.verdict != "INCONCLUSIVE" for one in found)


def log_evidence(mean: Vector, spread: Vector, pairs: int) -> Vector:
    """Give the logarithm of the mixture's likelihood ratio against a mean of zero, any shape."""
    squared = pairs * (mean / spread) ** 2 / (pairs - 1)
    shrunk = PRIOR / (pairs + PRIOR)
    return np.asarray(0.5 * np.log(shrunk) + pairs / 2 * (np.log1p(squared) - np.log1p(shrunk * squared)))


def interval_multiplier(pairs: int, level: float) -> float:
    """Give how many standard errors a mean must be from zero for an evidence of 1 / `level`; infinite where none is.

    That is also the half-width of the confidence sequence, in standard errors.
    """
    shrunk = PRIOR / (pairs + PRIOR)
    threshold = np.exp((-2 * np.log(level) - np.log(shrunk)) / pairs)
    if threshold * shrunk >= 1:
        return float("inf")
    return float(np.sqrt((pairs - 1) * (threshold - 1) / (1 - threshold * shrunk)))
