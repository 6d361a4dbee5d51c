"""The control block of a faulty server: the Python side of `native/faulty.h`."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import time
from pathlib import Path

import msgspec

KINDS = (
    "slow",
    "error",
    "wrong-errno",
    "unconfined-error",
    "read-only",
    "no-space",
    "misdirected-write",
    "lost-write",
    "torn-write",
    "stale-read",
    "lying-flush",
    "reordered-flush",
)
"""The kinds of fault that the server makes by itself, in the order of their rules in the block."""
OPERATIONS = ("read", "write", "flush", "trim")
MODES = ("constant", "intermittent", "growing")

_MAGIC, _VERSION = b"sbfault1", 1
_HEAD = struct.Struct("@8sIIQQ")
_MEDIUM_AT, _UNSETTLED_AT, _REQUESTS_AT, _FAILED_AT, _RULES_AT = 24, 32, 48, 80, 128
_RULE = struct.Struct("@4IiI8Q")
_INJECTED = 88
_RULE_BYTES = 128
_NO_LIMIT = 2**64 - 1
_WORD, _LONG = struct.Struct("@I"), struct.Struct("@Q")


class Rule(msgspec.Struct, frozen=True):
    """One fault of the data plane: which requests it hits, and how. Times in s, sizes in bytes."""

    operations: frozenset[str]
    offset: int = 0
    length: int = 0
    """0 for everywhere; of a region a request is hit that touches it, a flush never."""
    share: float = 1.0
    """Of the requests, by a generator of its own."""
    count: int = 0
    """Requests that it hits at most; 0 for no limit."""
    seed: int = 1
    errno: int = 0
    mode: str = "constant"
    delay: float = 0.0
    period: float = 1.0


class ControlBlock:
    """A block in a file, read by the server at each request. It outlives servers that are killed."""

    def __init__(self, path: Path, capacity: int) -> None:
        """Make the file, with no fault in it."""
        size = _RULES_AT + _RULE_BYTES * len(KINDS)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, size)
            self._memory = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
        self._lock = threading.Lock()
        _HEAD.pack_into(self._memory, 0, _MAGIC, _VERSION, len(KINDS), capacity, capacity)

    def switch_on(self, kind: str, rule: Rule) -> None:
        """Let the server follow a rule from the next request on; what the kind had before is replaced."""
        self.switch_off(kind)
        at = self._at(kind)
        generation = (_WORD.unpack_from(self._memory, at + 4)[0] + 1) % 2**32
        with self._lock:
            _RULE.pack_into(
                self._memory, at, 0, generation,
                sum(1 << OPERATIONS.index(name) for name in rule.operations),
                MODES.index(rule.mode), rule.errno, 0, rule.offset, rule.length,
                round(rule.share * 2**32), rule.count or _NO_LIMIT, rule.seed % 2**64,
                round(rule.delay * 1e9), round(rule.period * 1e9), time.monotonic_ns(),
            )  # fmt: skip
            _LONG.pack_into(self._memory, at + _INJECTED, 0)
        # Letting go of the lock and taking it again keeps the processor from showing the switch before the rule.
        with self._lock:
            _WORD.pack_into(self._memory, at, 1)

    def switch_off(self, kind: str) -> bool:
        """End a rule; say whether it was on."""
        at = self._at(kind)
        with self._lock:
            was_on = bool(_WORD.unpack_from(self._memory, at)[0])
            _WORD.pack_into(self._memory, at, 0)
        return was_on

    def is_on(self, kind: str) -> bool:
        """Say whether a rule is on."""
        return bool(_WORD.unpack_from(self._memory, self._at(kind))[0])

    def injected(self, kind: str) -> int:
        """Give how many requests the kind has hit since it was last switched on."""
        return int(_LONG.unpack_from(self._memory, self._at(kind) + _INJECTED)[0])

    def requests(self) -> dict[str, int]:
        """Give the requests that came, by operation."""
        return dict(zip(OPERATIONS, struct.unpack_from("@4Q", self._memory, _REQUESTS_AT), strict=True))

    def failed(self) -> dict[str, int]:
        """Give the requests that were answered with an error, by operation."""
        return dict(zip(OPERATIONS, struct.unpack_from("@4Q", self._memory, _FAILED_AT), strict=True))

    def unsettled(self) -> int:
        """Give the bytes that lie in the volatile cache alone."""
        return int(_LONG.unpack_from(self._memory, _UNSETTLED_AT)[0])

    def set_medium(self, size: int) -> None:
        """Say how many bytes the medium has now; what lies behind them fails."""
        _LONG.pack_into(self._memory, _MEDIUM_AT, size)

    def close(self) -> None:
        """Let go of the memory; the file stays."""
        self._memory.close()

    def _at(self, kind: str) -> int:
        return _RULES_AT + _RULE_BYTES * KINDS.index(kind)
