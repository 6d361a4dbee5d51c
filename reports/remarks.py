"""Everything that a reader of the numbers must know, in one place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from ..results.measurement import percentile_name
from .columns import printable
from .emulated import fidelity_remark
from .highlights import highlights
from .names import NamedRun
from .overview import TABLE_PERCENTS, used_directions


class Remark(msgspec.Struct, frozen=True):
    """One sentence, and the runs that it is about."""

    serious: bool
    """The numbers are incomplete or wrong without it."""
    runs: str
    text: str


def remarks_of(runs: Sequence[NamedRun]) -> list[Remark]:
    """Collect problems and notes of runs and steps; the same sentence stands once. Problems first."""
    said: dict[tuple[bool, str], list[str]] = defaultdict(list)
    for named in runs:
        for serious, text in _of_run(named):
            if named.tag not in said[(serious, text)]:
                said[(serious, text)].append(named.tag)
    everywhere = len(runs)
    found = [
        Remark(serious, "" if everywhere == 1 else "all runs" if len(tags) == everywhere else ", ".join(tags), text)
        for (serious, text), tags in said.items()
    ]
    return sorted(found, key=lambda remark: not remark.serious)


def _of_run(named: NamedRun) -> Iterator[tuple[bool, str]]:
    run = named.run
    for step in run.steps:
        if step.status != "COMPLETED":
            why = f": {printable(step.error)}" if step.error else ""
            yield True, f"Step {step.index}, {step.label}, ended as {step.status}{why}"
        elif step.measurement is not None and step.measurement.errors:
            errors = ", ".join(f"{count:,} × {name}" for name, count in step.measurement.errors.items())
            yield True, f"Step {step.index}, {step.label}: failed I/Os, {errors}. They are not in the latencies."
    if not run.measured:
        yield True, "No step was measured to its end, so there are no numbers."
    yield from fidelity_remark(run)
    for text in (*run.notes, *highlights(run)):
        yield False, text
    steps_of: dict[str, list[str]] = defaultdict(list)
    for step in run.steps:
        for text in step.measurement.notes if step.measurement else ():
            steps_of[text].append(step.label)
    for text, labels in steps_of.items():
        where = "" if len(labels) == len(run.measured) else f" (in {_some(labels)})"
        yield False, f"{text}{where}"
    yield from _unsupported(named)


def _unsupported(named: NamedRun) -> Iterator[tuple[bool, str]]:
    """Say which percentiles of the tables had too few samples, and what would help; one sentence for equal steps."""
    percentiles: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for percent in TABLE_PERCENTS:
        without = [
            step.label
            for step in named.run.measured
            if step.measurement is not None
            and any(part.latency.percentile(percent) is None for _, part in used_directions(step.measurement))
        ]
        if without:
            percentiles[tuple(dict.fromkeys(without))].append(percentile_name(percent))
    for labels, names in percentiles.items():
        are = "is" if len(names) == 1 else "are"
        why = "fewer than ten samples lie beyond. Measure longer to see more."
        yield False, f"{' and '.join(names)} {are} not shown for {_some(labels)}: {why}"


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(labels[:3])
    return shown if len(labels) <= 3 else f"{shown} and {len(labels) - 3} more step{'s' if len(labels) > 4 else ''}"
