"""One check: fill, load with faults, heal, read back, classify."""

from __future__ import annotations

import errno
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ...common.errors import MeasurementError
from ...devices.base import Facts, Target
from ...results.integrity import Integrity, Seen, classify, look
from ...workloads.steps import FaultEvent, Writing
from ..fault_watch import Failure, FaultWatch, failure_facts
from .ack_log import AckLog
from .channel import Channel, OpenChannel, channel_of
from .writers import Writers, wait_for

_CONNECT_S = 15.0
"""How long a target may take to be reachable again for the reading."""
_STALL_S = 60.0
"""How long the last writes may take to come back after the load's end."""
_AGAIN = 2
"""How often a block that is not right is read once more: what is only now and then wrong is stale, not lost."""
_AGAIN_AFTER_S = 0.05
_READ_BYTES = 1 << 20

Act = Callable[[FaultEvent], Facts]
"""Carries out an event on the device."""


class Checked(msgspec.Struct, frozen=True):
    """What a check came to."""

    integrity: Integrity
    facts: Facts


def check(
    target: Target, writing: Writing, events: Sequence[FaultEvent], before_reading: Sequence[FaultEvent],
    act: Act, folder: Path, run: bytes, stopping: threading.Event,
) -> Checked:  # fmt: skip
    """Write, break, heal, read back. `run` is 16 bytes; `folder` keeps the log of what was acknowledged.

    Raises `InputError` for a target that cannot be reached, `MeasurementError` where filling or reading is impossible.
    """
    span = writing.span or target.size
    blocks = span // writing.block_size
    open_channel = channel_of(target)
    log = AckLog(folder / "acknowledged.bin")
    writers = Writers(run, blocks, writing, open_channel, log)
    writers.stopping = stopping
    watch = FaultWatch(act, writers.now)
    facts: Facts = {}
    try:
        if writing.prefill:
            try:
                writers.prefill()
            except OSError as error:
                raise MeasurementError(f"the target refused to be filled: {error.strerror}") from None
        threads = writers.start()
        watch.carry_out_all(events, stopping, facts)
        if not wait_for(threads, writing.duration + _STALL_S):
            facts["writers_stuck"] = sum(thread.is_alive() for thread in threads)
            stopping.set()
    finally:
        log.close()
    if writers.trouble:
        raise writers.trouble[0]
    for event in before_reading:
        facts |= watch.carry_out(event)
    power_cut, cut_at = watch.power_cut_at < math.inf, watch.power_cut_at
    reading = _Reading(open_channel, writing.block_size, run, writers)
    integrity = reading.of(
        blocks, lambda seen: classify(blocks, log.writes, log.flushes, seen, power_cut=power_cut, cut_at=cut_at)
    )
    facts |= _facts_of(integrity, log, writers.load_began) | failure_facts(writers.failures, watch)
    return Checked(integrity, facts)


class _Reading:
    """Reads everything back; what fails is kept with the failures of the writers."""

    def __init__(self, open_channel: OpenChannel, size: int, run: bytes, writers: Writers) -> None:
        self._open, self._size, self._run, self._writers = open_channel, size, run, writers

    def of(self, blocks: int, judge: Callable[[Sequence[Seen]], Integrity]) -> Integrity:
        """Read every block, and those that are not right again; give what all reads come to."""
        channel = _reachable(self._open)
        seen: list[Seen] = []
        try:
            at_once = max(1, _READ_BYTES // self._size)
            for first in range(0, blocks, at_once):
                seen += self._some(channel, range(first, min(first + at_once, blocks)))
            integrity = judge(seen)
            for _ in range(_AGAIN):
                if not integrity.wrong:
                    break
                time.sleep(_AGAIN_AFTER_S)
                for one in integrity.wrong:
                    seen += self._some(channel, range(one.block, one.block + 1))
                integrity = judge(seen)
        finally:
            channel.close()
        return integrity

    def _some(self, channel: Channel, blocks: range) -> list[Seen]:
        """Read neighbours at once, or one by one where that fails."""
        size, asked = self._size, self._writers.now()
        try:
            data = channel.read(blocks.start * size, len(blocks) * size)
        except OSError as error:
            number, failed = error.errno or errno.ETIMEDOUT, self._writers.now()
            failure = Failure("read", number, asked, failed, blocks.start * size, len(blocks) * size)
            self._writers.failures.append(failure)
            if len(blocks) == 1:
                return [Seen(blocks.start, None, "unreadable", error.strerror or str(error))]
            return [one for block in blocks for one in self._some(channel, range(block, block + 1))]
        return [look(data[n * size : (n + 1) * size], block, size, self._run) for n, block in enumerate(blocks)]


def _reachable(open_channel: OpenChannel) -> Channel:
    deadline = time.monotonic() + _CONNECT_S
    while True:
        try:
            return open_channel()
        except OSError as error:
            if time.monotonic() > deadline:
                raise MeasurementError(f"the target could not be reached for reading back: {error}") from None
            time.sleep(_AGAIN_AFTER_S)


def _facts_of(integrity: Integrity, log: AckLog, load_began: float) -> Facts:
    facts: Facts = {f"blocks_{name}": count for name, count in integrity.counts.items()}
    facts |= {
        "blocks": integrity.blocks,
        "blocks_wrong_bound": integrity.bound,
        "writes": integrity.writes,
        "writes_acknowledged": integrity.acknowledged,
        "writes_flushed": integrity.flushed,
        "flushes": len(log.flushes),
        "flush_errors": len(log.flush_errors),
    }
    errors = Counter(write.errno for write in log.writes if write.errno)
    facts |= {f"write_errors_{number}": count for number, count in sorted(errors.items())}
    took = [write.done - write.asked for write in log.writes if write.done is not None and write.asked >= load_began]
    facts["longest_write_s"] = max(took, default=0.0)
    for number, one in enumerate(integrity.wrong[:8], 1):
        facts[f"wrong{number}"] = f"block {one.block}: {one.found}, {one.detail}".rstrip(", ")
    return facts
