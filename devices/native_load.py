"""A load on a model in virtual time: the Python side of `native/load.h`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError, MeasurementError
from .native_library import FOREVER, Model, library

BINS = 29 * 64
_SIZES, _ZONES = 64, 256

Distribution = Literal["uniform", "zipf", "pareto", "normal", "zoned"]
_DISTRIBUTIONS: tuple[Distribution, ...] = ("uniform", "zipf", "pareto", "normal", "zoned")

Pause = Literal["ended", "reached", "interrupted"]
"""All clients have ended; nothing is left before the time that was given; the events are used up."""
_PAUSES: tuple[Pause, ...] = ("ended", "reached", "interrupted")


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """One client of a load. Times in ns from its start, sizes in bytes."""

    seed: int
    span: int
    sizes: tuple[tuple[int, float], ...]
    """Block sizes and their shares, which add up to 1."""
    offset: int = 0
    queue_depth: int = 1
    sequential: bool = False
    read_percent: int = 100
    fsync_every: int = 0
    rate_iops: float = 0.0
    """0: as fast as completions allow."""
    poisson: bool = False
    distribution: Distribution = "uniform"
    shape: float = 0.0
    """Theta of zipf, h of pareto, deviation of normal in percent."""
    zones: tuple[tuple[float, float], ...] = ()
    """Of a zoned distribution: share of the accesses and of the span."""
    trim: bool = False
    """What would be written is trimmed."""
    sequential_percent: int = 0
    """Of random I/Os, those that follow the one before."""
    think_time: int = 0
    think_every: int = 0
    """I/Os after which it pauses; 0 for never."""
    bytes: int = 0
    ramp: int = 0
    duration: int = 0
    """0: it ends after `bytes`."""


class _Client(ctypes.Structure):
    _fields_ = (
        ("seed", ctypes.c_uint64),
        ("offset", ctypes.c_uint64),
        ("span", ctypes.c_uint64),
        ("queue_depth", ctypes.c_uint32),
        ("sequential", ctypes.c_uint32),
        ("read_percent", ctypes.c_uint32),
        ("fsync_every", ctypes.c_uint32),
        ("rate_iops", ctypes.c_double),
        ("arrival", ctypes.c_uint32),
        ("distribution", ctypes.c_uint32),
        ("shape", ctypes.c_double),
        ("bytes", ctypes.c_uint64),
        ("ramp", ctypes.c_uint64),
        ("duration", ctypes.c_uint64),
        ("sizes", ctypes.c_uint32),
        ("zones", ctypes.c_uint32),
        ("size", ctypes.c_uint64 * _SIZES),
        ("size_share", ctypes.c_double * _SIZES),
        ("zone_share", ctypes.c_double * _ZONES),
        ("zone_end", ctypes.c_double * _ZONES),
        ("trim", ctypes.c_uint32),
        ("sequential_percent", ctypes.c_uint32),
        ("think_time", ctypes.c_uint64),
        ("think_every", ctypes.c_uint64),
    )


class Timed(ctypes.Structure):
    """Operations of one kind that were timed, in ns; bins as fio's."""

    _fields_ = (
        ("ios", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("least", ctypes.c_uint64),
        ("most", ctypes.c_uint64),
        ("sum", ctypes.c_uint64),
        ("square", ctypes.c_double),
        ("histogram", ctypes.c_uint64 * BINS),
    )


class Totals(ctypes.Structure):
    """What was measured of one client since its ramp ended; index 0 reads, 1 writes. All in ns, bins as fio's."""

    _fields_ = (
        ("ios", ctypes.c_uint64 * 2),
        ("bytes", ctypes.c_uint64 * 2),
        ("least", ctypes.c_uint64 * 2),
        ("most", ctypes.c_uint64 * 2),
        ("sum", ctypes.c_uint64 * 2),
        ("square", ctypes.c_double * 2),
        ("histogram", (ctypes.c_uint64 * BINS) * 2),
        ("syncs", ctypes.c_uint64),
        ("sync_least", ctypes.c_uint64),
        ("sync_most", ctypes.c_uint64),
        ("sync_sum", ctypes.c_uint64),
        ("sync_square", ctypes.c_double),
        ("sync_histogram", ctypes.c_uint64 * BINS),
        ("first", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
        ("issued_bytes", ctypes.c_uint64),
        ("trim", Timed),
    )

    def bins(self, direction: int) -> NDArray[np.int64]:
        """Give a copy of the latency histogram of reads (0) or writes (1), shape (1856,)."""
        return np.array(self.histogram[direction], np.int64)

    def trim_bins(self) -> NDArray[np.int64]:
        """Give a copy of the histogram of the trims, shape (1856,)."""
        return np.array(self.trim.histogram, np.int64)

    def sync_bins(self) -> NDArray[np.int64]:
        """Give a copy of the histogram of the flushes, shape (1856,)."""
        return np.array(self.sync_histogram, np.int64)


class Load:
    """Clients on a model, from `start` on, in the device's time in ns."""

    def __init__(self, model: Model, start: int, clients: Sequence[Client], logs: Sequence[Path] = ()) -> None:
        """Set it up; `logs` names one I/O log for each client. Raises `InputError`, `MeasurementError`."""
        self._model = model  # kept alive as long as the load
        self._count = len(clients)
        self._handle = library().sb_load_new(model.address, start, self._count)
        if not self._handle:
            raise MeasurementError("no memory for the load")
        for number, client in enumerate(clients):
            log = str(logs[number]).encode() if logs else None
            if library().sb_load_client(self._handle, number, ctypes.byref(_described(client)), log):
                self.close()
                raise MeasurementError("no memory for the load" if log is None else f"cannot write {logs[number]}")

    def run(self, until: int = FOREVER, events: int = FOREVER) -> Pause:
        """Go on to time `until`, for at most `events` events; say why it came back."""
        status: int = library().sb_load_run(self._handle, until, events)
        if status < 0:
            raise MeasurementError("the I/O log could not be written", hint="Is there space left?")
        return _PAUSES[status]

    @property
    def now(self) -> int:
        """The time of the last event."""
        return int(library().sb_load_now(self._handle))

    def totals(self, client: int) -> Totals:
        """Look at what was measured of a client so far; valid until the load is closed."""
        return Totals.from_address(library().sb_load_totals(self._handle, client))

    def close(self) -> None:
        """Give memory and logs back."""
        if self._handle:
            library().sb_load_free(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _described(client: Client) -> _Client:
    if len(client.sizes) > _SIZES or len(client.zones) > _ZONES:
        raise InputError(f"a model takes at most {_SIZES} block sizes and {_ZONES} zones")
    found = _Client(
        seed=client.seed,
        offset=client.offset,
        span=client.span,
        queue_depth=client.queue_depth,
        sequential=client.sequential,
        read_percent=client.read_percent,
        fsync_every=client.fsync_every,
        rate_iops=client.rate_iops,
        arrival=client.poisson,
        distribution=_DISTRIBUTIONS.index(client.distribution),
        shape=client.shape,
        bytes=client.bytes,
        trim=client.trim,
        sequential_percent=client.sequential_percent,
        think_time=client.think_time,
        think_every=client.think_every,
        ramp=client.ramp,
        duration=client.duration,
        sizes=len(client.sizes),
        zones=len(client.zones),
    )
    found.size[: len(client.sizes)] = [size for size, _ in client.sizes]
    found.size_share[: len(client.sizes)] = np.cumsum([share for _, share in client.sizes]).tolist()
    found.zone_share[: len(client.zones)] = np.cumsum([share for share, _ in client.zones]).tolist()
    found.zone_end[: len(client.zones)] = np.cumsum([part for _, part in client.zones]).tolist()
    return found
