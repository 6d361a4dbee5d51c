"""Which steps of several runs are the same measurement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from .outline import Outline, StepOutline

_NOT_COMPARED = frozenset({"seed"})
"""Fields of a job that may differ between runs of the same load."""


class AlignedStep(msgspec.Struct, frozen=True):
    """One measurement, and where it is in each run that has it."""

    label: str
    labels: dict[str, Any]
    places: dict[int, int]
    """Run to position among its steps, both from 0."""


def align(outlines: Sequence[Outline]) -> list[AlignedStep]:
    """Align the completed measurements of runs by their jobs, in the order of the first run that has them.

    Two steps are the same when all fields of their jobs but the seed are, those of the jobs beside, and their labels;
    imported steps without a job need the same label. Of equal steps in one run the first aligns with the first.
    """
    found: dict[tuple[bytes, int], AlignedStep] = {}
    for run, outline in enumerate(outlines):
        for key, position, step in _keyed(outline):
            aligned = found.setdefault(key, AlignedStep(step.label, dict(step.labels), {}))
            aligned.places[run] = position
    return list(found.values())


def _keyed(outline: Outline) -> Iterator[tuple[tuple[bytes, int], int, StepOutline]]:
    seen: Counter[bytes] = Counter()
    for position, step in enumerate(outline.steps):
        if step.kind != "measure" or step.status != "COMPLETED":
            continue
        text = _key(step)
        yield (text, seen[text]), position, step
        seen[text] += 1


def _key(step: StepOutline) -> bytes:
    if not step.job:
        return step.label.encode()
    jobs = [_comparable(job) for job in (step.job, *step.beside)]
    return msgspec.json.encode([jobs, step.labels], order="deterministic")


def _comparable(job: Mapping[str, Any]) -> dict[str, Any]:
    # A field that is not set may be missing altogether: the job is of a storbench that did not have it yet.
    return {name: value for name, value in job.items() if name not in _NOT_COMPARED and value}
