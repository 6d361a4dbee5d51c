"""Holm's correction: published values, and the closed test that it is a shortcut of."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.multiplicity import holm, holm_levels

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=7)
levels = st.sampled_from([0.001, 0.01, 0.05, 0.2])


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        # R 4: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm"), which is also the example of textbooks.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02], [0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.01, 0.01, 0.01], [0.03, 0.03, 0.03]),
        ([0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_p_values_are_adjusted_as_published(p: list[float], adjusted: list[float]) -> None:
    assert holm(p) == pytest.approx(adjusted)


def closed_bonferroni(p: list[float]) -> list[float]:
    """Adjust by the closure principle (Marcus, Peritz, Gabriel 1976): all families that it is in must fall."""
    indices = range(len(p))
    families = [family for size in range(1, len(p) + 1) for family in combinations(indices, size)]
    by_family = {family: min(1.0, len(family) * min(p[one] for one in family)) for family in families}
    return [max(by_family[family] for family in families if one in family) for one in indices]


@given(p_values)
def test_it_is_the_closed_bonferroni_test(p: list[float]) -> None:
    assert holm(p) == pytest.approx(closed_bonferroni(p), rel=1e-12, abs=1e-300)


@given(p_values, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(p: list[float], random: object) -> None:
    order = list(range(len(p)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = holm([p[place] for place in order])
    assert shuffled == [holm(p)[place] for place in order]


@given(p_values, levels)
def test_a_level_is_the_largest_p_that_would_be_found(p: list[float], level: float) -> None:
    for place, own in enumerate(holm_levels(p, level)):
        assert level / len(p) <= own <= level
        for p_value, found in ((own * (1 - 1e-9), True), (own * (1 + 1e-9), False)):
            replaced = [*p[:place], p_value, *p[place + 1 :]]
            # With the test's own p-value at its level, it is found at the family's level exactly up to there.
            assert (holm(replaced)[place] <= level) is found


@given(p_values)
def test_adjusting_never_lowers_a_p_value_and_keeps_their_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(raw <= one <= 1 for raw, one in zip(p, adjusted, strict=True))
    ordered = [one for _, one in sorted(zip(p, adjusted, strict=True))]
    assert ordered == sorted(ordered)


def test_without_tests_there_is_nothing_to_adjust() -> None:
    assert holm([]) == []
    assert holm_levels([], 0.01) == []
