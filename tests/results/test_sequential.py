"""Pairs until it is decided: the evidence by numerical integration, and the error rate at any time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.results.paired import FEWEST_PAIRS, PairedSamples, compare_pairs, student_multiplier
from storbench.results.selftest.until_decided import ends_of
from storbench.results.sequential import (
    PRIOR,
    compare_so_far,
    interval_multiplier,
    is_decided,
    log_evidence,
    strongest_evidence,
)

LEVEL = 0.01


def samples(logs: np.ndarray, name: str = "job") -> PairedSamples:  # type: ignore[type-arg]
    return PairedSamples(name, "iops", (1.0,) * len(logs), tuple(np.exp(logs).tolist()), True, 0.02)


def evidence(logs: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(log_evidence(np.array([logs.mean()]), np.array([logs.std(ddof=1)]), len(logs))[0])


@pytest.mark.parametrize(
    "logs",
    [
        [0.01, -0.02, 0.015],
        [-0.05, -0.04, -0.06, -0.045, -0.055],
        [0.3, 0.1, 0.2, -0.1, 0.15, 0.25, 0.0, 0.2],
        [-0.02, 0.01] * 10,
    ],
)
def test_the_evidence_is_the_mixture_of_likelihood_ratios(logs: list[float]) -> None:
    # By integration over the unknown spread with the measure that does not depend on its unit, ds / s, and over the
    # effect in units of the spread, from a normal distribution with variance 1 / PRIOR: the definition, nothing solved.
    values = np.array(logs)
    spread = values.std() * np.exp(np.linspace(-6, 12, 4001))
    effect = np.linspace(-40, 40, 16001)
    log_prior = -0.5 * PRIOR * effect**2 + 0.5 * np.log(PRIOR / (2 * np.pi)) + np.log(effect[1] - effect[0])
    alternative, null = 0.0, 0.0
    for one in spread:
        null += one ** -len(values) * np.exp(-0.5 * float(values @ values) / one**2)
        # sum (x - d s)² / s² = sum x² / s² - 2 d sum x / s + n d²
        exponent = effect * values.sum() / one - 0.5 * len(values) * effect**2 + log_prior
        top = exponent.max()
        mixed = top + np.log(np.exp(exponent - top).sum())
        alternative += one ** -len(values) * np.exp(mixed - 0.5 * float(values @ values) / one**2)
    assert evidence(values) == pytest.approx(np.log(alternative / null), abs=2e-3)


@given(st.integers(3, 500), st.floats(1e-4, 0.2))
def test_the_interval_ends_where_the_evidence_reaches_its_level(pairs: int, level: float) -> None:
    multiplier = interval_multiplier(pairs, level)
    if np.isinf(multiplier):
        # As far as one may go, the evidence of so few pairs stays below.
        assert log_evidence(np.array([1e9]), np.array([1.0]), pairs)[0] < np.log(1 / level)
        return
    mean = multiplier / np.sqrt(pairs)
    assert log_evidence(np.array([mean]), np.array([1.0]), pairs)[0] == pytest.approx(np.log(1 / level), rel=1e-6)


def test_looking_at_any_time_costs_width() -> None:
    for pairs in range(5, 200):
        assert interval_multiplier(pairs, LEVEL) > student_multiplier(pairs, LEVEL)
    assert [np.isinf(interval_multiplier(pairs, LEVEL)) for pairs in (3, 4, 5, 6)] == [True, True, False, False]


@pytest.mark.parametrize("spread", [0.001, 1.0])
def test_of_equal_sides_at_most_the_level_ever_seems_different(spread: float) -> None:
    logs = np.random.default_rng(5).normal(0, spread, (4000, 200))
    alarms = strongest_evidence(logs, np.zeros(len(logs))) >= np.log(1 / LEVEL)
    # At most 40 are expected; 60 and more come once in a thousand such tests.
    assert alarms.sum() < 60
    # A test for a number of pairs that was chosen before, made at each of them, has no such limit.
    fixed = np.zeros(len(logs), bool)
    for pairs in range(FEWEST_PAIRS, 201):
        error = logs[:, :pairs].std(axis=1, ddof=1) / np.sqrt(pairs)
        fixed |= np.abs(logs[:, :pairs].mean(axis=1)) >= student_multiplier(pairs, LEVEL) * error
    assert fixed.sum() > 150


def test_the_confidence_sequence_holds_the_truth_at_all_times() -> None:
    logs = np.random.default_rng(6).normal(0.04, 0.03, (4000, 100))
    missed = np.zeros(len(logs), bool)
    for pairs in range(FEWEST_PAIRS, 101):
        half = interval_multiplier(pairs, LEVEL) * logs[:, :pairs].std(axis=1, ddof=1) / np.sqrt(pairs)
        missed |= np.abs(logs[:, :pairs].mean(axis=1) - 0.04) > half
    assert missed.sum() < 60


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.floats(-0.1, 0.1))
def test_evidence_that_was_there_stays(seed: int, effect: float) -> None:
    logs = np.random.default_rng(seed).normal(effect, 0.03, 20)
    p = [compare_so_far([samples(logs[:pairs])])[0].p for pairs in range(3, 21)]
    assert p == sorted(p, reverse=True)
    assert all(0 <= one <= 1 for one in p)


def test_the_answer_comes_from_the_pairs_alone() -> None:
    logs = np.random.default_rng(7).normal(-0.05, 0.02, 12)
    whole = compare_so_far([samples(logs)])
    for pairs in range(3, 12):
        compare_so_far([samples(logs[:pairs])])
    assert compare_so_far([samples(logs)]) == whole


def test_too_few_pairs_decide_nothing_however_large_the_effect() -> None:
    (found,) = compare_so_far([samples(np.array([-1.0, -1.001, -0.999, -1.0]))])
    assert found.verdict == "INCONCLUSIVE"
    assert found.interval == (0.0, float("inf"))
    assert found.detectable_effect == 1.0
    (five,) = compare_so_far([samples(np.array([-1.0, -1.001, -0.999, -1.0, -1.0]))])
    assert five.verdict == "REGRESSED"


def test_all_metrics_must_be_decided() -> None:
    random = np.random.default_rng(8)
    clear, open_ = samples(random.normal(-0.2, 0.01, 10)), samples(random.normal(0, 0.1, 10), "other")
    found = compare_so_far([clear, open_])
    assert [one.verdict for one in found] == ["REGRESSED", "INCONCLUSIVE"]
    assert not is_decided(found)
    assert is_decided(found[:1])


def test_equal_pairs_are_no_evidence_until_one_differs() -> None:
    logs = np.array([[0.0] * 6 + [0.01, -0.01]])
    assert strongest_evidence(logs[:, :6], np.zeros(1))[0] == 0
    assert np.isfinite(strongest_evidence(logs, np.zeros(1))[0])


def test_the_selftest_ends_comparisons_where_ab_does() -> None:
    random = np.random.default_rng(9)
    logs = np.concatenate([random.normal(0, 0.01, (15, 30)), random.normal(-0.05, 0.03, (15, 30))])
    for row, (different, worse, at, _) in zip(logs, ends_of(logs).tolist(), strict=True):
        pairs = FEWEST_PAIRS
        while pairs < 30 and not is_decided(compare_so_far([samples(row[:pairs])])):
            pairs += 1
        (found,) = compare_so_far([samples(row[:pairs])])
        assert at == pairs
        assert worse == (found.verdict == "REGRESSED")
        assert different == (found.verdict in ("REGRESSED", "IMPROVED"))


def test_a_look_is_dearer_than_a_number_of_pairs_that_was_chosen_before() -> None:
    logs = np.random.default_rng(10).normal(-0.04, 0.03, 15)
    (any_time,), (fixed,) = compare_so_far([samples(logs)]), compare_pairs([samples(logs)])
    assert any_time.ratio == fixed.ratio
    assert any_time.interval[0] < fixed.interval[0] < fixed.interval[1] < any_time.interval[1]
    assert any_time.detectable_effect > fixed.detectable_effect
