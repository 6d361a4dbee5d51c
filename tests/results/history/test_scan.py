"""The scan: its statistic is the one that it says, and its null the one that chance has."""

from __future__ import annotations

import numpy as np
import pytest

from storbench.results.history.scan import (
    SHORTEST,
    best_split,
    correlation_of,
    lag_correlation,
    normal_scores,
    p_value,
    stretches,
    strongest_split,
)


def test_normal_scores_are_those_of_blom_and_share_the_middle_of_ties() -> None:
    # Blom's scores of five values, as R's qnorm((1:5 - 3/8) / (5 + 1/4)) gives them.
    assert normal_scores(np.array([30.0, 10.0, 50.0, 20.0, 40.0])) == pytest.approx(
        [0.0, -1.179761, 1.179761, -0.4972006, 0.4972006], abs=1e-6
    )
    assert normal_scores(np.array([1.0, 2.0, 2.0, 3.0]))[1:3] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_the_best_split_is_the_one_of_the_largest_difference_of_means() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        values = random.normal(size=30)
        slow = [
            abs(values[k:].mean() - values[:k].mean()) * np.sqrt(k * (30 - k) / 30)
            for k in range(SHORTEST, 30 - SHORTEST + 1)
        ]
        statistic, place = best_split(values)
        assert statistic == pytest.approx(max(slow))
        assert place == SHORTEST + int(np.argmax(slow))
        assert strongest_split(values)[0] >= statistic - 1e-12


@pytest.mark.parametrize("count", [6, 10, 57, 240, 1000])
def test_stretches_cover_every_place_at_every_length(count: int) -> None:
    found = stretches(count)
    assert (0, count) in found
    assert all(start >= 0 and end <= count and end - start >= 2 * SHORTEST for start, end in found)
    for length in {end - start for start, end in found if start == 0}:
        own = [(start, end) for start, end in found if abs(end - start - length) <= 1]
        assert {place for start, end in own for place in range(start, end)} == set(range(count))


def test_p_values_of_series_without_a_change_are_as_frequent_as_they_say() -> None:
    random = np.random.default_rng(2)
    found = []
    for _ in range(200):
        scores = normal_scores(random.standard_t(3, size=40))
        found.append(p_value(scores, strongest_split(scores)[0], 0.0, 1.0, random))
    # Of 200, 20 are expected; 10 to 32 in all but 1 of 200 cases.
    assert 10 <= sum(p <= 0.1 for p in found) <= 32
    assert 80 <= sum(p <= 0.5 for p in found) <= 120


def test_a_p_value_above_the_level_is_given_up_early() -> None:
    scores = normal_scores(np.random.default_rng(3).normal(size=60))
    assert p_value(scores, 0.0, 0.0, 0.02, np.random.default_rng(1)) == 1.0


@pytest.mark.parametrize("truth", [0.0, 0.4, 0.7])
def test_correlation_is_estimated_beside_changes(truth: float) -> None:
    random = np.random.default_rng(4)
    found = []
    for _ in range(60):
        noise = random.normal(size=200)
        for place in range(1, 200):
            noise[place] = truth * noise[place - 1] + np.sqrt(1 - truth**2) * noise[place]
        noise[100:] += 3.0
        found.append(correlation_of(normal_scores(noise)))
    assert np.mean(found) == pytest.approx(truth, abs=0.08)


def test_correlation_of_nothing_is_none() -> None:
    assert lag_correlation(np.zeros(20), 1) == 0.0
    assert correlation_of(normal_scores(np.arange(8.0))) == 0.0
