"""A new session judged by its history: error rates by simulation, verdicts, and what cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from storbench.common.errors import InputError
from storbench.results.baseline import (
    BaselineSamples,
    BaselineVerdict,
    compare_to_baseline,
    effective_number,
    sentence_of,
)


def judged(
    history: NDArray[np.float64], new: float, *, higher: bool = True, floor: float = 0.02, confidence: float = 0.99
) -> BaselineVerdict:
    samples = BaselineSamples("job", "iops", tuple((value,) for value in history.tolist()), (new,), higher, floor)
    (found,) = compare_to_baseline([samples], confidence)
    return found


def alike(random: np.random.Generator, count: int, correlation: float) -> NDArray[np.float64]:
    """Give rates of sessions that resemble the one before (AR(1), 3 %) and differ by chance (2 %)."""
    drift = np.empty(count)
    drift[0] = random.normal(0, 0.03)
    for index in range(1, count):
        drift[index] = correlation * drift[index - 1] + random.normal(0, 0.03 * np.sqrt(1 - correlation**2))
    return np.exp(drift + random.normal(0, 0.02, count))


@pytest.mark.parametrize(("sessions", "correlation"), [(3, 0.0), (10, 0.0), (10, 0.7), (20, 0.7)])
def test_equal_sessions_raise_as_few_alarms_as_the_confidence_says(sessions: int, correlation: float) -> None:
    random = np.random.default_rng(sessions)
    alarms = 0
    for _ in range(400):
        *history, new = alike(random, sessions + 1, correlation)
        alarms += judged(np.array(history), float(new)).verdict in ("REGRESSED", "IMPROVED")
    # At 1 % of 400 are 4 expected; more than 12 come once in two thousand such tests.
    assert alarms <= 12


def test_what_is_said_to_be_detectable_is_detected_in_four_of_five_cases() -> None:
    random = np.random.default_rng(7)
    losses = [judged(np.exp(random.normal(0, 0.02, 10)), 1.0).detectable_effect for _ in range(60)]
    # One history of twenty seems to be correlated by chance, and some of those are then too short: None.
    loss = float(np.mean([one for one in losses if one is not None]))
    found = sum(
        judged(np.exp(random.normal(0, 0.02, 10)), float(np.exp(random.normal(0, 0.02))) * (1 - loss)).verdict
        == "REGRESSED"
        for _ in range(400)
    )
    assert 0.70 < found / 400 < 0.90


def test_the_sign_follows_what_is_better() -> None:
    history = np.array([1.0, 1.01, 0.99, 1.005, 0.995])
    assert judged(history, 0.7).verdict == "REGRESSED"
    assert judged(history, 1.4).verdict == "IMPROVED"
    assert judged(history, 1.4, higher=False).verdict == "REGRESSED"
    assert judged(history, 0.7, higher=False).verdict == "IMPROVED"
    assert judged(np.array([1.0, 1.0001, 0.9999, 1.0, 1.0001]), 1.0).verdict == "EQUIVALENT"


def test_a_sure_effect_below_the_floor_is_no_regression() -> None:
    history = np.array([1.0, 1.0001, 0.9999, 1.0, 1.0001])
    assert judged(history, 0.99).p_family < 0.01  # type: ignore[operator]
    assert judged(history, 0.99).verdict == "EQUIVALENT"
    assert judged(history, 0.99, floor=0.005).verdict == "REGRESSED"


@pytest.mark.parametrize("sessions", [0, 1, 2])
def test_without_a_history_nothing_is_guessed(sessions: int) -> None:
    found = judged(np.linspace(1, 1.01, sessions), 0.1)
    assert (found.verdict, found.interval, found.p, found.detectable_effect) == ("INCONCLUSIVE", None, None, None)
    if not sessions:
        assert found.ratio is None
        assert "there is no earlier session" in sentence_of(found)
        return
    assert found.ratio == pytest.approx(0.1, rel=0.01)
    assert "do not show how much sessions differ" in sentence_of(found)


def test_sessions_that_resemble_one_another_count_as_fewer() -> None:
    slow = np.sin(np.arange(40) / 6)
    assert effective_number(slow)[0] < 5
    assert effective_number(np.random.default_rng(1).normal(0, 1, 40))[0] == 40
    assert effective_number(slow[:7]) == (7, None)
    found = judged(np.exp(0.03 * slow), 1.0)
    assert found.sessions == 40
    assert found.effective_sessions < 5


def test_a_new_session_of_fewer_repeats_is_less_certain() -> None:
    random = np.random.default_rng(3)
    history = tuple(tuple(np.exp(random.normal(0, 0.05, 5)).tolist()) for _ in range(6))
    one, five = (
        compare_to_baseline([BaselineSamples("job", "iops", history, new, True, 0.02)])[0]
        for new in ((0.9,), (0.9,) * 5)
    )
    assert one.interval is not None
    assert five.interval is not None
    assert one.interval[1] - one.interval[0] > five.interval[1] - five.interval[0]


def test_holm_allows_for_how_much_is_looked_at() -> None:
    history = np.exp(np.random.default_rng(5).normal(0, 0.02, 6))
    one = BaselineSamples("job", "iops", tuple((v,) for v in history.tolist()), (0.88,), True, 0.02)
    alone = compare_to_baseline([one])[0]
    many = compare_to_baseline([one, *(BaselineSamples(f"{n}", "iops", one.baseline, (1.0,), True, 0.02)
                                      for n in range(20))])[0]  # fmt: skip
    assert alone.p == many.p
    assert many.p_family == pytest.approx(21 * alone.p)  # type: ignore[operator]
    assert many.detectable_effect > alone.detectable_effect  # type: ignore[operator]


def test_an_open_verdict_says_what_would_decide() -> None:
    found = judged(np.array([1.0, 1.03, 0.97, 1.01]), 0.93)
    assert found.verdict == "INCONCLUSIVE"
    assert found.sessions_needed is None or found.sessions_needed > 4
    assert "would decide" in sentence_of(found) or "storbench ab" in sentence_of(found)
    assert "REGRESSED: -30.1 %" in sentence_of(judged(np.array([1.0, 1.01, 0.99, 1.005]), 0.7))


@pytest.mark.parametrize(
    ("history", "new", "words"),
    [
        ([1.0, 1.0, 1.0], 0.5, "same value, to the last digit"),
        ([1.0, float("nan"), 1.0], 0.5, "a value of nan"),
        ([1.0, 1.1, 1.0], 0.0, "a value of 0"),
        ([1.0, -1.1, 1.0], 1.0, "a value of -1.1"),
        ([1.0, float("inf"), 1.0], 1.0, "a value of inf"),
    ],
)
def test_bad_values_are_refused(history: list[float], new: float, words: str) -> None:
    with pytest.raises(InputError, match=words):
        judged(np.array(history), new)


def test_a_floor_that_is_none_and_nothing_to_compare_are_refused() -> None:
    with pytest.raises(InputError, match="floor of 2"):
        judged(np.array([1.0, 1.1, 1.2]), 1.0, floor=2)
    with pytest.raises(InputError, match="nothing to compare"):
        compare_to_baseline([])
    with pytest.raises(InputError, match="without a value"):
        compare_to_baseline([BaselineSamples("job", "iops", ((1.0,), ()), (1.0,), True, 0.02)])
