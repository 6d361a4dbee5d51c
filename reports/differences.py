"""What was not the same: facts that differ between runs, and facts that changed while a run was under way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .names import NamedRun

_STARTS = ("environment", "device")
_MOVING = (
    "load_",
    "io_pressure",
    "memory_available",
    "dirty_bytes",
    "writeback_bytes",
    "aio_used",
    "steal_s",
    "cpu_mhz",
)
"""What is never twice the same, though nobody changes anything; the telemetry shows how it moved."""


class Difference(msgspec.Struct, frozen=True):
    """A fact with one text for each run, empty where the run does not know it."""

    fact: str
    values: list[str]


class Change(msgspec.Struct, frozen=True):
    """A fact that changed between start and end of a run."""

    run: str
    fact: str
    start: str
    end: str


def differences_between(runs: Sequence[NamedRun]) -> list[Difference]:
    """Give the facts of host, environment, device and tools at the start that are not the same in all runs."""
    if len(runs) < 2:
        return []
    facts = [_facts_at_start(named) for named in runs]
    names = sorted({name for found in facts for name in found})
    rows = [Difference(name, [found.get(name, "") for found in facts]) for name in names]
    return [row for row in rows if len(set(row.values)) > 1]


def changes_within(runs: Sequence[NamedRun]) -> list[Change]:
    """Give the facts that were read at start and end and differ, run by run."""
    return [
        Change(named.tag, f"{group}: {name}", before, end[name])
        for named in runs
        for group in _STARTS
        for end in (flat(named.run.provenance.get(f"{group}_end") or {}),)
        for name, before in flat(named.run.provenance.get(f"{group}_start") or {}).items()
        if name in end and before != end[name] and not name.startswith(_MOVING)
    ]


def flat(facts: object, prefix: str = "") -> dict[str, str]:
    """Give nested facts as one level of texts, names joined by points."""
    if not isinstance(facts, Mapping):
        return {prefix: _text(facts)} if prefix else {}
    found: dict[str, str] = {}
    for name, value in facts.items():
        found |= flat(value, f"{prefix}.{name}" if prefix else str(name))
    return found


def _facts_at_start(named: NamedRun) -> dict[str, str]:
    provenance = named.run.provenance
    header = named.run.header
    found = {"engine": header.engine, "storbench": header.storbench}
    for group in ("host", "environment", "device", "plugins"):
        facts = provenance.get(f"{group}_start", provenance.get(group))
        if isinstance(facts, Mapping):
            found |= {f"{group}: {name}": text for name, text in flat(facts).items() if not name.startswith(_MOVING)}
        elif facts:
            found[group] = _text(facts)
    return {name: text for name, text in found.items() if text}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
