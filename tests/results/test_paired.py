"""Verdicts on interleaved pairs: published examples, what must not matter, sentences, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.results.paired import (
    PairedSamples,
    PairedVerdict,
    compare_pairs,
    floor_of,
    log_floors,
    relative_loss,
    sentence_of,
    student_multiplier,
)
from storbench.results.sequential import compare_so_far

SLEEP = (1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4)
"""Additional hours of sleep of ten patients (Cushny, Peebles 1905), on which Student showed his test in 1908."""


def samples(
    baseline: Sequence[float],
    candidate: Sequence[float],
    *,
    higher: bool = True,
    floor: float = 0.02,
    step: float = 0.0,
) -> PairedSamples:
    return PairedSamples("job", "iops", tuple(baseline), tuple(candidate), higher, floor, step)


def judged(baseline: Sequence[float], candidate: Sequence[float], **more: object) -> PairedVerdict:
    return compare_pairs([samples(baseline, candidate, **more)])[0]  # type: ignore[arg-type]


def noisy(ratio: float, spread: float = 0.01, pairs: int = 10, seed: int = 1) -> PairedSamples:
    noise = np.random.default_rng(seed).normal(0, spread, (2, pairs))
    noise -= noise.mean(axis=1, keepdims=True)
    a, b = np.exp(noise)
    return samples(a.tolist(), (ratio * b).tolist())


def test_students_own_example_has_its_published_figures() -> None:
    # R 4: t.test(extra ~ group, data = sleep, paired = TRUE): t = 4.0621, df = 9, p = 0.002833, 0.7001142 to 2.4598858
    given_logs = samples([1.0] * 10, np.exp(SLEEP).tolist(), higher=False)
    (found,) = compare_pairs([given_logs], 0.95)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert np.log(found.interval) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    assert np.log(found.ratio) == pytest.approx(1.58)
    assert found.verdict == "REGRESSED"
    (higher,) = compare_pairs([msgspec.structs.replace(given_logs, higher_is_better=True)], 0.95)
    assert higher.verdict == "IMPROVED"


@pytest.mark.parametrize(("pairs", "quantile"), [(3, 9.925), (5, 4.604), (10, 3.250), (21, 2.845), (31, 2.750)])
def test_the_multiplier_is_the_tabulated_quantile(pairs: int, quantile: float) -> None:
    assert student_multiplier(pairs, 0.01) == pytest.approx(quantile, abs=6e-4)


@pytest.mark.parametrize(
    ("ratio", "spread", "verdict"),
    [
        (0.90, 0.01, "REGRESSED"), (1.10, 0.01, "IMPROVED"), (1.0, 0.003, "EQUIVALENT"), (1.0, 0.1, "INCONCLUSIVE"),
        (0.99, 0.0005, "EQUIVALENT"), (0.97, 0.05, "INCONCLUSIVE"),
    ],
)  # fmt: skip
def test_effect_interval_and_floor_decide(ratio: float, spread: float, verdict: str) -> None:
    (found,) = compare_pairs([noisy(ratio, spread)])
    assert found.verdict == verdict
    assert found.ratio == pytest.approx(ratio)
    assert (found.more_pairs is None) == (verdict != "INCONCLUSIVE")


def test_a_sure_effect_below_the_floor_is_no_regression() -> None:
    (found,) = compare_pairs([noisy(0.985, 0.001)])
    assert found.p < 1e-6
    assert found.verdict == "EQUIVALENT"
    assert compare_pairs([msgspec.structs.replace(noisy(0.985, 0.001), floor=0.01)])[0].verdict == "REGRESSED"


def test_a_drift_that_both_sides_share_does_not_matter() -> None:
    noise = np.random.default_rng(3).normal(0, 0.005, (2, 10))
    drift = np.linspace(0, 1, 10)
    flat = judged(np.exp(noise[0]), np.exp(noise[1]))
    drifting = judged(np.exp(noise[0] + drift), np.exp(noise[1] + drift))
    assert drifting.interval == pytest.approx(flat.interval)


positive = st.floats(1e-6, 1e12)
pairs_of_values = st.lists(st.tuples(positive, positive), min_size=3, max_size=30).filter(
    lambda pairs: np.std([np.log(b) - np.log(a) for a, b in pairs]) > 1e-6
)


@settings(max_examples=150)
@given(
    pairs_of_values,
    st.booleans(),
    st.sampled_from([0.005, 0.02, 0.1]),
    st.sampled_from([compare_pairs, compare_so_far]),
)
def test_a_verdict_follows_from_what_is_printed_beside_it(
    values: list[tuple[float, float]], higher: bool, floor: float, compare: object
) -> None:
    a, b = zip(*values, strict=True)
    (found,) = compare([samples(a, b, higher=higher, floor=floor)])  # type: ignore[operator]
    low, high = found.interval
    worse = 1 - found.ratio if higher else found.ratio - 1
    assert 0 <= low <= found.ratio <= high
    assert 0 <= found.p <= found.p_family <= 1
    assert found.detectable_effect >= floor * (1 - 1e-9)
    if found.verdict == "REGRESSED":
        assert worse >= floor * (1 - 1e-9)
        assert found.p_family <= 0.01
    elif found.verdict == "IMPROVED":
        assert -worse >= floor * (1 - 1e-9)
        assert found.p_family <= 0.01
    elif found.verdict == "EQUIVALENT":
        assert 1 - floor <= low * (1 + 1e-9)
        assert high <= (1 + floor) * (1 + 1e-9)
    else:
        assert found.more_pairs is None or found.more_pairs > 0
    assert sentence_of(found).startswith(found.verdict)
    assert "e+" not in sentence_of(found)


@settings(max_examples=60)
@given(pairs_of_values, st.floats(0.001, 1000), st.randoms(use_true_random=False))
def test_neither_the_unit_nor_the_order_of_the_pairs_matters(
    values: list[tuple[float, float]], unit: float, random: object
) -> None:
    first = judged(*zip(*values, strict=True))
    random.shuffle(values)  # type: ignore[attr-defined]
    a, b = zip(*values, strict=True)
    second = judged([unit * one for one in a], [unit * one for one in b])
    assert second.ratio == pytest.approx(first.ratio, rel=1e-6)
    assert second.p == pytest.approx(first.p, rel=1e-5, abs=1e-12)
    assert second.detectable_effect == pytest.approx(first.detectable_effect, rel=1e-5)


@settings(max_examples=60)
@given(pairs_of_values)
def test_exchanged_sides_give_the_inverse_ratio(values: list[tuple[float, float]]) -> None:
    a, b = zip(*values, strict=True)
    there, back = judged(a, b), judged(b, a)
    assert back.ratio == pytest.approx(1 / there.ratio, rel=1e-9)
    assert back.p == pytest.approx(there.p, rel=1e-6, abs=1e-12)
    assert back.interval == pytest.approx((1 / there.interval[1], 1 / there.interval[0]), rel=1e-6)


def test_holm_allows_for_how_much_is_looked_at() -> None:
    one = noisy(0.955, 0.025, seed=4)
    alone = compare_pairs([one])[0]
    others = [noisy(1.0, 0.02, seed=10 + number) for number in range(19)]
    among = compare_pairs([one, *others])[0]
    assert among.p == alone.p
    assert among.p_family == pytest.approx(20 * alone.p)
    assert among.detectable_effect > alone.detectable_effect
    assert (alone.verdict, among.verdict) == ("REGRESSED", "INCONCLUSIVE")
    assert among.more_pairs is not None


def test_values_in_steps_have_at_least_the_spread_that_rounding_makes() -> None:
    # Percentiles of fio's histograms: ten times the same bin on each side, one bin apart, is no certainty.
    found = judged([1.0] * 10, [1 + 1 / 64] * 10, higher=False, step=1 / 64)
    error = (1 / 64) * np.sqrt(2 / 12) / np.sqrt(10)
    assert np.log(found.interval[1] / found.ratio) == pytest.approx(student_multiplier(10, 0.01) * error)
    assert found.verdict != "REGRESSED"


@pytest.mark.parametrize(
    ("metric", "floor"),
    [
        ("iops", 0.02), ("bandwidth", 0.02), ("latency_mean", 0.02), ("latency_p50", 0.02), ("latency_p90", 0.05),
        ("latency_p99", 0.05), ("latency_p99.9", 0.10), ("latency_p99.99", 0.10), ("latency_max", 0.10),
        ("latency_stddev", 0.10), ("worst_client_latency_p99", 0.05), ("power_mean", 0.02),
    ],
)  # fmt: skip
def test_tails_have_a_higher_floor(metric: str, floor: float) -> None:
    assert floor_of(metric) == floor


@given(st.floats(0.0001, 0.9), st.booleans())
def test_a_floor_as_log_ratio_is_the_same_relative_change(floor: float, higher: bool) -> None:
    worse, better = log_floors(floor, higher)
    assert relative_loss(worse, higher) == pytest.approx(floor)
    assert relative_loss(better, not higher) == pytest.approx(floor)


def test_the_sentence_says_effect_certainty_and_what_could_have_been_seen() -> None:
    text = sentence_of(compare_pairs([noisy(0.90)])[0])
    assert text.startswith("REGRESSED: -10.0 % (-")
    assert "at 99%) in 10 pairs, which detect -2." in text
    assert sentence_of(judged([1.0, 1.01, 0.99], [3.8, 3.81, 3.8], higher=False)).startswith("REGRESSED: +280 % (+2")


def test_an_open_verdict_says_how_many_pairs_more() -> None:
    (found,) = compare_pairs([noisy(0.96, 0.06)])
    assert sentence_of(found).endswith(f"; about {found.more_pairs} more would decide")
    on_its_floor = compare_pairs([noisy(0.98, 0.03)])[0]
    assert on_its_floor.more_pairs is None
    assert "no number of pairs decides it" in sentence_of(on_its_floor)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("compare", [compare_pairs, compare_so_far])
@pytest.mark.parametrize(
    ("baseline", "candidate", "words"),
    [
        ((1.0, 1.1), (1.0, 1.2), "2 pairs are too few"),
        ((), (), "0 pairs are too few"),
        ((1.0, 1.1, 1.2), (1.0, 1.1), "3 values of A and 2 of B are no pairs"),
        ((1.0, 1.1, NAN), (1.0, 1.1, 1.2), "A has nan in pair 3"),
        ((1.0, 1.1, 1.2), (INF, 1.1, 1.2), "B has inf in pair 1"),
        ((1.0, 0.0, 1.2), (1.0, 1.1, 1.2), "A has 0 in pair 2"),
        ((1.0, 1.1, 1.2), (1.0, -1.1, 1.2), "B has -1.1 in pair 2"),
        ((5.0,) * 4, (5.0,) * 4, "all pairs give the same ratio"),
        ((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), "all pairs give the same ratio"),
    ],
)
def test_bad_values_are_refused(
    compare: object, baseline: tuple[float, ...], candidate: tuple[float, ...], words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        compare([samples(baseline, candidate)])  # type: ignore[operator]
    assert "iops of job" in refused.value.problem


def test_families_of_unlike_pairs_bad_floors_and_nothing_are_refused() -> None:
    good = samples((1.0, 1.1, 1.2), (1.0, 1.2, 1.2))
    with pytest.raises(InputError, match="4 pairs, where others have 3"):
        compare_pairs([good, samples((1.0,) * 4, (1.0, 1.1, 1.2, 1.0))])
    with pytest.raises(InputError, match="nothing to compare"):
        compare_pairs([])
    for floor in (0.0, 1.0, -0.1, 2.0, NAN):
        with pytest.raises(InputError, match="floor of"):
            compare_pairs([msgspec.structs.replace(good, floor=floor)])


def test_one_side_may_be_constant() -> None:
    assert judged([5.0] * 5, [4.0, 4.01, 3.99, 4.0, 4.02]).verdict == "REGRESSED"
