"""What a load under a fault came to, from the log of its single I/Os: outage, dip, recovery, and their limits.

A request that failed is not in the log: it is a completion that is missing. With Poisson arrivals of rate λ the longest
of N gaps between completions stays below ln(N/α)/λ with probability 1 - α; longer ones are no chance.
"""

from __future__ import annotations

import itertools
import math
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..io_log import IoLog
from .findings import Timeline

_GAP_ALPHA = 1e-4
_BAND_ALPHA = 1e-4
"""How often a load without a fault may leave its band at all: two buckets in a row must."""
_SHORTEST_OUTAGE_S = 0.15
"""A busy machine stands still for that long by itself."""
_BUCKET_S, _BUCKET_IOS = 0.1, 25
_SETTLING = 0.1
"""The first share of the baseline, in which the load begins."""
_LATENCY_FACTOR = 1.5
_TOGETHER, _BACK = 2, 3
"""So many buckets in a row leave the band, or are back in it."""
_BEYOND = 10

Floats = NDArray[np.float64]


class Moments(msgspec.Struct, frozen=True):
    """When it happened, in seconds on the clock of the log."""

    began: float
    """The fault."""
    heal_began: float
    healed: float
    first_error: float | None = None
    load_s: float | None = None
    """How long the load was to last from its first I/O on; None where that is not known."""


class Loaded(msgspec.Struct, frozen=True):
    """What one load came to. Times in seconds; None for what could not be said."""

    numbers: dict[str, float | None]
    recovered: bool | None
    """None where the load ended too soon after the heal to say."""
    timeline: Timeline


def loaded(log: IoLog, moments: Moments, slo_s: float, repeat: int = 0) -> Loaded | None:
    """Measure what a fault did to a load; None where there are too few I/Os before it to say what is normal."""
    order = np.argsort(log.time_ms, kind="stable")
    time = log.time_ms[order] / 1000.0
    latency = log.latency_ns[order].astype(np.float64)
    direction = log.direction[order]
    if not len(time):
        return None
    first = float(time[0])
    # A heal may take longer than the load: where nobody asks, nothing stalls.
    asked_until = moments.healed if moments.load_s is None else min(moments.healed, first + moments.load_s)
    last = max(float(time[-1]), asked_until)
    start = first + _SETTLING * (moments.began - first)
    before = (time >= start) & (time < moments.began)
    if moments.began - start <= 0 or before.sum() < 4 * _BUCKET_IOS:
        return None
    rate = float(before.sum()) / (moments.began - start)
    gaps = max(
        (_gaps(time[direction == way], start, moments.began, last) for way in np.unique(direction[before])),
        key=lambda found: found[0],
    )
    whole = _gaps(time, start, moments.began, last)
    outage, longest_gap, detected_gap = max(gaps, whole, key=lambda found: found[0])
    buckets = _Buckets(time, latency, start, moments.began, last, rate)
    left = buckets.left(moments.began)
    detection = [moment - moments.began for moment in (moments.first_error, detected_gap) if moment is not None]
    detection += [buckets.ends[left[0] + _TOGETHER - 1] - moments.began] if len(left) else []
    # What shows only when it is being healed is the heal, not the fault.
    detection = [after for after in detection if moments.began + after <= moments.heal_began]
    during = (time >= moments.began) & (time < moments.heal_began)
    after = (time >= moments.began) & (time <= last)
    longest = float(latency[after].max()) / 1e9 if after.any() else 0.0
    affected = bool(len(left)) or outage > 0
    back = buckets.back(moments.healed) if affected else moments.healed
    wanted = rate * max(moments.heal_began - moments.began, 0.0)
    served = float((latency[during] <= slo_s * 1e9).sum())
    numbers: dict[str, float | None] = {
        "detection_s": max(min(detection), 0.0) if detection else None,
        "outage_s": outage,
        "longest_gap_s": longest_gap,
        "longest_io_s": longest,
        "dip_depth": buckets.depth(moments.began) if affected else 0.0,
        "dip_width_s": len(left) * buckets.width,
        "recovery_s": None if back is None else max(back - moments.healed, 0.0),
        "area_lost": max(0.0, 1 - float(during.sum()) / wanted) if affected and wanted else 0.0,
        "availability": min(1.0, served / wanted) if wanted else None,
        "mttr_s": None if back is None or not affected else max(back - moments.heal_began, 0.0),
    }
    numbers |= _ratios(latency[before], latency[during])
    watched = float(time[-1]) - moments.healed >= (_BACK + 1) * buckets.width
    return Loaded(numbers, True if back is not None else False if watched else None, buckets.timeline(repeat, moments))


