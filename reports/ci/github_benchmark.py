"""JSON for github-action-benchmark, whose two custom tools take one kind of metric each.

https://github.com/benchmark-action/github-action-benchmark: an array of {name, unit, value, range, extra}; `tool` is
`customBiggerIsBetter` for rates and `customSmallerIsBetter` for latencies.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .answer import Answer, Line, unlike

BIGGER = "github-benchmark-bigger"
SMALLER = "github-benchmark-smaller"
BIGGER_SUMMARY = "rates, for github-action-benchmark's tool customBiggerIsBetter"
SMALLER_SUMMARY = "latencies, for github-action-benchmark's tool customSmallerIsBetter"


def render_bigger(answer: Answer) -> bytes:
    """Give the metrics of which more is better."""
    return _render(answer, higher_is_better=True)


def render_smaller(answer: Answer) -> bytes:
    """Give the metrics of which less is better."""
    return _render(answer, higher_is_better=False)


def _render(answer: Answer, *, higher_is_better: bool) -> bytes:
    taken: set[str] = set()
    chosen = [line for line in answer.lines if line.higher_is_better is higher_is_better]
    entries = [_entry(line, unlike(f"{line.job} {line.metric}", taken)) for line in chosen]
    return msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n"


def _entry(line: Line, name: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": name, "unit": line.unit, "value": line.value}
    if line.interval is not None and line.reference is not None:
        half = (line.interval[1] - line.interval[0]) / 2 * line.reference
        entry["range"] = f"± {half:.4g}"
    if line.text:
        entry["extra"] = line.text
    return entry
