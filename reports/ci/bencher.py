"""Bencher Metric Format: benchmark to measure to value with its bounds.

https://bencher.dev/docs/reference/bencher-metric-format. `latency` and `throughput` are Bencher's own measures, in ns
and in operations a second; others are made at first use. The name of a measure has 64 characters at most, that of a
benchmark 1024.
"""

from __future__ import annotations

import msgspec

from .answer import Answer, Line

NAME = "bencher"
SUMMARY = "Bencher Metric Format, for `bencher run --adapter json`"

_MEASURES = {"iops": "throughput", "latency_p50": "latency"}
_LONGEST_BENCHMARK, _LONGEST_MEASURE = 1024, 64


def render(answer: Answer) -> bytes:
    """Give the document."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for line in answer.lines:
        name = _MEASURES.get(line.metric, line.metric.replace("_", "-"))[:_LONGEST_MEASURE]
        benchmark, number = line.job[:_LONGEST_BENCHMARK] or "storage", 1
        while name in found.get(benchmark, {}):  # two steps of one label
            number += 1
            benchmark = f"{line.job[: _LONGEST_BENCHMARK - 8]} #{number}"
        found.setdefault(benchmark, {})[name] = _metric(line)
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def _metric(line: Line) -> dict[str, float]:
    if line.interval is None or line.reference is None:
        return {"value": line.value}
    low, high = (end * line.reference for end in line.interval)
    return {"value": line.value, "lower_value": low, "upper_value": high}
