"""Resistance drift: the closed forms against cells that are drawn one by one, and what must hold in the limits."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.drift import Drift, drift_of
from storbench.devices.profile import find_profile
from storbench.devices.profile_values import Value

CELL = Drift(
    levels=4,
    log10_resistance_first=3,
    log10_resistance_last=6,
    log10_resistance_spread=1 / 6,
    exponent_first=0.001,
    exponent_last=0.1,
    exponent_spread_share=0.4,
    reference_time_s=20.0,
)
VERIFIED = msgspec.structs.replace(CELL, verify_window=2.75)
GRAY = {2: ["0", "1"], 4: ["00", "01", "11", "10"], 8: ["000", "001", "011", "010", "110", "111", "101", "100"]}


def drawn(cell: Drift, cells: int, ages: Any) -> float:
    """Program cells one by one, let them drift, read them; give the share of wrong bits."""
    random = np.random.default_rng(1)
    written = random.integers(0, cell.levels, cells)
    deviation = random.standard_normal(cells)
    while cell.verify_window and np.any(rejected := np.abs(deviation) > cell.verify_window):
        deviation[rejected] = random.standard_normal(rejected.sum())
    means = np.linspace(cell.log10_resistance_first, cell.log10_resistance_last, cell.levels)
    exponents = np.linspace(cell.exponent_first, cell.exponent_last, cell.levels)
    exponent = exponents[written] * (1 + cell.exponent_spread_share * random.standard_normal(cells))
    resistance = 10 ** (means[written] + cell.log10_resistance_spread * deviation)
    resistance *= (np.maximum(ages, cell.reference_time_s) / cell.reference_time_s) ** exponent
    read = np.searchsorted(10 ** ((means[:-1] + means[1:]) / 2), resistance)
    codes = np.array([[int(bit) for bit in code] for code in GRAY[cell.levels]])
    return float(np.mean(codes[written] != codes[read]))


@pytest.mark.parametrize("cell", [CELL, VERIFIED], ids=["programmed once", "verified"])
@pytest.mark.parametrize("levels", [2, 4, 8])
@pytest.mark.parametrize("age", [60.0, 86_400.0, 3e8])
def test_the_error_rate_is_that_of_cells_drawn_one_by_one(cell: Drift, levels: int, age: float) -> None:
    cell = msgspec.structs.replace(cell, levels=levels)
    cells = 400_000
    expected = cell.error_rate(age)
    # Five standard errors, and one wrong bit where hardly any is expected.
    allowed = 5 * math.sqrt(expected / cells) + 1 / cells

    assert drawn(cell, cells, age) == pytest.approx(expected, abs=allowed)


def test_scrubbing_leaves_the_error_rate_of_cells_of_random_age() -> None:
    cells, interval = 400_000, 86_400.0
    ages = np.random.default_rng(2).uniform(0, interval, cells)
    expected = VERIFIED.scrubbed_error_rate(interval)

    assert drawn(VERIFIED, cells, ages) == pytest.approx(expected, abs=5 * math.sqrt(expected / cells))
    assert expected < VERIFIED.error_rate(interval)


def test_up_to_the_reference_time_nothing_drifts() -> None:
    assert VERIFIED.error_rate(0) == VERIFIED.error_rate(20) == VERIFIED.scrubbed_error_rate(20) == 0
    # Without verification: six sides of three deviations, over four levels of two bits; crossing two does not matter.
    assert CELL.error_rate(20) == pytest.approx(6 * 0.5 * math.erfc(3 / math.sqrt(2)) / 8, rel=1e-9)
    assert CELL.error_rate(0) == CELL.error_rate(20)


@given(st.floats(0, 11), st.floats(0, 2))
@settings(deadline=None, max_examples=50)
def test_verified_cells_never_get_better_with_age(decades: float, more: float) -> None:
    age = 20 * 10**decades
    assert VERIFIED.error_rate(age) <= VERIFIED.error_rate(age * 10**more) * (1 + 1e-9)


def test_shorter_scrub_intervals_leave_fewer_errors() -> None:
    rates = [VERIFIED.scrubbed_error_rate(interval) for interval in (60, 600, 3600, 86_400, 1e7)]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1] / 1000


def test_a_window_that_excludes_nothing_gives_the_closed_form() -> None:
    wide = msgspec.structs.replace(CELL, verify_window=9.0)
    for age in (20.0, 25.0, 3600.0, 1e9):
        assert wide.error_rate(age) == pytest.approx(CELL.error_rate(age), rel=1e-6)


def test_cells_that_all_drift_alike_make_no_errors_until_the_first_reaches_its_threshold() -> None:
    alike = msgspec.structs.replace(VERIFIED, exponent_spread_share=0.0)
    margin = 0.5 - 2.75 / 6
    third = 0.001 + 2 * (0.1 - 0.001) / 3
    reached = 20 * 10 ** (margin / third)

    assert alike.error_rate(reached * 0.999) == 0
    assert alike.error_rate(reached * 1.01) > 0


def test_a_cell_of_one_bit_only_gains_from_drift() -> None:
    one_bit = msgspec.structs.replace(CELL, levels=2, log10_resistance_spread=0.5)
    assert one_bit.error_rate(1e6) < one_bit.error_rate(20)


def values(**changed: Any) -> dict[str, Value]:
    table = {
        "levels": 4, "log10_resistance_first": 3, "log10_resistance_last": 6, "log10_resistance_spread": 0.1667,
        "exponent_first": 0.001, "exponent_last": 0.1, "exponent_spread_share": 0.4, "reference_time": "20s",
    }  # fmt: skip
    return {name: Value(value, "x") for name, value in {**table, **changed}.items() if value is not None}


def test_the_shipped_profile_of_multi_level_cells_drifts() -> None:
    drift = drift_of(find_profile("pcm-mlc").drift)

    assert drift == msgspec.structs.replace(VERIFIED, log10_resistance_spread=0.1667)
    assert 0 < drift.error_rate(3600) < drift.error_rate(86_400) < 0.1


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"levels": 3}, "drift.levels is not a power of two"),
        ({"levels": 4.5}, "drift.levels is not a power of two"),
        ({"levels": 32}, "drift.levels is 32, it must lie between 2 and 16"),
        ({"levels": None}, "drift.levels is missing"),
        ({"reference_time": 20}, "drift.reference_time: 20 has no unit"),
        ({"log10_resistance_last": 3}, "log10_resistance_last is not above log10_resistance_first"),
        ({"exponent": 0.1}, "resistance drift has no parameter 'exponent'"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_the_reason(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as refused:
        drift_of(values(**changed))
    assert problem in refused.value.problem
