"""Latency histograms in fio's own bins: merged exactly, percentiles as fio computes them.

fio (stat.h, stat.c: `plat_val_to_idx`, `plat_idx_to_val`) keeps 29 groups of 64 bins. Below 128 ns a bin is 1 ns wide;
above, a bin's width is 2^k ns, at most 1/64 of its values. A bin is reported by its middle, so a percentile is within
1/128 of the sample that it stands for, and within 1/64 in the worst case at a bin's edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

BITS = 6
SUB_BUCKETS = 1 << BITS
GROUPS = 29
BINS = SUB_BUCKETS * GROUPS

SUPPORT = 10
"""A percentile needs this many samples beyond it; with fewer it is shown as unsupported."""


def bin_of(nanoseconds: NDArray[np.int64] | Iterable[int]) -> NDArray[np.int64]:
    """Give the bin index of each latency in ns (fio's `plat_val_to_idx`), shape as the input; too large goes last."""
    value = np.asarray(nanoseconds, dtype=np.int64)
    # frexp gives the exponent e with 2^(e-1) <= value < 2^e, exact below 2^53 ns (104 days).
    bits = np.frexp(value.astype(np.float64))[1].astype(np.int64) - 1
    shift = np.maximum(bits - BITS, 0)
    index = (shift + 1) * SUB_BUCKETS + (value >> shift) - SUB_BUCKETS
    return np.minimum(np.where(bits <= BITS, value, index), BINS - 1)


@cache
def bin_values() -> NDArray[np.int64]:
    """Give the value in ns that stands for each bin (fio's `plat_idx_to_val`), shape (1856,)."""
    index = np.arange(BINS, dtype=np.int64)
    shift = np.maximum((index >> BITS) - 1, 0)
    base = np.int64(1) << (shift + BITS)
    inside = index % SUB_BUCKETS
    wide = base + ((inside + 0.5) * (np.int64(1) << shift)).astype(np.int64)
    values = np.where(index < 2 * SUB_BUCKETS, index, wide)
    values.setflags(write=False)
    return values


@cache
def bin_edges() -> NDArray[np.int64]:
    """Give the lower edge of each bin in ns and the upper edge of the last, shape (1857,)."""
    index = np.arange(BINS + 1, dtype=np.int64)
    shift = np.maximum((index >> BITS) - 1, 0)
    edges = np.where(
        index < 2 * SUB_BUCKETS, index, (np.int64(1) << (shift + BITS)) + (index % SUB_BUCKETS) * (np.int64(1) << shift)
    )
    edges.setflags(write=False)
    return edges


def supported(samples: int, percent: float) -> bool:
    """Whether enough samples lie beyond a percentile for it to mean anything."""
    return samples * (100.0 - percent) / 100.0 >= SUPPORT * (1 - 1e-9)


class Histogram(msgspec.Struct, frozen=True):
    """How many I/Os took how long: bin index to count, only the bins that hold something."""

    bins: dict[int, int] = {}

    @classmethod
    def of_dense(cls, counts: NDArray[np.int64]) -> Histogram:
        """Build from counts by bin, shape (1856,)."""
        filled = np.flatnonzero(counts)
        return cls(dict(zip(filled.tolist(), counts[filled].tolist(), strict=True)))

    @classmethod
    def of_latencies(cls, nanoseconds: NDArray[np.int64]) -> Histogram:
        """Build from single latencies in ns, any shape."""
        return cls.of_dense(np.bincount(bin_of(nanoseconds).ravel(), minlength=BINS))

    @classmethod
    def of_fio_bins(cls, bins: Mapping[str, int]) -> Histogram:
        """Build from the `bins` of fio's json+: the middle of a bin in ns, as text, to its count."""
        if not bins:
            return cls()
        where = bin_of(np.fromiter(map(int, bins), np.int64, len(bins)))
        return cls.of_dense(
            np.bincount(where, weights=np.fromiter(bins.values(), np.float64, len(bins)), minlength=BINS).astype(
                np.int64
            )
        )

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """Add histograms bin by bin: exact, in any order."""
        total: dict[int, int] = {}
        for part in parts:
            for index, count in part.bins.items():
                total[index] = total.get(index, 0) + count
        return cls(dict(sorted(total.items())))

    def minus(self, earlier: Histogram) -> Histogram:
        """Give what was added since an earlier state of the same histogram."""
        left = {i: n - earlier.bins.get(i, 0) for i, n in self.bins.items()}
        return Histogram({i: n for i, n in left.items() if n > 0})

    def dense(self) -> NDArray[np.int64]:
        """Give the counts by bin, shape (1856,)."""
        counts = np.zeros(BINS, np.int64)
        if self.bins:
            counts[list(self.bins)] = list(self.bins.values())
        return counts

    @property
    def samples(self) -> int:
        """How many latencies are in it."""
        return sum(self.bins.values())

    def percentile(self, percent: float) -> int | None:
        """Give a percentile in ns as fio does: the value of the first bin at which the share is reached.

        None where fewer than `SUPPORT` samples lie beyond it.
        """
        return self.percentiles((percent,))[0]

    def percentiles(self, percents: Iterable[float]) -> list[int | None]:
        """Give several percentiles in ns in one pass, each as `percentile` does."""
        samples = self.samples
        if not samples:
            return [None for _ in percents]
        index = np.fromiter(sorted(self.bins), np.int64, len(self.bins))
        reached = np.cumsum([self.bins[i] for i in index.tolist()])
        values = bin_values()
        found: list[int | None] = []
        for percent in percents:
            if not supported(samples, percent):
                found.append(None)
                continue
            position = int(np.searchsorted(reached, percent / 100.0 * samples, side="left"))
            found.append(int(values[index[min(position, len(index) - 1)]]))
        return found

    def mean(self) -> float | None:
        """Give the mean in ns as the bins have it, within 1/128 of the samples' own mean."""
        samples = self.samples
        if not samples:
            return None
        values = bin_values()
        return float(sum(int(values[i]) * n for i, n in self.bins.items()) / samples)
