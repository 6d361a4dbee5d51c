import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from storbench.results.ratios import means, paired_interval, ratios, welch_interval

positive = st.floats(1e-3, 1e9)
samples = st.lists(positive, min_size=2, max_size=12)


@given(samples, samples)
def test_the_independent_interval_is_welchs(a: list[float], b: list[float]) -> None:
    low, high = welch_interval(np.array([a]), np.array([b]))
    assume(min(np.ptp(np.log(a)), np.ptp(np.log(b))) > 1e-6)  # scipy warns of what is nearly the same
    expected = stats.ttest_ind(np.log(a), np.log(b), equal_var=False).confidence_interval(0.95)
    assert np.log(low[0]) == pytest.approx(expected.low, rel=1e-6, abs=1e-6)
    assert np.log(high[0]) == pytest.approx(expected.high, rel=1e-6, abs=1e-6)


def test_without_any_spread_the_interval_is_a_point() -> None:
    low, high = welch_interval(np.array([[3.0, 3.0]]), np.array([[2.0, 2.0]]))
    assert low[0] == high[0] == pytest.approx(1.5)


@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=12))
def test_the_paired_interval_is_students_on_the_differences(pairs: list[tuple[float, float]]) -> None:
    a, b = map(np.array, zip(*pairs, strict=True))
    low, high = paired_interval(a[None], b[None])
    difference = np.log(a) - np.log(b)
    half = stats.t.ppf(0.975, len(a) - 1) * difference.std(ddof=1) / np.sqrt(len(a))
    assert np.log(low[0]) == pytest.approx(difference.mean() - half, rel=1e-6, abs=1e-6)
    assert np.log(high[0]) == pytest.approx(difference.mean() + half, rel=1e-6, abs=1e-6)


@given(samples, samples)
def test_swapping_the_sides_inverts_the_interval(a: list[float], b: list[float]) -> None:
    low, high = welch_interval(np.array([a]), np.array([b]))
    swapped_low, swapped_high = welch_interval(np.array([b]), np.array([a]))
    assert np.log(low[0]) == pytest.approx(-np.log(swapped_high[0]), rel=1e-6, abs=1e-6)
    assert np.log(high[0]) == pytest.approx(-np.log(swapped_low[0]), rel=1e-6, abs=1e-6)


def test_a_paired_interval_leaves_out_the_drift_that_both_share() -> None:
    drift = np.array([1.0, 1.2, 1.4, 1.6, 1.8])
    noise = np.array([1.0, 1.01, 0.99, 1.0, 1.01])
    paired = paired_interval((drift * 1.1 * noise)[None], drift[None])
    welch = welch_interval((drift * 1.1 * noise)[None], drift[None])
    assert 1 < paired[0][0] < 1.1 < paired[1][0]
    assert welch[0][0] < 1


@given(samples)
def test_the_mean_of_repeats_is_geometric(values: list[float]) -> None:
    (mean,) = means(np.array([values]), np.array([True]))
    assert mean == pytest.approx(stats.gmean(values))


def test_missing_values_are_left_out_and_zeros_are_averaged_plainly() -> None:
    both = means(np.array([[1.0, np.nan, 4.0], [0.0, 3.0, np.nan]]), np.array([True, False]))
    assert both.tolist() == pytest.approx([2.0, 1.5])


def test_there_is_no_interval_without_repeats_or_with_a_zero() -> None:
    one = np.array([[5.0]])
    assert np.isnan(welch_interval(one, one)).all()
    assert np.isnan(paired_interval(one, one)).all()
    assert np.isnan(welch_interval(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]]))).all()


def test_a_ratio_to_zero_is_unknown() -> None:
    assert np.isnan(ratios(np.array([1.0]), np.array([0.0])))[0]
