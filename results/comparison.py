"""Put any number of runs side by side: align what is comparable, say what is not.

Runs that repeat one another are one *subject* with as many samples as runs. A run repeats another one if the same
command started both (`storbench run --repeat`) on the same device: two commands on one device are two subjects, because
before and after are just what people compare. The first run's subject is the reference.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError
from .alignment import AlignedStep, align
from .comparability import gaps, remarks
from .faults.analysis import fault_findings
from .faults.findings import FaultFindings
from .faults.side_by_side import ComparedFault, compare_faults
from .outline import Outline
from .ratios import CONFIDENCE, Matrix, Vector, means, paired_interval, ratios, welch_interval
from .run_file import open_run, read_outline
from .subjects import Subject, group_runs

HIGHER_IS_BETTER = {
    "iops": True,
    "bandwidth": True,
    "jain_index": True,
    "slowest_client_iops": True,
    "fastest_client_iops": True,
    "user_cpu": False,
    "system_cpu": False,
    "worst_client_latency_p99": False,
}
"""The metrics that are compared, besides every `latency_…`, of which less is better. Counts are not compared."""


FAULTS = "faults."
"""How the names of workloads with faults begin."""


class RunData(msgspec.Struct, frozen=True):
    """What is compared of one run: its outline, and the values of its tidy table."""

    path: str
    outline: Outline
    values: NDArray[np.float64]


class ComparedRun(msgspec.Struct, frozen=True):
    """One of the runs, in the order given."""

    path: str
    run: str
    device: str
    workload: str
    status: str
    verdict: str
    created: str
    engine: str
    subject: int
    """The place of its subject."""


class ComparedRow(msgspec.Struct, frozen=True):
    """One metric of one aligned step; every list has one entry per subject."""

    step: int
    """Counts the aligned steps, from 0; the rows of one step stand together."""
    label: str
    labels: dict[str, Any]
    direction: str
    metric: str
    unit: str
    higher_is_better: bool
    values: list[float | None]
    """Geometric means of the subjects' runs; arithmetic ones in a row that has a zero."""
    n: list[int]
    """How many runs have a value."""
    ratio: list[float | None]
    """To the reference, which is 1; None where either is missing or the reference is zero."""
    ratio_interval: list[tuple[float, float] | None]
    """95 %; None for the reference itself, and where either side has fewer than two runs."""


class Comparison(msgspec.Struct, frozen=True):
    """Runs side by side, ready for JSON."""

    runs: list[ComparedRun]
    subjects: list[Subject]
    rows: list[ComparedRow]
    unmatched: list[str]
    """What could not be aligned, in sentences."""
    remarks: list[str]
    """What a reader of the ratios must know, in sentences."""
    method: str
    """How values, ratios and intervals came about, in sentences."""
    faults: list[ComparedFault] = []
    """Fault classes of runs that had some, with an outcome for each subject."""


