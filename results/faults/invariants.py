"""The invariants of a fault class, each judged from the facts of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ..error_findings import errnos_of
from ..judgement import VerdictWord
from .findings import INVARIANTS, Cell

Value = str | int | float | bool | None
_MARGIN = 1.1
"""Up to so many times the bound a stall is MARGINAL."""


class Evidence(msgspec.Struct, frozen=True):
    """What one repeat of a class has shown."""

    labels: Mapping[str, Value]
    """Of the load, or of the check where there is no load."""
    load: Mapping[str, Value] | None = None
    """Facts of the load's step."""
    numbers: Mapping[str, float | None] = {}
    """What `loaded` gives; empty where the load broke or says too little."""
    recovered: bool | None = None
    check: Mapping[str, Value] | None = None
    compare: Mapping[str, Value] | None = None

    @property
    def broke(self) -> str:
        """Why the load ended early; empty where it did not."""
        return str((self.load or {}).get("broke") or "").partition("\n")[0]


def cells_of(evidence: Sequence[Evidence]) -> tuple[Cell, ...]:
    """Judge every invariant over all repeats; of several the worst counts."""
    return tuple(_worst([_cell(name, one) for one in evidence]) for name in INVARIANTS)


def all_missing(reason: str) -> tuple[Cell, ...]:
    """Give the cells of a class that was not evaluated."""
    return tuple(Cell(name, "NOT_EVALUATED", reason=reason) for name in INVARIANTS)


def _worst(cells: Sequence[Cell]) -> Cell:
    for word in ("FAIL", "MARGINAL", "PASS"):
        found = [cell for cell in cells if cell.verdict == word]
        if found:
            return max(found, key=lambda cell: cell.value or 0.0)
    return cells[0]


def _cell(name: str, one: Evidence) -> Cell:
    if name not in str(one.labels.get("invariants", "")).split(","):
        return Cell(name, "NOT_EVALUATED", reason="not asked of this class")
    if one.labels.get("must_break"):
        return _noticed(name, one)
    match name:
        case "I1":
            return _blocks(name, one, ("lost_flushed", "out_of_order"))
        case "I2":
            return _blocks(name, one, ("stale", "corrupt", "misdirected", "torn", "lost_acknowledged"))
        case "I3":
            return _blocks(name, one, ("out_of_order",))
        case "I4":
            return _blocks(name, one, ("torn",))
        case "I5":
            return _progress(name, one)
        case "I6":
            return _errors(name, one)
        case "I7":
            return _masked(name, one)
        case "I8":
            return _redundancy(name, one)
    return _health(name, one)


def _blocks(name: str, one: Evidence, classes: Sequence[str]) -> Cell:
    if one.check is None:
        return Cell(name, "NOT_EVALUATED", reason="nothing was written and read back")
    counts = {word: _count(one.check, f"blocks_{word}") for word in classes}
    bad, blocks = sum(counts.values()), _count(one.check, "blocks")
    if not bad:
        return Cell(name, "PASS", 0.0, "1", 0.0, f"none of {blocks:,} blocks")
    told = ", ".join(f"{count:,} {word.replace('_', ' ')}" for word, count in counts.items() if count)
    return Cell(name, "FAIL", float(bad), "1", 0.0, f"of {blocks:,} blocks {told}")


def _progress(name: str, one: Evidence) -> Cell:
    bound = float(one.labels.get("bound_s") or 0.0)
    if one.broke:
        return Cell(name, "FAIL", None, "s", bound, f"the load broke off: {one.broke}")
    stall = max((one.numbers.get(key) or 0.0 for key in ("longest_gap_s", "longest_io_s")), default=0.0)
    if not one.numbers:
        return Cell(name, "NOT_EVALUATED", reason="there are too few I/Os to say")
    verdict: VerdictWord = "PASS" if stall <= bound else "MARGINAL" if stall <= _MARGIN * bound else "FAIL"
    return Cell(name, verdict, stall, "s", bound, f"the longest stall was {stall:.3g} s, {bound:g} s are allowed")


