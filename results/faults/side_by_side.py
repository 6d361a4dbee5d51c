"""Fault classes of several devices, class by class."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from ..judgement import VerdictWord
from .findings import FaultFinding, FaultFindings

_ORDER: tuple[VerdictWord, ...] = ("FAIL", "MARGINAL", "PASS", "NOT_EVALUATED")


class Outcome(msgspec.Struct, frozen=True):
    """What a fault class came to on one device."""

    verdict: VerdictWord
    """The gravest of its runs."""
    outage_s: float | None
    """The median of its runs, like the next; None where no load was measured."""
    recovery_s: float | None
    named: tuple[str, ...]
    """What was found, in the field's words."""


class ComparedFault(msgspec.Struct, frozen=True):
    """One fault class on all devices."""

    fault: str
    outcomes: list[Outcome | None]
    """One for each device; None where the class was not run there."""


def compare_faults(devices: Sequence[Sequence[FaultFindings]]) -> list[ComparedFault]:
    """Put fault classes side by side: of each device the findings of its runs, in the order of the classes."""
    names = dict.fromkeys(one.fault for runs in devices for found in runs for one in found.faults)
    return [
        ComparedFault(
            name, [_outcome([one for found in runs for one in found.faults if one.fault == name]) for runs in devices]
        )
        for name in names
    ]


def _outcome(found: Sequence[FaultFinding]) -> Outcome | None:
    if not found:
        return None
    return Outcome(
        min((one.verdict for one in found), key=_ORDER.index), _median(found, "outage_s"), _median(found, "recovery_s"),
        tuple(dict.fromkeys(word for one in found for word in one.named)),
    )  # fmt: skip


def _median(found: Sequence[FaultFinding], name: str) -> float | None:
    values = [one.value for finding in found for one in finding.metrics if one.name == name and one.value is not None]
    return statistics.median(values) if values else None
