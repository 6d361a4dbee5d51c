"""A device model in a file that front ends in other processes map: the Python side of `native/shared.h`."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import MeasurementError
from .native_library import READ, CounterInfo, configured, counters_at, library

BINS = 29 * 64
OPERATIONS = ("read", "write", "trim", "flush")
_WAIT, _FLOOR = 0, 1


class _Statistics(ctypes.Structure):
    _fields_ = (
        ("count", ctypes.c_uint64),
        ("late", ctypes.c_uint64),
        ("latency_sum", ctypes.c_uint64),
        ("latency_max", ctypes.c_uint64),
        ("error_sum", ctypes.c_uint64),
        ("error_max", ctypes.c_uint64),
        ("latency", ctypes.c_uint64 * BINS),
        ("error", ctypes.c_uint64 * BINS),
    )


class Timed(msgspec.Struct, frozen=True, eq=False):
    """What was timed of one operation since the last reset, in ns."""

    ios: int
    late: int
    """Answers that came later than the model says by more than 2 us and more than 5 %."""
    latency: NDArray[np.int64]
    """Latencies in the model's time: counts by fio's bins, shape (1856,)."""
    latency_sum: int
    latency_max: int
    error: NDArray[np.int64]
    """By how much answers came later than the model says: counts by fio's bins, shape (1856,)."""


class SharedModel:
    """A model in a file, fresh out of the box, for as long as it is open."""

    def __init__(self, path: Path, kind: str, parameters: Mapping[str, float]) -> None:
        """Make the file. Raises `InputError` as `Model` does, `MeasurementError` where there is no room for it."""
        self.path = path
        with configured(kind, parameters) as handle:
            size = int(library().sb_shared_size(handle))
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
                self._memory: mmap.mmap | None = mmap.mmap(descriptor, size)
            except OSError as error:
                raise MeasurementError(
                    f"no room for the {size:,} bytes of the device's state in {path.parent}: {error.strerror}"
                ) from None
            finally:
                os.close(descriptor)
            view = ctypes.c_char.from_buffer(self._memory)
            self._address = ctypes.addressof(view)
            del view
            library().sb_shared_init(self._address, handle)

    def counters(self) -> dict[str, CounterInfo]:
        """Give what the device has counted since it was made."""
        return counters_at(library().sb_shared_device(self._address))

    def reset(self) -> None:
        """Purge it: everything is trimmed, wear stays. Only while nothing is under way."""
        with self._locked() as device:
            library().sb_reset(device)

    def read(self, offset: int, length: int) -> None:
        """Let the device read something at its own time, without waiting for it. Only while nothing is under way."""
        native, address = library(), self._address
        with self._locked() as device:
            done = int(native.sb_submit(device, READ, offset, length, native.sb_shared_time(address)))
        # Idle from here on, so that the next to come does not wait for it either.
        native.sb_shared_set_time(address, done)

    @contextmanager
    def _locked(self) -> Iterator[int]:
        native = library()
        native.sb_shared_lock(self._address)
        try:
            yield native.sb_shared_device(self._address)
        finally:
            native.sb_shared_unlock(self._address)

    def wait(self, *, model: bool) -> None:
        """Choose whether answers wait for the model's time; without, the emulator's own time shows.

        What was submitted without waiting keeps the model busy for longer than it took, so that its clock is put to
        the moment when it is idle again. Only while nothing is under way.
        """
        native, address = library(), self._address
        if model:
            native.sb_shared_set_time(address, native.sb_shared_time(address))
        native.sb_shared_set_mode(address, _WAIT if model else _FLOOR)

    def statistics(self) -> dict[str, Timed]:
        """Give what was timed since the last reset, by `read`, `write`, `trim` and `flush`."""
        found = _Statistics()
        timed = {}
        for number, name in enumerate(OPERATIONS):
            library().sb_shared_statistics(self._address, number, ctypes.byref(found))
            timed[name] = Timed(
                found.count,
                found.late,
                np.array(found.latency, np.int64),
                found.latency_sum,
                found.latency_max,
                np.array(found.error, np.int64),
            )
        return timed

    def reset_statistics(self) -> None:
        """Begin to count anew; while nothing is under way."""
        library().sb_shared_statistics_reset(self._address)

    @property
    def deaths(self) -> int:
        """How often a process was killed inside the model."""
        return int(library().sb_shared_deaths(self._address))

    def close(self) -> None:
        """Let the file go; it is removed by whoever chose its place."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