def compare_files(paths: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Compare run files. Raises `RunFileError` for one that cannot be read, `InputError` where there is none."""
    found = compare([RunData(str(path), *read_outline(Path(path))) for path in paths])
    return msgspec.structs.replace(found, faults=_faults(found))


def _faults(comparison: Comparison) -> list[ComparedFault]:
    """Judge the fault classes of each subject's runs from their files."""
    devices: list[list[FaultFindings]] = []
    for subject in comparison.subjects:
        devices.append([])
        for number in subject.runs:
            one = comparison.runs[number]
            if one.workload.startswith(FAULTS):
                with open_run(one.path) as run:
                    devices[-1] += [found] if (found := fault_findings(run)) else []
    return compare_faults(devices)


def compare(runs: Sequence[RunData]) -> Comparison:
    """Compare runs; the first one's subject is the reference. Raises `InputError` where there is none."""
    if not runs:
        raise InputError("there is nothing to compare", hint="Name two or more run files.")
    outlines = [run.outline for run in runs]
    subjects = group_runs([run.path for run in runs], outlines)
    place = {run: index for index, subject in enumerate(subjects) for run in subject.runs}
    steps = align(outlines)
    rows = list(_rows(runs, outlines, subjects, steps))
    found = [run.outline.header for run in runs]
    return Comparison(
        [
            ComparedRun(run.path, h.run, h.device, h.workload, h.status, h.verdict, h.created, h.engine, place[index])
            for index, (run, h) in enumerate(zip(runs, found, strict=True))
        ],
        subjects,
        rows,
        gaps(outlines, subjects, steps, compared),
        remarks(outlines, subjects, steps, [run.values for run in runs]),
        _method(subjects),
    )


def compared(metric: str) -> bool:
    """Whether a metric of the tidy table is compared."""
    return metric in HIGHER_IS_BETTER or metric.startswith("latency_")


def _rows(
    runs: Sequence[RunData], outlines: Sequence[Outline], subjects: Sequence[Subject], steps: Sequence[AlignedStep]
) -> Iterator[ComparedRow]:
    """Build the rows that two subjects have, or that the only subject has."""
    keys, samples = _samples(runs, outlines, steps)
    if not keys:
        return
    known = ~np.isnan(samples)
    counts = np.stack([known[:, subject.runs].sum(axis=1) for subject in subjects], axis=1)
    wanted = (counts > 0).sum(axis=1) >= min(2, len(subjects))
    keys = [key for key, keep in zip(keys, wanted, strict=True) if keep]
    samples, counts = samples[wanted], counts[wanted]
    values, factors, low, high = _compared(samples, subjects)
    columns = [_listed(values), counts.tolist(), _listed(factors), _listed(low), _listed(high)]
    for (step, direction, metric, unit), value, n, ratio, lows, highs in zip(keys, *columns, strict=True):
        yield ComparedRow(
            step,
            steps[step].label,
            steps[step].labels,
            direction,
            metric,
            unit,
            HIGHER_IS_BETTER.get(metric, False),
            value,
            n,
            ratio,
            [None if a is None or b is None else (a, b) for a, b in zip(lows, highs, strict=True)],
        )


def _samples(
    runs: Sequence[RunData], outlines: Sequence[Outline], steps: Sequence[AlignedStep]
) -> tuple[list[tuple[int, str, str, str]], Matrix]:
    """Give step, direction, metric and unit of each row, and its values, shape (rows, runs), NaN where missing."""
    rows: dict[tuple[int, str, str, str], int] = {}
    cells: list[tuple[int, int, float]] = []
    starts = [np.cumsum([0, *(len(step.metrics) for step in outline.steps)]).tolist() for outline in outlines]
    everything = [run.values.tolist() for run in runs]
    for number, step in enumerate(steps):
        for run, position in step.places.items():
            first = starts[run][position]
            for offset, (direction, metric, unit) in enumerate(outlines[run].steps[position].metrics):
                if compared(metric):
                    row = rows.setdefault((number, direction, metric, unit), len(rows))
                    cells.append((row, run, everything[run][first + offset]))
    samples = np.full((len(rows), len(runs)), np.nan)
    if cells:
        where, which, what = zip(*cells, strict=True)
        samples[list(where), list(which)] = what
    samples[~np.isfinite(samples)] = np.nan
    return list(rows), samples


def _compared(samples: Matrix, subjects: Sequence[Subject]) -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Give values, ratios and both ends of the intervals, each of shape (rows, subjects)."""
    geometric = np.asarray(~(samples <= 0).any(axis=1))
    reference = subjects[0]
    values = np.stack([means(samples[:, subject.runs], geometric) for subject in subjects], axis=1)
    factors = np.stack([ratios(values[:, i], values[:, 0]) for i in range(len(subjects))], axis=1)
    nothing = np.full(len(samples), np.nan)
    ends: list[tuple[Vector, Vector]] = [(nothing, nothing)]
    for subject in subjects[1:]:
        if len(subject.runs) < 2 or len(reference.runs) < 2:
            ends.append((nothing, nothing))
            continue
        own, other = samples[:, subject.runs], samples[:, reference.runs]
        low, high = welch_interval(own, other)
        if subject.paired:
            pair_low, pair_high = paired_interval(own, other)
            low, high = (np.where(np.isnan(p), w, p) for p, w in ((pair_low, low), (pair_high, high)))
        ends.append((low, high))
    low, high = (np.stack([end[side] for end in ends], axis=1) for side in (0, 1))
    return values, factors, low, high


def _listed(numbers: Matrix) -> list[list[float | None]]:
    """Give rows of plain numbers, None for what is not finite."""
    if np.isfinite(numbers).all():
        return numbers.tolist()  # type: ignore[no-any-return]  # numpy does not know the depth
    return [[value if np.isfinite(value) else None for value in row] for row in numbers.tolist()]


def _method(subjects: Sequence[Subject]) -> str:
    if all(len(subject.runs) == 1 for subject in subjects):
        return f"Ratios are to {subjects[0].tag}."
    ways = []
    if any(subject.paired for subject in subjects[1:]):
        ways.append("a paired t on the logarithms where the repeats were interleaved")
    if any(not subject.paired and len(subject.runs) > 1 for subject in subjects[1:]):
        ways.append("Welch's t on the logarithms where they were not")
    interval = f" The {CONFIDENCE:.0%} interval of a ratio is by {', by '.join(ways)}." if ways else ""
    return f"Values are geometric means over the runs of a subject; ratios are to {subjects[0].tag}.{interval}"