def _gaps(time: Floats, start: float, began: float, last: float) -> tuple[float, float, float | None]:
    """Give the seconds in gaps that are no chance, the longest gap, and when the first of them was long enough."""
    base = time[(time >= start) & (time < began)]
    if len(base) < _BUCKET_IOS:
        return 0.0, 0.0, None
    rate = len(base) / (began - start)
    expected = max(rate * (last - began), 2.0)
    normal = max(math.log(expected / _GAP_ALPHA) / rate, 2 * float(np.diff(base).max(initial=0.0)), _SHORTEST_OUTAGE_S)
    # A gap that began before the fault counts from the fault on.
    edges = np.concatenate(([began], time[(time >= began) & (time <= last)], [last]))
    lengths = np.diff(edges)
    long = np.flatnonzero(lengths > normal)
    detected = float(edges[long[0]] + normal) if len(long) else None
    return float(lengths[long].sum()), float(lengths.max(initial=0.0)), detected


def _ratios(before: Floats, during: Floats) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, percent in (("p50_ratio", 50.0), ("p99_ratio", 99.0), ("p999_ratio", 99.9)):
        enough = min(len(before), len(during)) * (100 - percent) / 100 >= _BEYOND
        base = float(np.percentile(before, percent)) if enough else 0.0
        found[name] = float(np.percentile(during, percent)) / base if base else None
    return found


class _Buckets:
    """The log in buckets of equal time, with what is normal before the fault."""

    def __init__(self, time: Floats, latency: Floats, start: float, began: float, last: float, rate: float) -> None:
        self.width = max(_BUCKET_S, _BUCKET_IOS / rate)
        count = max(int((last - start) / self.width), 1)
        edges = start + self.width * np.arange(count + 1)
        self.ends: list[float] = edges[1:].tolist()
        cuts = np.searchsorted(time, edges)
        self.counts = np.diff(cuts)
        parts = [latency[a:b] for a, b in itertools.pairwise(cuts)]
        self.medians = np.array([np.median(part) if len(part) else np.nan for part in parts])
        self._most = [float(part.max()) if len(part) else None for part in parts]
        base = edges[1:] <= began
        normal = self.counts[base]
        z = NormalDist().inv_cdf(1 - math.sqrt(_BAND_ALPHA / count) / 2)
        self.mean = rate * self.width
        spread = z * max(float(normal.std()) if len(normal) else 0.0, math.sqrt(self.mean))
        self.low, self.high = self.mean - spread, self.mean + spread
        known = self.medians[base & np.isfinite(self.medians)]
        logs = np.log(known) if len(known) else np.zeros(1)
        self.slow = float(np.exp(np.median(logs)) * max(_LATENCY_FACTOR, math.exp(z * float(logs.std()))))

    def left(self, began: float) -> list[int]:
        """Give the buckets after the fault's begin that are out of the band, those that are so by themselves not."""
        out = (self.counts < self.low) | (self.medians > self.slow)
        out &= np.array(self.ends) > began
        pairs = out[:-1] & out[1:]
        keep = np.zeros(len(out), bool)
        keep[:-1] |= pairs
        keep[1:] |= pairs
        return [int(index) for index in np.flatnonzero(keep)]

    def depth(self, began: float) -> float:
        """Give by what share the worst bucket after the fault's begin falls short."""
        after = self.counts[np.array(self.ends) - self.width >= began - self.width]
        return max(0.0, 1 - float(after.min(initial=self.mean)) / self.mean)

    def back(self, healed: float) -> float | None:
        """Give when the load was back in both bands for good enough; None where it never was."""
        normal = (self.counts >= self.low) & (self.counts <= self.high) & ~(self.medians > self.slow)
        starts = np.array(self.ends) - self.width
        for index in np.flatnonzero(starts >= healed - self.width):
            if index + _BACK <= len(normal) and normal[index : index + _BACK].all():
                return float(max(starts[index], healed))
        return None

    def timeline(self, repeat: int, moments: Moments) -> Timeline:
        medians = tuple(None if math.isnan(value) else value for value in self.medians.tolist())
        return Timeline(
            repeat, tuple(self.ends), tuple(float(count / self.width) for count in self.counts), medians,
            tuple(self._most), self.mean / self.width, (self.low / self.width, self.high / self.width), self.slow,
            (moments.began, moments.heal_began), moments.healed,
        )  # fmt: skip
