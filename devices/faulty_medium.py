"""Faults of a medium at rest: what happens to a server's image without the server's knowledge."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from ..common import processes
from ..common.errors import InputError

_SECTOR = 512
_TRIES = 64
"""How often another block is drawn where one was never written, before one is looked for."""
_STOP_S = 2.0


class Flip(msgspec.Struct, frozen=True):
    """One bit that was turned over."""

    at: int
    """Of its byte, from the start of the image."""
    mask: int
    after: bytes
    """The sector with it, so that one which was written again since is known."""


@contextmanager
def frozen(process: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """Keep a server from touching its image: it is stopped, and none of its threads is inside a write any more."""
    if process is None or process.poll() is not None:
        yield
        return
    stopped = _stopped(process.pid)
    processes.signal_group(process, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + _STOP_S
        while not _stopped(process.pid) and time.monotonic() < deadline:
            time.sleep(0.0005)
        yield
    finally:
        if not stopped:
            processes.signal_group(process, signal.SIGCONT)


def flip_bits(image: Path, count: int, block_size: int, seed: int, region: tuple[int, int]) -> list[Flip]:
    """Turn one bit over in each of `count` blocks of a region (offset, length), if it can be in written ones.

    Raises `InputError` where there are not so many blocks, `OSError` from the image.
    """
    first, last = -(-region[0] // block_size), (region[0] + region[1]) // block_size
    if count > last - first:
        raise InputError(f"{count} blocks of {block_size} bytes cannot be damaged: there are {max(0, last - first)}")
    chance = random.Random(seed)  # noqa: S311 - which blocks, not a secret
    flips: list[Flip] = []
    descriptor = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        chosen: set[int] = set()
        while len(chosen) < count:
            chosen.add(_draw(chance, descriptor, range(first, last), block_size, chosen))
        for block in sorted(chosen):
            at = block * block_size + chance.randrange(block_size)
            mask = 1 << chance.randrange(8)
            flips.append(_flip(descriptor, at, mask))
    finally:
        os.close(descriptor)
    return flips


def flip_back(image: Path, flips: Sequence[Flip]) -> int:
    """Turn the bits back in the sectors that nobody has written since; give how many. Raises `OSError`."""
    undone = 0
    descriptor = os.open(image, os.O_RDWR | os.O_CLOEXEC)
    try:
        for flip in flips:
            start = flip.at // _SECTOR * _SECTOR
            if os.pread(descriptor, _SECTOR, start) == flip.after:
                os.pwrite(descriptor, bytes([flip.after[flip.at - start] ^ flip.mask]), flip.at)
                undone += 1
    finally:
        os.close(descriptor)
    return undone


def _draw(chance: random.Random, descriptor: int, blocks: range, size: int, taken: set[int]) -> int:
    """Draw a block that was written and is not taken; in an image that holds next to nothing, the next such one."""
    block = blocks.start
    for _ in range(_TRIES):
        block = chance.choice(blocks)
        if block not in taken and _next_written(descriptor, block * size) == block * size:
            return block
    for start in (block, blocks.start):
        found = _next_written(descriptor, start * size) // size
        while found in taken and _next_written(descriptor, (found + 1) * size) == (found + 1) * size:
            found += 1
        if found in blocks and found not in taken:
            return found
    return block


def _next_written(descriptor: int, offset: int) -> int:
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError:  # nothing more
        return -1


def _flip(descriptor: int, at: int, mask: int) -> Flip:
    start = at // _SECTOR * _SECTOR
    sector = bytearray(os.pread(descriptor, _SECTOR, start))
    sector[at - start] ^= mask
    os.pwrite(descriptor, sector[at - start : at - start + 1], at)
    return Flip(at, mask, bytes(sector))


def _stopped(pid: int) -> bool:
    """Say whether every thread of a process is stopped."""
    for status in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it ended meanwhile
            if status.read_text().rpartition(")")[2].split()[0] not in "TtZX":
                return False
    return True