def _errors(name: str, one: Evidence) -> Cell:
    allowed = {word for word in str(one.labels.get("errnos") or "").split(",") if word}
    seen: dict[str, int] = {}
    misplaced = 0
    for facts in (one.load or {}, one.check or {}):
        for errno, count in errnos_of(facts).items():
            seen[errno] = seen.get(errno, 0) + count
        misplaced += sum(_count(facts, f"errors_{where}") for where in ("outside", "before", "after"))
    wrong = {errno: count for errno, count in seen.items() if errno not in allowed}
    if wrong:
        told = ", ".join(f"{count} × {errno}" for errno, count in wrong.items())
        return Cell(name, "FAIL", float(sum(wrong.values())), "1", 0.0, f"errors that do not belong here: {told}")
    if misplaced:
        return Cell(name, "FAIL", float(misplaced), "1", 0.0, f"{misplaced} errors outside the fault's place or time")
    told = ", ".join(f"{count} × {errno}" for errno, count in seen.items()) or "no request failed"
    return Cell(name, "PASS", 0.0, "1", 0.0, told)


def _masked(name: str, one: Evidence) -> Cell:
    failed = sum(sum(errnos_of(facts).values()) for facts in (one.load or {}, one.check or {}))
    if one.broke:
        return Cell(name, "FAIL", None, "1", 0.0, f"the load broke off: {one.broke}")
    reason = f"{failed:,} requests failed" if failed else "no request failed"
    return Cell(name, "FAIL" if failed else "PASS", float(failed), "1", 0.0, reason)


def _redundancy(name: str, one: Evidence) -> Cell:
    facts = one.compare or {}
    for key, what in (("heal_entries", "files wait to be healed"), ("placement_groups_unclean", "groups lack a copy")):
        if left := _count(facts, key):
            reason = f"{left} {what}" if left > 0 else "a member does not answer"
            return Cell(name, "FAIL", float(abs(left)), "1", 0.0, reason)
    if "fragments_agree" in facts:
        if facts["fragments_agree"]:
            return Cell(name, "PASS", 0.0, "1", 0.0, "all fragments are of one version")
        return Cell(name, "FAIL", 1.0, "1", 0.0, "the fragments are of different versions")
    if "replicas_identical" not in facts:
        return Cell(name, "NOT_EVALUATED", reason="the members could not be compared")
    if facts["replicas_identical"]:
        return Cell(name, "PASS", 0.0, "B", 0.0, f"all {_count(facts, 'replicas')} replicas are identical")
    if groups := _count(facts, "placement_groups_inconsistent"):
        return Cell(name, "FAIL", float(groups), "1", 0.0, f"the replicas of {groups} placement groups differ")
    different = _count(facts, "replicas_different_bytes")
    return Cell(name, "FAIL", float(different), "B", 0.0, f"{different:,} bytes differ between the replicas")


def _health(name: str, one: Evidence) -> Cell:
    if one.load is None:
        return Cell(name, "NOT_EVALUATED", reason="no load was measured")
    if one.broke:
        return Cell(name, "FAIL", None, "s", None, f"the load broke off: {one.broke}")
    late = _count(one.load, "errors_after")
    if late:
        return Cell(name, "FAIL", float(late), "1", 0.0, f"{late} requests failed after the fault had ended")
    if one.recovered is None:
        return Cell(name, "NOT_EVALUATED", reason="the load ended too soon after the heal, or has too few I/Os, to say")
    if not one.recovered:
        return Cell(name, "FAIL", None, "s", None, "the load did not come back to what it was before the fault")
    took = one.numbers.get("recovery_s") or 0.0
    return Cell(name, "PASS", took, "s", None, f"back {took:.3g} s after the fault had ended")


def _noticed(name: str, one: Evidence) -> Cell:
    if one.broke:
        return Cell(name, "PASS", None, "1", None, f"it was noticed: {one.broke}")
    return Cell(name, "FAIL", None, "1", None, "the load looked as if nothing had happened")


def _count(facts: Mapping[str, Value], name: str) -> int:
    value = facts.get(name)
    return int(value) if isinstance(value, (int, float)) else 0
