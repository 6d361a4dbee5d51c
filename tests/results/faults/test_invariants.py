"""Each invariant by both of its sides."""

from __future__ import annotations

from typing import Any

import pytest

from storbench.results.faults.findings import INVARIANTS, Cell, FaultFinding, FaultFindings
from storbench.results.faults.invariants import Evidence, all_missing, cells_of

ALL = ",".join(INVARIANTS)
HARMFUL = ("lost_flushed", "out_of_order", "stale", "corrupt", "misdirected", "torn")
RIGHT = {f"blocks_{word}": 0 for word in HARMFUL} | {"blocks": 100, "blocks_right": 100}
SAME = {"replicas": 3, "replicas_identical": 1, "replicas_different_bytes": 0}


def evidence(**changes: Any) -> Evidence:
    given: dict[str, Any] = {
        "labels": {"invariants": ALL, "bound_s": 1.0, "errnos": "EIO", "masked": 1},
        "load": {}, "numbers": {"longest_gap_s": 0.1, "longest_io_s": 0.2, "recovery_s": 0.1}, "recovered": True,
        "check": RIGHT, "compare": SAME,
    }  # fmt: skip
    return Evidence(**(given | changes))


def cell(name: str, *repeats: Evidence) -> Cell:
    return next(one for one in cells_of(repeats) if one.invariant == name)


def test_nothing_wrong_passes_everything() -> None:
    assert {one.verdict for one in cells_of([evidence()])} == {"PASS"}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("I1", {"check": RIGHT | {"blocks_lost_flushed": 1}}),
        ("I1", {"check": RIGHT | {"blocks_out_of_order": 1}}),
        ("I2", {"check": RIGHT | {"blocks_stale": 1}}),
        ("I2", {"check": RIGHT | {"blocks_corrupt": 1}}),
        ("I2", {"check": RIGHT | {"blocks_misdirected": 1}}),
        ("I3", {"check": RIGHT | {"blocks_out_of_order": 1}}),
        ("I4", {"check": RIGHT | {"blocks_torn": 1}}),
        ("I5", {"numbers": {"longest_gap_s": 1.2}}),
        ("I5", {"load": {"broke": "the connection was lost"}, "numbers": {}}),
        ("I6", {"load": {"errors_EINVAL": 1}}),
        ("I6", {"load": {"errors_EIO": 4, "errors_outside": 1}}),
        ("I6", {"check": RIGHT | {"errors_EIO": 4, "errors_after": 1}}),
        ("I7", {"load": {"errors_EIO": 1}}),
        ("I7", {"load": {"broke": "gone"}}),
        ("I8", {"compare": {"replicas": 3, "replicas_identical": 0, "replicas_different_bytes": 512}}),
        ("I9", {"recovered": False}),
        ("I9", {"load": {"errors_after": 2}}),
    ],
)
def test_what_is_wrong_fails_its_invariant(name: str, changes: dict[str, Any]) -> None:
    found = cell(name, evidence(**changes))
    assert found.verdict == "FAIL"
    assert found.reason


def test_errors_that_may_be_seen_are_right() -> None:
    assert cell("I6", evidence(load={"errors_EIO": 7, "errors_outside": 0})).verdict == "PASS"


def test_a_stall_a_little_over_the_bound_is_marginal() -> None:
    assert cell("I5", evidence(numbers={"longest_gap_s": 1.05})).verdict == "MARGINAL"


def test_the_worst_repeat_counts() -> None:
    assert cell("I1", evidence(), evidence(check=RIGHT | {"blocks_lost_flushed": 3}), evidence()).value == 3


def test_what_was_not_asked_or_not_seen_is_not_evaluated() -> None:
    assert cell("I8", evidence(compare=None)).verdict == "NOT_EVALUATED"
    assert cell("I1", evidence(check=None)).verdict == "NOT_EVALUATED"
    assert cell("I9", evidence(recovered=None)).verdict == "NOT_EVALUATED"
    assert cell("I2", evidence(labels={"invariants": "I1"})).reason == "not asked of this class"


def test_what_must_break_passes_only_where_that_was_noticed() -> None:
    labels = {"invariants": "I6", "must_break": 1}
    assert cell("I6", evidence(labels=labels, load={"broke": "fio was killed by SIGKILL"})).verdict == "PASS"
    assert cell("I6", evidence(labels=labels)).verdict == "FAIL"


def test_a_class_that_is_missing_never_passes() -> None:
    missing = FaultFinding("hang", all_missing("no root"), missing="no root")
    assert missing.verdict == FaultFindings((missing,)).overall == "NOT_EVALUATED"
    passed = FaultFinding("slow", cells_of([evidence()]))
    assert FaultFindings((missing, passed)).overall == "PASS"
    failed = FaultFinding("slow", cells_of([evidence(recovered=False)]))
    assert FaultFindings((passed, failed)).overall == "FAIL"
