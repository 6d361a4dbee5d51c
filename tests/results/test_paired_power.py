"""What pairs can detect: published sample sizes and constants, simulation, and what must grow with what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.results.paired import student_multiplier
from storbench.results.paired_power import (
    MOST_PAIRS,
    POWER,
    decided,
    detectable_effect,
    pairs_needed,
    unbiased_spread,
)

FLOORS = (0.02, 0.02)


def detectable(spread: float, pairs: int, floor: float = 0.02, level: float = 0.01, power: float = POWER) -> float:
    multiplier = np.array([student_multiplier(pairs, level)])
    return float(detectable_effect(np.array([spread]), pairs, np.array([floor]), multiplier, power)[0])


def multipliers(pairs: int, level: float = 0.01) -> tuple[float, float]:
    return student_multiplier(pairs, level), student_multiplier(pairs, level)


@pytest.mark.parametrize(
    ("pairs", "c4"),
    # Montgomery: Introduction to Statistical Quality Control, appendix table VI.
    [(2, 0.7979), (3, 0.8862), (5, 0.9400), (10, 0.9727), (15, 0.9823), (25, 0.9896)],
)
def test_the_bias_of_a_standard_deviation_is_the_tabulated_one(pairs: int, c4: float) -> None:
    assert unbiased_spread(np.array([1.0, 3.0]), pairs) == pytest.approx([1 / c4, 3 / c4], rel=1e-4)


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_the_pairs_that_a_paired_t_test_needs_are_the_published_ones(effect: float, pairs: int) -> None:
    # Cohen's small, medium and large effect, two-sided at 5 %, power 80 %: G*Power 3 (Faul et al. 2007), matched pairs.
    assert detectable(1.0, pairs, floor=0.0, level=0.05) <= effect
    assert detectable(1.0, pairs - 1, floor=0.0, level=0.05) > effect


@pytest.mark.parametrize(
    ("spread", "pairs", "floor"), [(0.03, 5, 0.02), (0.03, 10, 0.02), (0.005, 10, 0.02), (0.1, 8, 0.1)]
)
def test_the_detectable_effect_is_found_as_often_as_is_said(spread: float, pairs: int, floor: float) -> None:
    effect = detectable(spread, pairs, floor)
    logs = np.random.default_rng(1).normal(effect, spread, (40_000, pairs))
    mean, error = logs.mean(axis=1), logs.std(axis=1, ddof=1) / np.sqrt(pairs)
    found = (mean >= floor) & (mean >= student_multiplier(pairs, 0.01) * error)
    assert found.mean() == pytest.approx(POWER, abs=0.01)


@pytest.mark.parametrize("effect", [0.0, 0.01, 0.02, 0.05, -0.05])
def test_a_verdict_is_as_likely_as_is_said(effect: float) -> None:
    spread, pairs = 0.02, 15
    logs = np.random.default_rng(2).normal(effect, spread, (40_000, pairs))
    mean, error = logs.mean(axis=1), logs.std(axis=1, ddof=1) / np.sqrt(pairs)
    half = multipliers(pairs)[0] * error
    different = (np.abs(mean) >= half) & (np.abs(mean) >= 0.02)
    inside = (mean + half <= 0.02) & (mean - half >= -0.02)
    said = decided(effect, spread, pairs, FLOORS, multipliers(pairs))
    assert said == pytest.approx((different | inside).mean(), abs=0.01)


@settings(max_examples=50)
@given(st.floats(1e-4, 1.0), st.integers(3, 60), st.floats(0.001, 0.5))
def test_more_pairs_less_spread_and_a_lower_floor_detect_less(spread: float, pairs: int, floor: float) -> None:
    effect = detectable(spread, pairs, floor)
    assert effect >= floor
    assert detectable(spread, pairs + 1, floor) <= effect * (1 + 1e-9)
    assert detectable(spread * 0.9, pairs, floor) <= effect * (1 + 1e-9)
    assert detectable(spread, pairs, floor * 0.9) <= effect * (1 + 1e-9)
    assert detectable(spread, pairs, floor, power=0.9) >= effect * (1 - 1e-9)
    assert detectable(spread, pairs, floor, level=0.001) >= effect * (1 - 1e-9)


def test_where_nothing_could_be_found_the_detectable_effect_is_infinite() -> None:
    found = detectable_effect(np.array([0.01, 0.01]), 3, np.array([0.02, 0.02]), np.array([np.inf, 3.0]))
    assert np.isinf(found[0])
    assert np.isfinite(found[1])


def test_without_noise_the_floor_is_detected() -> None:
    assert detectable(1e-9, 10) == pytest.approx(0.02, rel=1e-6)


@pytest.mark.parametrize("effect", [0.0, 0.03, 0.05, -0.03])
def test_the_pairs_that_are_needed_are_the_fewest_that_suffice(effect: float) -> None:
    needed = pairs_needed(effect, 0.03, 3, FLOORS, multipliers)
    assert needed is not None
    assert decided(effect, 0.03, needed, FLOORS, multipliers(needed)) >= POWER
    assert needed == 4 or decided(effect, 0.03, needed - 1, FLOORS, multipliers(needed - 1)) < POWER


def test_an_effect_on_its_floor_is_never_decided() -> None:
    assert pairs_needed(0.02, 0.03, 10, FLOORS, multipliers) is None


def test_more_pairs_are_more_than_there_were() -> None:
    assert pairs_needed(0.5, 0.01, 10, FLOORS, multipliers) == 11
    assert pairs_needed(0.5, 0.01, MOST_PAIRS - 1, FLOORS, multipliers) == MOST_PAIRS
