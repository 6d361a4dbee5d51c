"""The specification's rule on published figures, on windows where the rules in use disagree, on real rounds."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress

from storbench import open_run
from storbench.common.errors import InputError
from storbench.harness.fio_import import import_results
from storbench.results.rounds_file import read_rounds
from storbench.results.steady_state import RULES, rule_named, steady_state, window_of

DATA = Path(__file__).parents[1] / "data"
RULE = RULES["pts-2.0"]


def rows(name: str) -> list[dict[str, str]]:
    """Read a table of the reference data."""
    lines = (DATA / "pts" / name).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


CASES = rows("ss_rule_divergence_cases.csv")


def test_all_cases_are_there() -> None:
    assert len(CASES) == 12


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_windows_on_which_rules_disagree_are_judged_as_the_specification_says(case: dict[str, str]) -> None:
    values = [Fraction(case[f"r{n}"]) for n in range(1, 6)]
    window = window_of(values, 5, RULE)

    assert window.steady == (case["spec"] == "True")
    assert window.average == pytest.approx(float(case["mean"]))
    assert 100 * window.range / window.average == pytest.approx(float(case["range_pct"]))
    assert window.slope == pytest.approx(float(case["slope_per_round"]))
    assert 100 * window.excursion / window.average == pytest.approx(float(case["fit_excursion_pct"]), abs=1e-9)


@pytest.mark.parametrize("published", rows("ss_determination_published.csv"), ids=lambda row: row["metric"])
def test_published_windows_come_out_to_the_printed_digits(published: dict[str, str]) -> None:
    mean, slope, spread = (float(published[name]) for name in ("mean_exact", "slope", "measured_range"))
    straight = [mean + slope * (n - 3) for n in range(1, 6)]
    # The rounds themselves were not printed. These have that average and that slope, whatever is added of a shape that
    # is orthogonal to every line; so much of it that the range is the printed one.
    shape = np.array([1, -4, 6, -4, 1])
    low, high = 0.0, spread
    for _ in range(80):
        share = (low + high) / 2
        low, high = (share, high) if np.ptp(straight + share * shape) < spread else (low, share)
    window = window_of([float(value) for value in straight + low * shape], 5, RULE)

    assert f"{window.allowed_range:.6g}" == f"{float(published['allowed_range']):.6g}"
    assert f"{window.range:.2f}" == f"{spread:.2f}"
    assert f"{window.allowed_excursion:.6g}" == f"{float(published['allowed_slope_exc']):.6g}"
    assert round(window.excursion, 1) == float(published["measured_slope_exc"])
    assert round(window.slope, 3) == slope
    assert round(window.intercept, 3) == float(published["intercept"])
    assert window.steady == (published["steady"] == "True")


@pytest.mark.parametrize(
    ("cell", "rounds", "first"), [("bs4KB_read0", 5, None), ("bs1024KB_read100", 5, 5), ("bs64KB_read65", 11, 11)]
)
def test_real_rounds_are_imported_and_judged(tmp_path: Path, cell: str, rounds: int, first: int | None) -> None:
    values = []
    for number in range(1, rounds + 1):
        source = DATA / "ssspt" / f"hp_iops_2_wdpc_{cell}_round{number}.json"
        with open_run(import_results(source, tmp_path / f"{source.stem}.h5")) as run:
            measurement = run.measured[0].measurement
            assert measurement is not None
            values.append(measurement.read.iops + measurement.write.iops)
    found = steady_state({cell: values}, RULE)
    by_hand = [n for n in range(5, rounds + 1) if is_steady(values[n - 5 : n])]

    # They were measured until another rule held: each point within 10 % of the average.
    assert found.first_steady_round == (by_hand[0] if by_hand else None) == first


def is_steady(values: list[float]) -> bool:
    """Apply the rule once more, with scipy's line."""
    line = linregress(range(5), values)
    average = float(np.mean(values))
    return float(np.ptp(values)) <= 0.2 * average and abs(float(line.slope)) * 4 <= 0.1 * average


@given(st.lists(st.integers(1, 10**9), min_size=5, max_size=30))
def test_figures_are_those_of_least_squares(values: list[int]) -> None:
    found = steady_state({"y": values}, RULE)
    window = found.windows["y"]
    first, last = window.rounds
    line = linregress(range(first, last + 1), values[first - 1 : last])
    assert window.slope == pytest.approx(float(line.slope), rel=1e-6, abs=1e-6)
    assert window.intercept == pytest.approx(float(line.intercept), rel=1e-6, abs=1e-3)
    if found.first_steady_round is not None:
        assert found.first_steady_round == last
        assert window.steady


def test_all_variables_must_be_steady_in_one_window() -> None:
    steady, late = [100] * 8, [10, 50, 100, 100, 100, 100, 100, 100]
    assert steady_state({"a": steady}, RULE).first_steady_round == 5
    assert steady_state({"a": steady, "b": late}, RULE).first_steady_round == 7
    assert steady_state({"b": late, "a": steady}, RULE).windows["a"].rounds == (3, 7)
    assert steady_state({"a": [100] * 4}, RULE).first_steady_round is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "no variable"),
        ({"a": [1, 2], "b": [1]}, "'a' has 2 rounds, 'b' 1"),
        ({"a": [1, 1, 1, 1, -1]}, "negative"),
        ({"a": [1, 1, 1, 1, float("nan")]}, "not a value"),
    ],
)
def test_what_cannot_be_judged_is_refused(variables: dict[str, list[float]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        steady_state(variables, RULE)


def test_an_unknown_rule_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"pts-3\.0") as caught:
        rule_named("pts-3.0")
    assert "pts-2.0" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n2\n", {"value": [1, 2]}),
        ("\ufeff# made up\n\nIOPS\n0.1\n1e3\n", {"IOPS": [Fraction(1, 10), 1000]}),
        ("round,a,b\n1,5,6\n2,7,8\n", {"a": [5, 7], "b": [6, 8]}),
        ("5;6\n7;8\n", {"column 1": [5, 7], "column 2": [6, 8]}),
        ("round\n3\n", {"round": [3]}),
    ],
)
def test_rounds_are_read_as_they_are_written(text: str, expected: dict[str, list[Fraction]]) -> None:
    assert read_rounds(text, "x.csv") == expected


def test_columns_can_be_chosen() -> None:
    assert read_rounds("time,a\nnoon,5\n", "x.csv", ["a"]) == {"a": [5]}


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("", [], "holds no value"),
        ("# nothing\n", [], "holds no value"),
        ("a,b\n", [], "no values"),
        ("a,a\n1,2\n", [], "two columns of one name"),
        ("a,b\n1\n", [], "line 2: 1 values"),
        ("1\nx\n", [], "line 2, value: 'x'"),
        ("1\n1e999999999\n", [], "line 2"),
        ("a\n1\n", ["b"], "no column 'b'"),
    ],
)
def test_a_text_that_holds_no_rounds_is_refused(text: str, columns: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_rounds(text, "x.csv", columns)
