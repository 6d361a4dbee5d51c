"""What a reader of a comparison must know: what has no counterpart, and what differs besides the devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .alignment import AlignedStep
from .outline import Outline
from .subjects import Subject, short_device

_NAMED = 5
"""How many steps are named before the rest is counted."""

_FAULT = "fault"
"""The label that names a step's fault class. Its bounds are labels too: devices of two kinds seldom share a step."""

_WHY = {
    "fio": "another version of fio may measure differently",
    "engine": "another engine, or another version of it, may measure differently",
    "kernel": "the I/O path is the kernel's",
    "hostname": "another machine has another processor, memory and neighbours",
    "governor": "the processor's clock follows it",
    "turbo": "the processor's clock follows it",
    "mitigations": "they cost time at every system call",
    "scheduler": "it orders the I/Os",
}
"""Why a difference matters; every other fact of the machine is named without a reason."""


def gaps(
    outlines: Sequence[Outline],
    subjects: Sequence[Subject],
    steps: Sequence[AlignedStep],
    compared: Callable[[str], bool],
) -> list[str]:
    """Say which measurements are not in every subject, and which metrics of the aligned ones are not."""
    if len(subjects) < 2:
        return []
    return [*_missing_steps(subjects, steps), *_missing_metrics(outlines, subjects, steps, compared)]


def remarks(
    outlines: Sequence[Outline],
    subjects: Sequence[Subject],
    steps: Sequence[AlignedStep],
    values: Sequence[NDArray[np.float64]],
) -> list[str]:
    """Say what a reader of the ratios must know, the gravest first."""
    found = [
        *_incomplete(outlines, subjects),
        *_nothing_in_common(outlines, subjects, steps),
        *_one_device(outlines, subjects),
    ]
    found += [*_differing_recipes(outlines, subjects), *_differing_facts(outlines)]
    found += _differing_notes(outlines, subjects)
    found += _failed_ios(outlines, subjects, steps, values)
    found += _repeats(subjects)
    return found


def _missing_steps(subjects: Sequence[Subject], steps: Sequence[AlignedStep]) -> Iterator[str]:
    without: dict[str, list[str]] = {}
    for step in steps:
        if _FAULT in step.labels:
            continue  # compared class by class, with what is not evaluated on one device
        lacking = [s.tag for s in subjects if not any(run in step.places for run in s.runs)]
        if lacking:
            without.setdefault(", ".join(lacking), []).append(step.label)
    for tags, labels in without.items():
        more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
        yield f"{tags}: no counterpart of {', '.join(labels[:_NAMED])}{more}"


def _missing_metrics(
    outlines: Sequence[Outline],
    subjects: Sequence[Subject],
    steps: Sequence[AlignedStep],
    compared: Callable[[str], bool],
) -> Iterator[str]:
    """Name the metrics, such as unsupported percentiles, that only some subjects have in an aligned step."""
    lacking: dict[tuple[str, str], int] = {}
    for step in steps:
        here = [(s, [run for run in s.runs if run in step.places]) for s in subjects]
        sets = {s.tag: _metrics(outlines, step, runs, compared) for s, runs in here if runs}
        everything = set().union(*sets.values()) if sets else set()
        for tag, own in sets.items():
            for direction, metric in everything - own:
                short = metric.removeprefix("latency_")
                key = (tag, f"overall {short}" if direction == "all" else f"{direction} {short}")
                lacking[key] = lacking.get(key, 0) + 1
    metrics: dict[tuple[str, int], list[str]] = {}
    for (tag, name), count in sorted(lacking.items()):
        metrics.setdefault((tag, count), []).append(name)
    for (tag, count), names in metrics.items():
        where = "1 step" if count == 1 else f"{count} steps"
        yield f"{tag}: no {', '.join(names[:_NAMED])}{' …' if len(names) > _NAMED else ''} in {where}"


def _metrics(
    outlines: Sequence[Outline], step: AlignedStep, runs: Sequence[int], compared: Callable[[str], bool]
) -> set[tuple[str, str]]:
    return {
        (direction, metric)
        for run in runs
        for direction, metric, _ in outlines[run].steps[step.places[run]].metrics
        if compared(metric)
    }


def _incomplete(outlines: Sequence[Outline], subjects: Sequence[Subject]) -> Iterator[str]:
    for subject in subjects:
        statuses = [outlines[run].header.status for run in subject.runs]
        ended = [status for status in statuses if status != "COMPLETED"]
        if ended:
            which = f"{len(ended)} of {len(statuses)} runs" if len(statuses) > 1 else "its run"
            yield f"{subject.tag}: {which} ended as {', '.join(sorted(set(ended)))}; what is complete is compared"


def _nothing_in_common(
    outlines: Sequence[Outline], subjects: Sequence[Subject], steps: Sequence[AlignedStep]
) -> Iterator[str]:
    aligned = any(sum(any(run in step.places for run in s.runs) for s in subjects) > 1 for step in steps)
    classes = Counter(name for s in subjects for name in _fault_classes(outlines, s))
    if len(subjects) > 1 and not aligned and max(classes.values(), default=0) < 2:
        yield "No step of one subject was measured in another: there is nothing to compare"


