"""Every single I/O of a step: columns in memory, chunked datasets in the run file.

The chunks are shuffled and compressed here, on all cores, and handed to HDF5 as they are: its own filters, which any
reader has, run on one core and under one lock. A chunk that holds nothing but zeros is not stored at all; HDF5 reads
its fill value.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

DIMENSION = "io"

_CHUNK = 1 << 16
"""Rows in a chunk."""

_AHEAD = 4
"""How many chunks of each column may wait to be put into the file."""

_LEVEL = 1
"""Of gzip. What is left after the shuffle is noise in some bytes and runs in the others: more effort saves nothing."""

NOT_A_VARIABLE = "This is a netCDF dimension but not a netCDF variable.%10d"
"""How netCDF-4 names a dimension that has a length and no values of its own."""

_COLUMNS: dict[str, tuple[str, str, str]] = {
    "time_ms": ("<i8", "ms", "completion, from the start of the measured load"),
    "latency_ns": ("<i8", "ns", "completion latency"),
    "direction": ("|u1", "1", "direction of the I/O"),
    "block_size": ("<i8", "B", "size of the I/O"),
    "offset": ("<i8", "B", "place of the I/O on the target"),
    "priority": ("<u2", "1", "I/O priority: class in the upper 3 bits, data in the lower 13"),
    "job": ("<i4", "1", "number of the client, from 0"),
}
"""Column to type, unit and long name."""

DIRECTIONS = ("read", "write", "trim")
"""What the codes in the column `direction` mean, from 0."""

Columns = dict[str, NDArray[np.generic]]


class IoLog(msgspec.Struct, frozen=True, eq=False):
    """Columns of equal length, one row per I/O, in the order in which the engine logged them."""

    time_ms: NDArray[np.int64]
    """Completion, milliseconds from the start of the measured load."""
    latency_ns: NDArray[np.int64]
    direction: NDArray[np.uint8]
    """Index in `DIRECTIONS`: 0 read, 1 write, 2 trim."""
    block_size: NDArray[np.int64]
    """Bytes."""
    offset: NDArray[np.int64]
    """Bytes from the start of the target."""
    priority: NDArray[np.uint16]
    """As Linux has it: class in the upper 3 bits, data in the lower 13; 0 where none was set."""
    job: NDArray[np.int32]
    """Which of the step's clients, from 0."""
    dropped_lines: int = 0
    """Lines at the end that were cut off and are not in the columns."""

    def __len__(self) -> int:
        return len(self.time_ms)


def write_io_log(group: h5py.Group, logs: Iterable[IoLog]) -> None:
    """Write logs one after another into datasets of `group`, never more than one log in memory."""
    group.attrs["long_name"] = "every single I/O, client by client"
    dropped = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        appender = _Appender(group, pool)
        for log in logs:
            appender.append(log)
            dropped += log.dropped_lines
            del log  # Before the next one is made.
        appender.finish()
    group.attrs["dropped_lines"] = dropped


def read_io_log(group: h5py.Group) -> IoLog:
    """Give all I/Os that `write_io_log` wrote, client after client."""
    return IoLog(**{name: group[name][()] for name in _COLUMNS}, dropped_lines=int(group.attrs["dropped_lines"]))


class _Appender:
    """Cuts what is appended into chunks, has them packed by the pool and puts them into the file in their order."""

    def __init__(self, group: h5py.Group, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._scale = group.create_dataset(DIMENSION, (0,), ">f4", maxshape=(None,), chunks=(_CHUNK,))
        self._data = {name: _create(group, name, self._scale) for name in _COLUMNS}
        self._rest: Columns = {name: np.empty(0, kind) for name, (kind, _, _) in _COLUMNS.items()}
        self._rows = 0
        self._waiting: deque[tuple[h5py.Dataset, int, Future[bytes]]] = deque()

    def append(self, log: IoLog) -> None:
        """Take all rows of a log; those that fill no chunk wait for the next one."""
        columns: Columns = {name: getattr(log, name) for name in _COLUMNS}
        start = 0
        held = len(self._rest["job"])
        if held:
            start = min(_CHUNK - held, len(log))
            self._rest = {name: np.concatenate((part, columns[name][:start])) for name, part in self._rest.items()}
            if held + start < _CHUNK:
                return
            self._submit(self._rest)
        while len(log) - start >= _CHUNK:
            self._submit({name: column[start : start + _CHUNK] for name, column in columns.items()})
            start += _CHUNK
        self._rest = {name: column[start:].copy() for name, column in columns.items()}

    def finish(self) -> None:
        """Write the last chunk, name the dimension."""
        if len(self._rest["job"]):
            self._submit(self._rest)
        self._put(0)
        self._scale.resize((self._rows,))
        self._scale.make_scale(NOT_A_VARIABLE % self._rows)

    def _submit(self, block: Columns) -> None:
        start = self._rows
        self._rows += len(block["job"])
        for name, part in block.items():
            self._data[name].resize((self._rows,))
            self._waiting.append((self._data[name], start, self._pool.submit(_packed, part)))
        self._put(_AHEAD * len(block))

    def _put(self, but: int) -> None:
        """Put packed chunks into the file, all but the last so many."""
        while len(self._waiting) > but:
            data, start, packed = self._waiting.popleft()
            chunk = packed.result()
            if chunk:
                data.id.write_direct_chunk((start,), chunk)


def _create(group: h5py.Group, name: str, scale: h5py.Dataset) -> h5py.Dataset:
    kind, unit, long_name = _COLUMNS[name]
    data = group.create_dataset(
        name, (0,), kind, maxshape=(None,), chunks=(_CHUNK,), compression="gzip", compression_opts=_LEVEL, shuffle=True
    )
    data.dims[0].attach_scale(scale)
    data.attrs["units"], data.attrs["long_name"] = unit, long_name
    if name == "direction":
        data.attrs["flag_values"] = np.arange(len(DIRECTIONS), dtype=np.uint8)
        data.attrs["flag_meanings"] = " ".join(DIRECTIONS)
    return data


def _packed(part: NDArray[np.generic]) -> bytes:
    """Give a chunk as HDF5's shuffle and gzip filters would, empty for one of zeros only."""
    if not part.any():
        return b""
    width = part.dtype.itemsize
    planes = np.zeros((width, _CHUNK), np.uint8)
    planes[:, : len(part)] = np.ascontiguousarray(part).view(np.uint8).reshape(-1, width).T
    return zlib.compress(planes.data, _LEVEL)
