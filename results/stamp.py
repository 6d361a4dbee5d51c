"""Blocks that say themselves what they are, sector by sector, so that whatever comes back can be told apart.

Each sector of 512 bytes carries, little-endian:

| bytes | what |
|---|---|
| 0–7 | magic |
| 8–23 | id of the run |
| 24–31 | address of the sector, bytes from the start of the target |
| 32–39 | sequence number of the write, unique in the run and rising for each block |
| 40–43 | writer |
| 44–45, 46–47 | place of the sector in its block, sectors in the block |
| 48–507 | filler that looks random, other for each write and sector: nothing to compress or to deduplicate |
| 508–511 | CRC-32 of all before |

A block whose sectors are whole but of different writes was torn; one with another's address was misdirected; one that
is whole, at home and old is stale or lost; everything else is corrupt.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

SECTOR = 512
MAGIC = b"storblk1"

HEADER = np.dtype(
    [("magic", "S8"), ("run", "S16"), ("address", "<u8"), ("sequence", "<u8"), ("writer", "<u4"), ("place", "<u2"),
     ("sectors", "<u2"), ("filler", "V460"), ("crc", "<u4")]
)  # fmt: skip
"""Of one sector. numpy's `S` cuts zero bytes at the end, so compare bytes with `magic_and_run`."""

_FILLER_AT, _CRC_AT = 48, 508

assert HEADER.itemsize == SECTOR


def stamped_block(run: bytes, offset: int, block_size: int, writer: int, sequence: int) -> bytes:
    """Make the block at `offset` (bytes) of `block_size` bytes, a multiple of 512. `run` is 16 bytes."""
    count = block_size // SECTOR
    sectors = np.zeros(count, HEADER)
    sectors["magic"] = MAGIC
    sectors["run"] = run
    sectors["address"] = offset + SECTOR * np.arange(count, dtype=np.uint64)
    sectors["sequence"] = sequence
    sectors["writer"] = writer
    sectors["place"] = np.arange(count)
    sectors["sectors"] = count
    rows = sectors.view(np.uint8).reshape(count, SECTOR)
    # Seeded by what the block is: the same write is the same bytes, and nothing has to be kept to compare with.
    filler = np.random.Generator(np.random.SFC64([sequence, offset // SECTOR, writer]))
    rows[:, _FILLER_AT:_CRC_AT] = np.frombuffer(filler.bytes(count * (_CRC_AT - _FILLER_AT)), np.uint8).reshape(
        count, -1
    )
    data = rows.tobytes()
    checks = [zlib.crc32(data[start : start + _CRC_AT]) for start in range(0, len(data), SECTOR)]
    rows[:, _CRC_AT:] = np.array(checks, "<u4").view(np.uint8).reshape(count, 4)
    return rows.tobytes()


def read_stamps(data: bytes, run: bytes) -> tuple[NDArray[np.void], NDArray[np.bool_], NDArray[np.bool_]]:
    """Look at `data`, whole sectors.

    Gives the headers, shape (sectors,); whether each is a whole stamp of this run; whether each is nothing but zeroes.
    """
    sectors = np.frombuffer(data, HEADER)
    rows = np.frombuffer(data, np.uint8).reshape(-1, SECTOR)
    known = (rows[:, :24] == np.frombuffer(MAGIC + run, np.uint8)).all(axis=1)
    whole = known.copy()
    view = memoryview(data)
    for number in np.flatnonzero(known):
        start = int(number) * SECTOR
        whole[number] = zlib.crc32(view[start : start + _CRC_AT]) == sectors["crc"][number]
    zero: NDArray[np.bool_] = np.logical_not(rows.any(axis=1))
    return sectors, whole, zero
