"""What became of stamped blocks: each is classified from what was acknowledged and what is read back.

What a block may hold follows from its own history alone:

* the last write that was acknowledged, or one that came after it and was not (it may have arrived or not);
* after a power cut, where a cache may be volatile, also any older write that is not older than the last one that a
  completed flush covers: what was never flushed may be lost;
* nothing else.

A block whose newest write is found in another one is not lost but misdirected, as that other one is.

A flush covers the writes that were acknowledged before it was asked for. Order (FAST'13, "unserializable"): after a
power cut, a flushed write that is gone while a write is there that was asked for after it was acknowledged, and before
the cut, was overtaken. Of two writes that were under way together neither can be said to be the newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from .stamp import SECTOR, read_stamps

BlockClass = Literal[
    "right", "lost_acknowledged", "lost_flushed", "out_of_order", "stale", "torn", "misdirected", "corrupt",
    "unreadable",
]  # fmt: skip
CLASSES: dict[str, str] = {
    "right": "what was written, or allowed to be there",
    "lost_acknowledged": "an older write, the newer one was acknowledged but not flushed",
    "lost_flushed": "an older write, the newer one was acknowledged and flushed",
    "out_of_order": "a flushed write is gone while one that was asked for later is there",
    "stale": "an older write was read, later the newer one",
    "torn": "sectors of different writes",
    "misdirected": "a block that belongs elsewhere",
    "corrupt": "nothing that was ever written",
    "unreadable": "an error instead of data",
}
"""Every class and what it means, from harmless to harmful for what is no longer there."""


class Write(msgspec.Struct, frozen=True):
    """One write of a block. Times are seconds on one clock."""

    block: int
    """Counted from 0."""
    sequence: int
    asked: float
    done: float | None
    """None where it never came back, or came back with an error: it may have arrived or not."""
    errno: int = 0


class Flush(msgspec.Struct, frozen=True):
    """One flush that was acknowledged."""

    asked: float
    done: float


class Seen(msgspec.Struct, frozen=True):
    """What one read of a block gave."""

    block: int
    sequence: int | None
    """Of the write whose data it is; None for none."""
    kind: Literal["whole", "torn", "misdirected", "corrupt", "zeroes", "unreadable"]
    detail: str = ""
    home: int | None = None
    """The block to which what is here belongs; None where that is this one, or where nobody knows."""


class Wrong(msgspec.Struct, frozen=True):
    """One block that is not right."""

    block: int
    found: BlockClass
    expected: int
    """The sequence number of the last write that was acknowledged, 0 for none."""
    seen: int | None
    detail: str = ""


class Integrity(msgspec.Struct, frozen=True):
    """What all blocks came to."""

    blocks: int
    counts: dict[str, int]
    """Blocks by class; every class has an entry."""
    wrong: tuple[Wrong, ...]
    writes: int
    acknowledged: int
    flushed: int
    """Of the acknowledged writes, those that a flush covers."""

    @property
    def bound(self) -> float:
        """The share of wrong blocks that these many without one still allow, at 95 % (the rule of three)."""
        return 3 / self.blocks if self.blocks else 1.0


class _Evidence(msgspec.Struct, frozen=True):
    """What all blocks together say about each one."""

    asked: NDArray[np.float64]
    done: NDArray[np.float64]
    """For each time that a flush was asked for, when the first of that or a later one was done."""
    last_there: float
    astray: dict[tuple[int, int | None], int]
    """Of each write that is in another block, its own block and its number, to where it is."""
    power_cut: bool

    def flush_done(self, write: Write) -> float | None:
        """Say when the first flush was done that covers a write; None where none does."""
        if write.done is None:
            return None
        place = int(np.searchsorted(self.asked, write.done, side="left"))
        return float(self.done[place]) if place < len(self.done) else None


def look(data: bytes, block: int, block_size: int, run: bytes) -> Seen:
    """Say what one block's data is. `data` has `block_size` bytes; `run` is 16 bytes."""
    sectors, whole, zero = read_stamps(data, run)
    if zero.all():
        return Seen(block, None, "zeroes")
    if not whole.all():
        bad = int((~whole).sum())
        return Seen(block, None, "corrupt", f"{bad} of {len(whole)} sectors are no stamp of this run")
    home = block * block_size + SECTOR * np.arange(len(sectors), dtype=np.uint64)
    elsewhere = sectors["address"] != home
    sequences = [int(number) for number in np.unique(sectors["sequence"])]
    if elsewhere.any():
        stray = sectors[int(np.flatnonzero(elsewhere)[0])]
        where, sequence = int(stray["address"]), int(stray["sequence"])
        return Seen(block, sequence, "misdirected", f"a sector of address {where}", where // block_size)
    if len(sequences) > 1:
        return Seen(block, sequences[-1], "torn", f"sectors of the writes {', '.join(map(str, sequences))}")
    return Seen(block, sequences[0], "whole")


def classify(
    blocks: int, writes: Sequence[Write], flushes: Sequence[Flush], seen: Sequence[Seen], *, power_cut: bool,
    cut_at: float = float("inf"),
) -> Integrity:  # fmt: skip
    """Classify every block. `seen` has one or more reads of each block, in order; `writes` are in no order.

    With `power_cut` what was not flushed may be gone; without, everything acknowledged must be there. `cut_at` is when
    power was first cut, on the clock of the writes: what came later says nothing of the order before.
    """
    history: dict[int, list[Write]] = {}
    for write in sorted(writes, key=lambda write: write.sequence):
        history.setdefault(write.block, []).append(write)
    reads: dict[int, list[Seen]] = {}
    for one in seen:
        reads.setdefault(one.block, []).append(one)
    asked = np.array(sorted(flush.asked for flush in flushes))
    evidence = _Evidence(
        asked,
        _earliest_done(flushes, asked),
        _last_asked_of_what_is_there(history, reads, cut_at),
        {(one.home, one.sequence): one.block for one in seen if one.home is not None},
        power_cut,
    )
    counts = dict.fromkeys(CLASSES, 0)
    wrong: list[Wrong] = []
    for block in range(blocks):
        own = history.get(block, [])
        found, detail = _class_of(own, reads.get(block, []), evidence)
        counts[found] += 1
        if found != "right":
            acknowledged = [write.sequence for write in own if write.done is not None]
            last = reads[block][-1].sequence if block in reads else None
            wrong.append(Wrong(block, found, max(acknowledged, default=0), last, detail))
    acknowledged_writes = [write for write in writes if write.done is not None]
    flushed = sum(evidence.flush_done(write) is not None for write in acknowledged_writes)
    return Integrity(blocks, counts, tuple(wrong), len(writes), len(acknowledged_writes), flushed)


def _earliest_done(flushes: Sequence[Flush], asked: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give, for each time that a flush was asked for, when the first of that or a later one was done."""
    by_asked = sorted(flushes, key=lambda flush: flush.asked)
    done = np.array([flush.done for flush in by_asked], float)
    return np.minimum.accumulate(done[::-1])[::-1] if len(asked) else done


def _last_asked_of_what_is_there(history: dict[int, list[Write]], reads: dict[int, list[Seen]], before: float) -> float:
    """Give the latest time before `before` at which a write was asked for whose data is there."""
    latest = float("-inf")
    for block, own in history.items():
        there = {one.sequence for one in reads.get(block, []) if one.kind == "whole"}
        latest = max([latest, *(write.asked for write in own if write.sequence in there and write.asked < before)])
    return latest


def _class_of(own: list[Write], reads: list[Seen], evidence: _Evidence) -> tuple[BlockClass, str]:
    """Give the class of one block and what there is to say about it. `own` rises in sequence."""
    if not reads:
        return ("right", "") if not own else ("unreadable", "it was never read")
    allowed = _allowed(own, evidence)
    verdicts = [_reading(one, own, allowed) for one in reads]
    if all(verdict == "right" for verdict, _ in verdicts):
        return "right", ""
    first = next((verdict, detail) for verdict, detail in verdicts if verdict != "right")
    if first[0] in ("torn", "misdirected", "corrupt", "unreadable"):
        return first
    if verdicts[-1][0] == "right":
        return "stale", "read again, the newer write was there"
    gone = [write for write in own if write.done is not None and write.sequence > (reads[-1].sequence or 0)]
    if gone and (place := evidence.astray.get((gone[-1].block, gone[-1].sequence))) is not None:
        return "misdirected", f"its write {gone[-1].sequence} is in block {place}"
    covered = [write.done for write in gone if write.done is not None and evidence.flush_done(write) is not None]
    if not covered:
        return "lost_acknowledged", first[1]
    if evidence.power_cut and evidence.last_there > min(covered):
        return "out_of_order", first[1]
    return "lost_flushed", first[1]


def _allowed(own: list[Write], evidence: _Evidence) -> set[int]:
    """Give the sequence numbers that a block may hold; 0 stands for what was there before the first write."""
    safe = 0
    for write in own:
        if write.done is not None and (not evidence.power_cut or evidence.flush_done(write) is not None):
            safe = write.sequence
    return {safe} | {write.sequence for write in own if write.sequence > safe}


def _reading(one: Seen, own: list[Write], allowed: set[int]) -> tuple[BlockClass, str]:
    match one.kind:
        case "unreadable":
            return "unreadable", one.detail
        case "torn" | "misdirected":
            # A write that never came back may have been cut anywhere; what is torn then is the device's right only
            # where it claims no atomic unit, which is for the reader of the counts to say.
            return one.kind, one.detail
        case "corrupt":
            return "corrupt", one.detail
        case "zeroes":
            if 0 in allowed:
                return "right", ""
            # Zeroes are what is below everything that was written: what is there is older than the first write.
            return "lost_acknowledged", "zeroes"
    if one.sequence in allowed:
        return "right", ""
    if one.sequence not in {write.sequence for write in own}:
        return "corrupt", f"a write {one.sequence} that this block never had"
    return "lost_acknowledged", f"write {one.sequence} is there"
