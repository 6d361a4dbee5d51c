"""What comparing needs of a run, as one small text in its file, so that a thousand runs are compared in seconds.

Everything in it is elsewhere in the file as well; the numbers are not in it but in the tidy table, whose rows it names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import msgspec

from .record import RunHeader, RunRecord
from .table import Row

Fact = str | int | float | bool

FACTS = (
    "hostname", "os", "kernel", "architecture", "virtualisation", "container", "mitigations", "cpu_model", "cpus",
    "cores", "smt", "memory_bytes", "scaling_driver", "fio", "nbdkit", "storbench", "governor", "energy_preference",
    "turbo", "cpus_usable", "clock_source", "transparent_hugepages", "dirty_ratio", "dirty_background_ratio",
    "io_uring_disabled",
)  # fmt: skip
"""Facts of host and environment that stay as they are while nobody changes the machine; load and the like do not."""

_NOT_RECIPE = frozenset({"device", "device_info", "options", "limits", "specification"})
"""Parts of a recipe that do not say what is measured."""


class StepOutline(msgspec.Struct, frozen=True):
    """One step: what it put on the device, how it ended, and which rows of the table are its own."""

    index: int
    kind: str
    label: str
    status: str
    job: dict[str, Any] = {}
    beside: list[dict[str, Any]] = []
    labels: dict[str, Any] = {}
    metrics: list[tuple[str, str, str]] = []
    """Direction, metric and unit of its rows, in the table's order."""


class Outline(msgspec.Struct, frozen=True):
    """One run."""

    header: RunHeader
    recipe: str
    """A hash of workload and parameters, the same for runs that did the same."""
    facts: dict[str, Fact] = {}
    notes: list[str] = []
    steps: list[StepOutline] = []


def outline_of(record: RunRecord, rows: Iterable[Row]) -> Outline:
    """Describe a run whose tidy table has `rows`."""
    metrics = {
        step: [(row.direction, row.metric, row.unit) for row in own]
        for step, own in groupby(rows, lambda row: row.step)
    }
    return Outline(
        record.header,
        recipe_hash(record.recipe),
        _facts(record),
        record.notes,
        [
            StepOutline(
                step.index,
                step.kind,
                step.label,
                step.status,
                step.job,
                step.step.get("beside") or [],
                step.labels,
                metrics.get(step.index, []),
            )
            for step in record.steps
        ],
    )


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    """Give one short text for workload and parameters, whatever device they are for."""
    kept = {name: value for name, value in recipe.items() if name not in _NOT_RECIPE}
    return hashlib.sha256(msgspec.json.encode(kept, order="deterministic")).hexdigest()[:32]


def _facts(record: RunRecord) -> dict[str, Fact]:
    known: dict[str, Any] = {"engine": record.header.engine}
    for group in ("host", "environment_start"):
        facts = record.provenance.get(group)
        known |= facts if isinstance(facts, Mapping) else {}
    return {name: known[name] for name in ("engine", *FACTS) if isinstance(known.get(name), Fact) and known[name] != ""}
