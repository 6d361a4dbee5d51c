"""Is more of a metric better? Read from the words of its name, as benchmarks call theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ...common.errors import InputError, nearest
from .series import Series

_BETTER = frozenset({
    "iops", "ops", "qps", "tps", "rps", "tx", "throughput", "bandwidth", "bw", "accepted", "rate", "mb", "mib", "gb",
    "gib", "kb", "kib", "hits", "ops/s", "mb/s", "b/s", "score", "speed",
})  # fmt: skip
_WORSE = frozenset({
    "latency", "lat", "clat", "slat", "duration", "elapsed", "runtime", "time", "delay", "stall", "wait", "median",
    "error", "errors", "misses", "ns", "us", "µs", "usec", "ms", "msec", "seconds", "amplification", "waf", "energy",
})  # fmt: skip
_PERCENTILE = re.compile(r"(p|pct)\d{1,2}(\.\d+)?|p999+")
_WORD = re.compile(r"[a-zµ/]+\d*(?:\.\d+)?|\d+(?:\.\d+)?")


def direction_of(name: str, unit: str = "") -> bool | None:
    """Say whether higher is better, by the name or else by the unit; None where neither tells.

    A word for the worse wins: `latency_at_full_rate` is a latency.
    """
    for text in (name, unit):
        words = set(_WORD.findall(text.lower()))
        if words & _WORSE or any(_PERCENTILE.fullmatch(word) for word in words):
            return False
        if words & _BETTER:
            return True
    return None


def directed(series: Iterable[Series], higher: Sequence[str], lower: Sequence[str]) -> list[Series]:
    """Set what the user knows better. Raises `InputError` for a metric that is not there, or named as both."""
    import msgspec

    known = list(series)
    names = {name for one in known for name in (one.name, one.metric)}
    for name in (*higher, *lower):
        if name not in names:
            raise InputError(f"there is no metric '{name}'", hint=nearest(name, sorted(names)))
        if name in higher and name in lower:
            raise InputError(f"'{name}' cannot be better both higher and lower", hint="Name it once.")
    return [
        msgspec.structs.replace(one, higher_is_better=bool({one.name, one.metric} & {*higher}))
        if {one.name, one.metric} & {*higher, *lower} else one
        for one in known
    ]  # fmt: skip
