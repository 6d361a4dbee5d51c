"""Fault classes on a terminal: whatever the verdicts are, 80 columns hold the matrix and two devices side by side."""

from __future__ import annotations

from io import StringIO
from itertools import product
from typing import Any

import msgspec
import pytest
from rich.console import Console

from storbench.reports.faults import compared_faults, faults_summary, figures_of
from storbench.results.comparison import Comparison
from storbench.results.faults.findings import INVARIANTS, Cell, FaultFinding, FaultFindings, Metric
from storbench.results.faults.side_by_side import compare_faults
from storbench.results.judgement import VerdictWord
from storbench.results.subjects import Subject

# The longest names that there are.
LONG = ("misdirected-write", "slow-intermittent")
VERDICTS: tuple[VerdictWord, ...] = ("PASS", "MARGINAL", "FAIL", "NOT_EVALUATED")


def finding(fault: str, *verdicts: VerdictWord, **metrics: float) -> FaultFinding:
    cells = tuple(Cell(name, verdict) for name, verdict in zip(INVARIANTS, verdicts, strict=True))
    units = {name: "s" if name.endswith("_s") else "1" for name in metrics}
    return FaultFinding(fault, cells, tuple(Metric(name, value, units[name]) for name, value in metrics.items()))


def comparison(*devices: FaultFinding) -> Comparison:
    subjects = [Subject(f"device {n}", f"mirror:?n={n}", "faults.suite", [n]) for n in range(len(devices))]
    faults = compare_faults([[FaultFindings((one,))] for one in devices])
    return Comparison([], subjects, [], [], [], "", faults)


def shown(part: Any, width: int) -> str:
    console = Console(file=StringIO(), width=width)
    for one in part if isinstance(part, list) else [part]:
        console.print(one)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.parametrize(("most", "least"), list(product(VERDICTS, VERDICTS)))
def test_no_cell_of_the_matrix_is_cut_or_wrapped_in_80_columns(most: VerdictWord, least: VerdictWord) -> None:
    found = FaultFindings((finding(LONG[0], *[most] * 9), finding(LONG[1], *[least] * 9)))
    lines = shown(faults_summary(found)[:1], 80).splitlines()
    assert len(lines) == 4  # headings, rule, and a line for each class
    assert lines[0].split() == ["fault", "class", *INVARIANTS, "verdict"]
    words = {"PASS": "ok", "MARGINAL": "marg", "FAIL": "FAIL", "NOT_EVALUATED": "·"}
    for line, name, verdict in zip(lines[2:], LONG, (most, least), strict=True):
        cells = line.split()
        assert cells[0] == name
        assert cells[1:10] == [words[verdict]] * 9
        assert cells[10] in {verdict, words[verdict], "–"}
    assert "…" not in "".join(lines)


@pytest.mark.parametrize(("first", "second"), list(product(VERDICTS, VERDICTS)))
def test_two_devices_fit_into_80_columns_with_outage_and_recovery(first: VerdictWord, second: VerdictWord) -> None:
    one = finding(LONG[0], *[first] * 9, outage_s=123.4, recovery_s=0.034)
    other = finding(LONG[0], *[second] * 9, outage_s=3.0, recovery_s=10.0)
    line = next(line for line in shown(compared_faults(comparison(one, other)), 80).splitlines() if LONG[0] in line)
    said = ["–" if word == "NOT_EVALUATED" else word for word in (first, second)]
    assert line.split() == [LONG[0], said[0], "123.40", "s", "0.03", "s", said[1], "3.00", "s", "10.00", "s"]


def test_where_many_devices_do_not_fit_their_verdicts_stay() -> None:
    devices = [finding("hang", *[verdict] * 9, outage_s=3.0) for verdict in ("PASS", "FAIL", "PASS", "MARGINAL")]
    text = shown(compared_faults(comparison(*devices)), 80)
    assert text.splitlines()[0].split() == ["fault", "class", "A", "B", "C", "D"]
    assert text.splitlines()[2].split() == ["hang", "PASS", "FAIL", "PASS", "MARGINAL"]


def test_a_dash_is_explained_where_a_class_was_not_evaluated() -> None:
    evaluated, other = finding("hang", *["PASS"] * 9), finding("hang", *["NOT_EVALUATED"] * 9)
    assert "not evaluated" in shown(compared_faults(comparison(evaluated, other)), 80)
    assert "not evaluated" not in shown(compared_faults(comparison(evaluated, evaluated)), 80)


def test_large_ratios_have_no_exponent() -> None:
    (said,) = figures_of(finding("slow", *["PASS"] * 9, p50_ratio=2301.4))
    assert said == "p50 × 2,300"
    assert figures_of(finding("slow", *["PASS"] * 9, p50_ratio=0.6901)) == ["p50 × 0.69"]


def test_what_is_compared_is_in_the_json() -> None:
    one = finding("hang", *["FAIL"] * 9, outage_s=3.0)
    document = msgspec.json.decode(msgspec.json.encode(comparison(one)))["faults"]
    assert document == [
        {"fault": "hang", "outcomes": [{"verdict": "FAIL", "outage_s": 3.0, "recovery_s": None, "named": []}]}
    ]
