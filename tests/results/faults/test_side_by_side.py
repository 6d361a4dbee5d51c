"""Fault classes side by side: the gravest verdict of a device's runs, the middle of their numbers, nothing made up."""

from __future__ import annotations

from typing import Literal

from storbench.results.faults.findings import Cell, FaultFinding, FaultFindings, Metric
from storbench.results.faults.side_by_side import Outcome, compare_faults


def run(fault: str, verdict: Literal["PASS", "FAIL", "NOT_EVALUATED"], outage: float | None = None) -> FaultFindings:
    metrics = () if outage is None else (Metric("outage_s", outage, "s"),)
    named = ("stall",) if outage else ()
    return FaultFindings((FaultFinding(fault, (Cell("I1", verdict),), metrics, named=named),))


def test_the_classes_of_all_devices_are_there_in_their_order() -> None:
    found = compare_faults([[run("hang", "PASS", 3.0)], [run("slow", "FAIL")]])
    assert [one.fault for one in found] == ["hang", "slow"]
    assert found[0].outcomes == [Outcome("PASS", 3.0, None, ("stall",)), None]
    assert found[1].outcomes == [None, Outcome("FAIL", None, None, ())]


def test_of_several_runs_the_gravest_verdict_and_the_middle_number_count() -> None:
    runs = [run("hang", "PASS", 1.0), run("hang", "FAIL", 5.0), run("hang", "NOT_EVALUATED", 2.0)]
    (found,) = compare_faults([runs])
    assert found.outcomes == [Outcome("FAIL", 2.0, None, ("stall",))]


def test_without_faults_there_is_nothing() -> None:
    assert compare_faults([[], []]) == []
