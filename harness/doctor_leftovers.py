"""Findings about what killed runs have left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .finding import Finding
from .leftovers import Leftovers, Untouched

_NAMED = 4
_PLURALS = {"process": "processes"}


def leftover_finding(found: Leftovers) -> Finding:
    """Judge what has lost its owner, and say what is left alone."""
    alone = left_alone(found.untouched)
    if not found.orphaned:
        return Finding("leftovers", "ok", "; ".join(filter(None, ("none of killed runs", alone))))
    counts = Counter(one.kind for one in found.orphaned)
    told = ", ".join(
        f"{count} {kind if count == 1 else _PLURALS.get(kind, kind + 's')}" for kind, count in counts.items()
    )
    names = ", ".join(one.name for one in found.orphaned[:_NAMED]) + (", …" if len(found.orphaned) > _NAMED else "")
    seen = "; ".join(filter(None, (f"{told} of killed runs: {names}", alone)))
    why = "Servers that nobody uses take memory and processors; what is mounted or attached is in the way of others."
    return Finding("leftovers", "warning", seen, why, "storbench doctor --clean removes exactly these.")


def left_alone(untouched: Iterable[Untouched]) -> str:
    """Say in one line what is named like storbench's and not touched; empty for nothing."""
    named = [f"{one.name} ({one.why})" for one in untouched]
    if not named:
        return ""
    return f"not touched: {', '.join(named[:_NAMED])}" + (f" and {len(named) - _NAMED} more" * (len(named) > _NAMED))
