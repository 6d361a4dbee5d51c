"""What the fault classes of a run came to: numbers, a verdict for each invariant, and what happened over time."""

from __future__ import annotations

import msgspec

from ..judgement import VerdictWord

INVARIANTS: dict[str, str] = {
    "I1": "what was acknowledged and flushed is there",
    "I2": "no wrong data without an error",
    "I3": "order: what is older is not lost where newer is there",
    "I4": "a block is there as a whole or not at all",
    "I5": "requests go on within the bound",
    "I6": "errors are the right ones, where and while the fault is",
    "I7": "what can be masked is masked: no request fails",
    "I8": "redundancy is truly back",
    "I9": "health is back when the fault has ended",
}
"""Name to what must hold (crash and fail-slow catalogue: design of the fault suite, I1 to I9)."""


class Cell(msgspec.Struct, frozen=True):
    """One invariant under one fault class."""

    invariant: str
    verdict: VerdictWord
    value: float | None = None
    """The worst over the repeats."""
    unit: str = "1"
    bound: float | None = None
    """What `value` must not exceed."""
    reason: str = ""
    """A sentence: what was seen, or why it was not evaluated."""


class Metric(msgspec.Struct, frozen=True):
    """One number of a fault class, over its repeats."""

    name: str
    """`detection_s`, `outage_s`, `longest_io_s`, `dip_depth`, `dip_width_s`, `recovery_s`, `area_lost`, `availability`,
    `mttr_s`, `p50_ratio`, `p99_ratio`, `p999_ratio`, `errors`, `resync_s`."""
    value: float | None
    """The median over the repeats that have one."""
    unit: str
    repeats: tuple[float | None, ...] = ()
    low: float | None = None
    high: float | None = None
    """Interval of the mean over the repeats, 95 %; None for fewer than two."""
    reason: str = ""
    """Why there is none."""


class Timeline(msgspec.Struct, frozen=True):
    """What happened in one repeat, bucket by bucket: columns of equal length."""

    repeat: int
    time_s: tuple[float, ...]
    """The end of each bucket, from the start of the load."""
    iops: tuple[float, ...]
    p50_ns: tuple[float | None, ...]
    max_ns: tuple[float | None, ...]
    baseline_iops: float
    iops_band: tuple[float, float]
    """What buckets without a fault stay in."""
    latency_band_ns: float | None
    """What the median of a bucket without a fault stays below."""
    fault_s: tuple[float, float]
    """When the fault began, and when it ended or began to be healed."""
    healed_s: float
    """When the heal had ended."""


class FaultFinding(msgspec.Struct, frozen=True):
    """What one fault class came to."""

    fault: str
    """The class: `replica-killed`, …"""
    cells: tuple[Cell, ...] = ()
    """One for each invariant, in the order of `INVARIANTS`."""
    metrics: tuple[Metric, ...] = ()
    errors: dict[str, int] = {}
    """Failed requests by errno name, all repeats together."""
    integrity: dict[str, int] = {}
    """Blocks by class, all repeats together: `right`, `lost_flushed`, `corrupt`, …"""
    named: tuple[str, ...] = ()
    """What was found, in the field's words: `lost (flushed)`, `misdirected`, `slow part`, `wrong errno`, …"""
    timelines: tuple[Timeline, ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences: what zero findings mean (rule of three), what a reader must know."""
    missing: str = ""
    """Why it was not evaluated at all; empty where it was."""

    @property
    def verdict(self) -> VerdictWord:
        """The worst of the cells that were evaluated; NOT_EVALUATED where none was."""
        words = [cell.verdict for cell in self.cells if cell.verdict != "NOT_EVALUATED"]
        for word in ("FAIL", "MARGINAL", "PASS"):
            if word in words:
                return word
        return "NOT_EVALUATED"


class FaultFindings(msgspec.Struct, frozen=True):
    """What a run with faults came to."""

    faults: tuple[FaultFinding, ...]

    @property
    def overall(self) -> VerdictWord:
        """FAIL if any class fails; PASS only where something was evaluated and nothing fails."""
        words = {finding.verdict for finding in self.faults}
        for word in ("FAIL", "MARGINAL", "PASS"):
            if word in words:
                return word
        return "NOT_EVALUATED"


def times(ratio: float) -> str:
    """Write a ratio in three digits, without an exponent: 0.69, 76.2, 2,300."""
    return f"{float(f'{ratio:.3g}'):,.0f}" if ratio >= 100 else f"{ratio:.3g}"
