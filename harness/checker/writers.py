"""The checker's load: writers, each on blocks of its own, each with a channel of its own, open loop.

Open loop: the times at which writes are due do not wait for the device, so a stall is seen as the delay that a user
would have seen. A writer whose connection breaks opens another one until it succeeds or its time is over.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from ...results.integrity import Write
from ...results.stamp import stamped_block
from ...workloads.steps import Writing
from ..fault_watch import BROKEN, Failure
from .ack_log import AckLog
from .channel import Channel, OpenChannel

_RETRY_S = 0.02
_PREFILL_FLUSH_EVERY = 4096


class Sequencer:
    """Gives every write of a check a number of its own, rising."""

    def __init__(self) -> None:
        self._next = 1
        self._lock = threading.Lock()

    def take(self) -> int:
        """Give the next number."""
        with self._lock:
            number, self._next = self._next, self._next + 1
            return number


class Writers:
    """All writers of a check. Times are seconds on the monotonic clock since this was made."""

    def __init__(self, run: bytes, blocks: int, writing: Writing, open_channel: OpenChannel, log: AckLog) -> None:
        self._run = run
        self._blocks = blocks
        self._writing = writing
        self._open = open_channel
        self._log = log
        self._sequencer = Sequencer()
        self._began = time.monotonic()
        self.load_began = 0.0
        """When the load began, on the clock of all times here."""
        self.stopping = threading.Event()
        """Set to end the load early."""
        self.failures: list[Failure] = []
        """Every request that failed, of the reading as well."""
        self.trouble: list[BaseException] = []
        """What ended a writer and should not have."""

    def prefill(self) -> None:
        """Write every block once, in order, and flush. Raises `OSError` where the target refuses."""
        channel = self._open()
        try:
            for block in range(self._blocks):
                self._write(channel, 0, block, raising=True)
                if block % _PREFILL_FLUSH_EVERY == _PREFILL_FLUSH_EVERY - 1:
                    self._flush(channel)
            self._flush(channel)
        finally:
            channel.close()

    def start(self) -> list[threading.Thread]:
        """Start the load; join the threads to wait for its end."""
        self.load_began = self.now()
        threads = [
            threading.Thread(target=self._guarded, args=(number,), name=f"writer {number}", daemon=True)
            for number in range(min(self._writing.writers, self._blocks))
        ]
        for thread in threads:
            thread.start()
        return threads

    def _guarded(self, number: int) -> None:
        try:
            self._work(number)
        except BaseException as error:  # noqa: BLE001 - a thread has nobody to raise to; the check raises it
            self.trouble.append(error)

    def _work(self, number: int) -> None:
        writing = self._writing
        own = range(number, self._blocks, writing.writers)
        dice = np.random.default_rng([writing.seed, number])
        each = None if writing.rate_iops is None else writing.rate_iops / writing.writers
        begin = due = time.monotonic()
        since_flush = 0
        channel: Channel | None = None
        try:
            while not self.stopping.is_set() and time.monotonic() < begin + writing.duration:
                if channel is None and (channel := self._connected()) is None:
                    continue
                if each is not None:
                    due += float(dice.exponential(1 / each))
                    if self.stopping.wait(max(0.0, min(due, begin + writing.duration) - time.monotonic())):
                        break
                block = own[int(dice.integers(len(own)))]
                intact = self._write(channel, number, block)
                since_flush += 1
                if intact and writing.flush_every and since_flush >= writing.flush_every:
                    intact, since_flush = self._flush(channel), 0
                if not intact:
                    channel.close()
                    channel = None
        finally:
            if channel is not None:
                channel.close()

    def _connected(self) -> Channel | None:
        with suppress(OSError):
            return self._open()
        self.stopping.wait(_RETRY_S)
        return None

    def now(self) -> float:
        """Give the time on the clock of all times here."""
        return time.monotonic() - self._began

    def _write(self, channel: Channel, writer: int, block: int, *, raising: bool = False) -> bool:
        """Write a block and keep what came of it; False where the channel is broken."""
        sequence, size = self._sequencer.take(), self._writing.block_size
        data = stamped_block(self._run, block * size, size, writer, sequence)
        asked = self.now()
        try:
            channel.write(block * size, data)
        except OSError as error:
            number = error.errno or errno.ETIMEDOUT
            self.failures.append(Failure("write", number, asked, self.now(), block * size, size))
            self._log.write(Write(block, sequence, asked, None, number))
            if raising:
                raise
            return number not in BROKEN
        self._log.write(Write(block, sequence, asked, self.now()))
        return True

    def _flush(self, channel: Channel) -> bool:
        asked = self.now()
        try:
            channel.flush()
        except OSError as error:
            number = error.errno or errno.ETIMEDOUT
            failed = self.now()
            self.failures.append(Failure("flush", number, asked, failed))
            self._log.flush(asked, failed, number)
            return number not in BROKEN
        self._log.flush(asked, self.now())
        return True


def wait_for(threads: Sequence[threading.Thread], seconds: float) -> bool:
    """Wait for threads; False where one is still under way after `seconds`."""
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)