def _fault_classes(outlines: Sequence[Outline], subject: Subject) -> set[str]:
    return {str(step.labels[_FAULT]) for run in subject.runs for step in outlines[run].steps if _FAULT in step.labels}


_MODELLED = ("sim:", "emu:", "nbd:emu-")
"""Of an emulated device the parameters are what it is, not how it was opened."""


def _one_device(outlines: Sequence[Outline], subjects: Sequence[Subject]) -> Iterator[str]:
    """Say where two subjects are one device, or one address with other parameters, such as another ioengine."""
    alike: dict[str, list[Subject]] = {}
    for subject in subjects:
        alike.setdefault(subject.device.partition("?")[0], []).append(subject)
    for address, group in alike.items():
        ways = {subject.device.partition("?")[2] or "no parameters": None for subject in group}
        tags = ", ".join(subject.tag for subject in group[:_NAMED]) + (" …" if len(group) > _NAMED else "")
        runs = Counter(name for s in group for name in {outlines[run].header.run for run in s.runs})
        if any(count > 1 for count in runs.values()):
            yield f"{tags} have runs in common: a run does not differ from itself, so the ratios say little"
        elif len(ways) > 1 and address.startswith(_MODELLED):
            continue
        elif len(ways) > 1:
            seen = "; ".join([*ways][:_NAMED]) + (" …" if len(ways) > _NAMED else "")
            yield f"{short_device(address)} was opened in different ways ({seen}): a ratio is not of the devices alone"
        elif len(group) > 1:
            yield f"{tags} are one device: a ratio is what changed between its runs, not a difference of devices"


def _differing_recipes(outlines: Sequence[Outline], subjects: Sequence[Subject]) -> Iterator[str]:
    """Say which subjects did something else than the reference; imported runs have no recipe to compare."""
    workloads = list(dict.fromkeys(subject.workload for subject in subjects))
    why = "only steps with the same job are compared, and what ran before them may not be the same"
    if len(workloads) > 1:
        yield f"The workloads differ ({', '.join(workloads[:_NAMED])}): {why}"
        return
    recipes = [{outlines[run].recipe for run in subject.runs} for subject in subjects]
    other = [subject.tag for subject, own in zip(subjects, recipes, strict=True) if own != recipes[0]]
    if other and workloads != ["import"]:
        more = f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
        yield f"{', '.join(other[:_NAMED])}{more}: other parameters of {workloads[0]} than {subjects[0].tag}; {why}"


def _differing_facts(outlines: Sequence[Outline]) -> Iterator[str]:
    names = dict.fromkeys(name for outline in outlines for name in outline.facts)
    plain = []
    for name in names:
        values = list(dict.fromkeys(o.facts[name] for o in outlines if name in o.facts))
        if len(values) < 2:
            continue
        if name in _WHY:
            yield f"{name} differs ({', '.join(str(v) for v in values[:4])}): {_WHY[name]}"
        else:
            plain.append(f"{name} ({', '.join(str(v) for v in values[:4])})")
    if plain:
        yield f"The machines differ in {', '.join(plain)}"


def _differing_notes(outlines: Sequence[Outline], subjects: Sequence[Subject]) -> Iterator[str]:
    """Give the notes that hold for some subjects only, such as a page cache that was not bypassed."""
    of = [(s.tag, {note for run in s.runs for note in outlines[run].notes}) for s in subjects]
    for note in dict.fromkeys(note for _, notes in of for note in sorted(notes)):
        having = [tag for tag, notes in of if note in notes]
        yield note if len(having) == len(of) else f"{', '.join(having)}: {note}"


def _failed_ios(
    outlines: Sequence[Outline],
    subjects: Sequence[Subject],
    steps: Sequence[AlignedStep],
    values: Sequence[NDArray[np.float64]],
) -> Iterator[str]:
    starts = [np.cumsum([0, *(len(step.metrics) for step in outline.steps)]) for outline in outlines]
    for subject in subjects:
        failed = 0.0
        for step in steps:
            for run in subject.runs:
                if run not in step.places:
                    continue
                position = step.places[run]
                names = outlines[run].steps[position].metrics
                row = next((i for i, (_, metric, _) in enumerate(names) if metric == "errors"), None)
                if row is not None:
                    failed += float(values[run][starts[run][position] + row])
        if failed:
            yield f"{subject.tag}: {failed:.0f} I/Os failed; they are not in the latencies"


def _repeats(subjects: Sequence[Subject]) -> Iterator[str]:
    single = [s.tag for s in subjects if len(s.runs) < 2]
    if len(subjects) > 1 and single:
        whose = "each" if len(single) == len(subjects) else ", ".join(single)
        yield f"One run of {whose}: a difference may be chance. Repeats, such as --repeat 5, give confidence intervals"
