"""The order of the pairs: balanced, drawn, reproducible, and blind to what drifts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.interleaving import interleaved_order

AB, BA = ("A", "B"), ("B", "A")
seeds = st.integers(0, 2**63)


@given(st.integers(0, 200), seeds)
def test_of_two_pairs_each_side_is_first_once(pairs: int, seed: int) -> None:
    order = interleaved_order(pairs, seed)
    assert len(order) == pairs
    assert all(pair in (AB, BA) for pair in order)
    assert all(order[first] != order[first + 1] for first in range(0, pairs - 1, 2))


@given(st.integers(1, 100), seeds)
def test_the_order_comes_from_the_seed_and_more_pairs_leave_it_as_it_was(pairs: int, seed: int) -> None:
    assert interleaved_order(pairs, seed) == interleaved_order(pairs + 7, seed)[:pairs]


def test_the_order_is_part_of_a_recipe_and_stays_what_it_was() -> None:
    # Python promises that Random.random() gives the same numbers from the same seed in every version.
    assert interleaved_order(6, 1) == [AB, BA, BA, AB, BA, AB]


def test_which_side_begins_is_drawn() -> None:
    begins = [interleaved_order(20, seed)[::2].count(AB) for seed in range(1000)]
    assert sum(begins) / 10_000 == pytest.approx(0.5, abs=0.02)
    assert len({tuple(interleaved_order(10, seed)) for seed in range(1000)}) == 2**5


@given(st.integers(1, 30), seeds, st.floats(-10, 10, allow_nan=False))
def test_a_steady_drift_meets_both_sides_alike(blocks: int, seed: int, slope: float) -> None:
    difference = 0.0
    for pair, (first, _) in enumerate(interleaved_order(2 * blocks, seed)):
        early, late = slope * 2 * pair, slope * (2 * pair + 1)
        difference += (late - early) if first == "A" else (early - late)
    assert difference == pytest.approx(0, abs=1e-9)
