"""How noisy equal runs are, and which loss so many pairs of them find."""

from __future__ import annotations

import numpy as np
import pytest

from storbench.common.errors import InputError
from storbench.results.noise import Noise, NoiseSamples, advice_of, noise_of
from storbench.results.paired import PairedSamples, compare_pairs


def looked_at(logs: object, **more: object) -> Noise:
    values = tuple(np.exp(np.asarray(logs, np.float64)).tolist())
    seconds = tuple(float(index) for index in range(len(values)))
    return noise_of(NoiseSamples("job", "iops", values, seconds, True, 0.02, **more))  # type: ignore[arg-type]


# Percent that 5, 10, 20 and 30 interleaved pairs detect, by the spread of single runs: a simulation of the paired t
# at 99 % with a floor of 2 %, made before this was written.
SIMULATED = {
    0.01: (3.7, 2.4, 2.3, 2.2),
    0.02: (7.2, 3.7, 2.6, 2.4),
    0.05: (17.0, 9.0, 5.8, 4.6),
    0.10: (31.0, 17.2, 11.2, 8.9),
}


@pytest.mark.parametrize(("spread", "losses"), SIMULATED.items())
def test_what_pairs_find_agrees_with_simulation(spread: float, losses: tuple[float, ...]) -> None:
    found = looked_at(np.random.default_rng(1).normal(0, spread, 2000))
    table = {one.pairs: 100 * one.loss for one in found.detectable}
    assert [table[pairs] for pairs in (5, 10, 20, 30)] == pytest.approx(losses, rel=0.05, abs=0.1)
    assert found.spread == pytest.approx(spread, rel=0.06)


def test_pairs_of_such_runs_find_that_loss_in_four_of_five_cases() -> None:
    random = np.random.default_rng(2)
    drift = 0.05 * np.sin(np.arange(4000) / 200)
    found = looked_at(drift[:400] + random.normal(0, 0.02, 400))
    loss = next(one.loss for one in found.detectable if one.pairs == 10)
    hits = 0
    for start in range(400):
        logs = drift[start * 9 : start * 9 + 20] + random.normal(0, 0.02, 20)
        sides = (np.exp(logs[::2]), np.exp(logs[1::2]) * (1 - loss))
        pairs = PairedSamples("", "iops", tuple(sides[0].tolist()), tuple(sides[1].tolist()), True, 0.02)
        hits += compare_pairs([pairs])[0].verdict == "REGRESSED"
    assert 0.7 < hits / 400 < 0.9


def test_a_drift_is_in_the_spread_and_not_in_that_of_pairs() -> None:
    random = np.random.default_rng(3)
    steady, drifting = random.normal(0, 0.01, 40), np.linspace(0, 0.2, 40)
    quiet, noisy = looked_at(steady), looked_at(steady + drifting)
    assert noisy.spread > 4 * quiet.spread
    assert noisy.pair_spread == pytest.approx(quiet.pair_spread, rel=0.1)
    assert noisy.drifts
    assert noisy.correlated
    assert noisy.drift == pytest.approx(np.expm1(0.2), rel=0.1)
    assert not quiet.drifts
    assert "Interleave them" in advice_of([noisy])[0]
    assert "about 7 interleaved pairs" in advice_of([quiet])[-1] or "about 5 interleaved" in advice_of([quiet])[-1]


def test_equal_runs_seldom_seem_to_drift() -> None:
    random = np.random.default_rng(4)
    assert sum(looked_at(random.normal(0, 0.02, 20)).drifts for _ in range(500)) <= 15  # 1 % are expected: 5


def test_a_machine_that_is_too_noisy_is_told_so() -> None:
    found = looked_at(np.random.default_rng(5).normal(0, 0.5, 20))
    assert "find no loss below" in advice_of([found])[-1]


def test_values_in_steps_have_the_spread_that_rounding_makes() -> None:
    found = looked_at([0.0] * 10, resolution=1 / 64)
    assert found.spread == pytest.approx(1 / 64 / 12**0.5, rel=0.01)
    assert found.drift == 0


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((1.0,) * 5, "5 runs are too few"),
        ((1.0,) * 8, "same value, to the last digit"),
        ((1.0, 2.0, 0.0, 1.0, 2.0, 1.0), "not all values are positive"),
        ((1.0, 2.0, float("nan"), 1.0, 2.0, 1.0), "not all values are positive"),
    ],
)
def test_bad_values_are_refused(values: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        noise_of(NoiseSamples("job", "iops", values, tuple(map(float, range(len(values)))), True, 0.02))
