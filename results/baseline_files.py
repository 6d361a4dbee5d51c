"""The history of a new run: which earlier run files are sessions of it, and whether they can be compared with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError, RunFileError, nearest
from .alignment import align
from .baseline import BaselineSamples
from .outline import Outline
from .paired import BIN_WIDTH, floor_of
from .run_file import Run, open_run, read_outline
from .subjects import group_runs

METRICS = ("iops", "latency_p50", "latency_p99", "latency_p99.9")
"""What is judged of each step and direction, where every run has it."""
DIRECTIONS = ("read", "write", "trim")

MACHINE = ("architecture", "cpu_model", "cpus", "virtualisation", "governor", "turbo", "mitigations", "engine")
"""Facts that runs must have in common. Names of hosts are not among them: each container has another."""
DEVICE = ("model", "firmware", "disk_model", "disk_firmware")
LARGEST_TEMPERATURE_DIFFERENCE = 15.0
"""Degrees Celsius between the start of the new run and the nearest of the earlier ones."""
LARGEST_WEAR_DIFFERENCE = 5.0
"""Percent of the rated life, likewise."""
DIFFERENCES = (*MACHINE, *DEVICE, "recipe", "preconditioning", "temperature", "wear")
"""What is looked at before anything is compared."""


class StoredRun(msgspec.Struct, frozen=True):
    """A run file, as far as it is compared."""

    path: Path
    outline: Outline
    values: NDArray[np.float64]


class History(msgspec.Struct, frozen=True):
    """What a new session is compared with, ready to be judged."""

    samples: list[BaselineSamples]
    files: list[list[Path]]
    """The run files of each session, in the order of time."""
    remarks: list[str]
    """What was left out, and what a reader must know, in sentences."""


def history_of(new: Sequence[Path], baseline: Sequence[Path], ignored: Sequence[str] = ()) -> History:
    """Find the sessions of the history among files and folders, and give what is judged.

    From a folder, at any depth, come the run files of the same recipe; a file that is named must be of it. Raises
    `InputError` for what cannot be compared, unless the difference is `ignored`, and `RunFileError` for a file that is
    named and cannot be read.
    """
    for name in ignored:
        if name not in DIFFERENCES:
            raise InputError(f"there is no difference '{name}'", hint=nearest(name, DIFFERENCES))
    candidate = [_read(path) for path in new]
    remarks: list[str] = []
    _check_complete(candidate)
    _check_recipe(candidate[0], candidate[1:], ignored)
    earlier = _earlier(candidate, baseline, ignored, remarks)
    _check_facts(candidate, earlier, ignored)
    sessions = _sessions(earlier)
    runs = [*candidate, *(run for session in sessions for run in session)]
    lengths = [len(candidate), *map(len, sessions)]
    devices = dict.fromkeys(run.outline.header.device for run in runs)
    if len(devices) > 1:
        remarks.append(f"The device was addressed in different ways: {'; '.join(devices)}")
    return History(_samples(runs, lengths), [[run.path for run in session] for session in sessions], remarks)


def samples_of_runs(paths: Sequence[Path]) -> list[BaselineSamples]:
    """Give what equal runs measured, in the order given: the values are those of the candidate, there is no baseline.

    Raises `InputError` for runs that did not complete or did not measure the same.
    """
    runs = [_read(path) for path in paths]
    _check_complete(runs)
    _check_recipe(runs[0], runs[1:], ())
    return _samples(runs, [len(runs)])


def _read(path: Path) -> StoredRun:
    return StoredRun(path, *read_outline(path))


def _check_complete(runs: Iterable[StoredRun]) -> None:
    for run in runs:
        if run.outline.header.status != "COMPLETED":
            raise InputError(f"{run.path} ended {run.outline.header.status}, so there is nothing to judge")


def _check_recipe(first: StoredRun, others: Iterable[StoredRun], ignored: Sequence[str]) -> None:
    for other in others:
        if other.outline.recipe != first.outline.recipe and "recipe" not in ignored:
            raise InputError(
                f"{other.path} did not measure what {first.path} did: the recipe differs",
                hint="Compare runs of one workload with the same parameters: `storbench show` tells them.",
            )


def _earlier(
    candidate: Sequence[StoredRun], baseline: Sequence[Path], ignored: Sequence[str], remarks: list[str]
) -> list[StoredRun]:
    """Give the runs of the history, each once, without those that are judged."""
    named = [_read(path) for path in baseline if not path.is_dir()]
    _check_complete(named)
    _check_recipe(candidate[0], named, ignored)
    own = {run.outline.header.run for run in candidate}
    found = _in_folders(candidate, own, [path for path in baseline if path.is_dir()], remarks)
    earlier = {run.outline.header.run: run for run in (*named, *found) if run.outline.header.run not in own}
    if any(run.outline.header.run in own for run in named):
        remarks.append("The new run is among the baseline that was named; it is not compared with itself")
    return list(earlier.values())


def _in_folders(
    candidate: Sequence[StoredRun], own: set[str], folders: Sequence[Path], remarks: list[str]
) -> list[StoredRun]:
    """Read what a folder has of the same recipe and, if it has several devices, of the same device."""
    found: list[StoredRun] = []
    left_out = 0
    for path in dict.fromkeys(path for folder in folders for path in sorted(folder.rglob("*.h5"))):
        try:
            run = _read(path)
        except RunFileError:
            left_out += 1
            continue
        header = run.outline.header
        if header.run in own:
            continue
        if header.status == "COMPLETED" and run.outline.recipe == candidate[0].outline.recipe:
            found.append(run)
        else:
            left_out += 1
    device = candidate[0].outline.header.device
    devices = {run.outline.header.device for run in found}
    if device in devices:
        left_out += sum(run.outline.header.device != device for run in found)
        found = [run for run in found if run.outline.header.device == device]
    elif len(devices) > 1:
        raise InputError(
            f"the folder has runs of several devices, and none of {device}", hint="Name the files of one device."
        )
    if left_out:
        remarks.append(f"{left_out} files of the folder are left out: another recipe or device, or not a complete run")
    return found


def _sessions(runs: Sequence[StoredRun]) -> list[list[StoredRun]]:
    """Group runs into those that one command made, in the order of time."""
    ordered = sorted(runs, key=lambda run: run.outline.header.created)
    groups = group_runs([str(run.path) for run in ordered], [run.outline for run in ordered])
    return [[ordered[place] for place in group.runs] for group in groups]


def _samples(runs: Sequence[StoredRun], lengths: Sequence[int]) -> list[BaselineSamples]:
    """Give each metric of each step that all runs have; the first `lengths[0]` runs are the new ones."""
    starts = [np.cumsum([0, *(len(step.metrics) for step in run.outline.steps)]).tolist() for run in runs]
    found = []
    for step in align([run.outline for run in runs]):
        if len(step.places) < len(runs):
            continue
        rows = []
        for number, run in enumerate(runs):
            position = step.places[number]
            first, names = starts[number][position], run.outline.steps[position].metrics
            rows.append({(d, m): float(run.values[first + i]) for i, (d, m, _) in enumerate(names)})
        for direction, metric in rows[0]:
            if direction not in DIRECTIONS or metric not in METRICS:
                continue
            values = [row.get((direction, metric), 0.0) for row in rows]
            if min(values) > 0:
                found.append(_sample(f"{step.label} {direction}", metric, values, lengths))
    if not found:
        raise InputError("the runs have no metric in common that could be judged")
    return found


def _sample(job: str, metric: str, values: Sequence[float], lengths: Sequence[int]) -> BaselineSamples:
    ends = np.cumsum(lengths).tolist()
    parts = [tuple(values[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    latency = metric.startswith("latency")
    return BaselineSamples(
        job, metric, tuple(parts[1:]), parts[0], not latency, floor_of(metric), BIN_WIDTH if latency else 0.0
    )


def _check_facts(candidate: Sequence[StoredRun], earlier: Sequence[StoredRun], ignored: Sequence[str]) -> None:
    """Refuse what is not comparable. Raises `InputError` that says what differs and how it can be allowed."""
    facts = [_facts(run) for run in (*candidate, *earlier)]
    for name in (*MACHINE, *DEVICE, "preconditioning"):
        seen = dict.fromkeys(str(one[name]) for one in facts if one.get(name) is not None)
        if len(seen) > 1 and name not in ignored:
            raise _not_comparable(name, f"it is {' in some and '.join(list(seen)[:3])} in others")
    own, others = facts[: len(candidate)], facts[len(candidate) :]
    for name, most, unit in (
        ("temperature", LARGEST_TEMPERATURE_DIFFERENCE, "°C"), ("wear", LARGEST_WEAR_DIFFERENCE, "%")
    ):  # fmt: skip
        known = [float(one[name]) for one in others if isinstance(one.get(name), int | float)]
        for value in [float(one[name]) for one in own if isinstance(one.get(name), int | float)]:
            nearest_one = min(known, key=lambda other, value=value: abs(other - value), default=value)  # type: ignore[misc]
            if abs(nearest_one - value) > most and name not in ignored:
                raise _not_comparable(
                    name, f"it is {value:g} {unit}, of the earlier runs it was {nearest_one:g} {unit}"
                )


def _not_comparable(name: str, how: str) -> InputError:
    return InputError(
        f"the runs are not comparable: {name} differs, {how}",
        hint=f"If this is what you want to judge, allow it by --ignore-difference {name}, or measure by storbench ab.",
    )


def _facts(run: StoredRun) -> dict[str, Any]:
    with open_run(run.path) as opened:
        return {**{name: run.outline.facts.get(name) for name in MACHINE}, **device_facts(opened)}


def device_facts(run: Run) -> dict[str, Any]:
    """Give what of the device's state at the start of a run a comparison depends on; None for what was not known."""
    device: Mapping[str, Any] = run.provenance.get("device_start") or {}
    health: Mapping[str, Any] = run.provenance.get("health_start") or {}
    # Whether a file had to be filled first, or was there from the run before, makes no difference to what is measured.
    prepared = [
        step.label for step in run.steps
        if step.kind in ("precondition", "purge") and not step.label.startswith("prefill")
    ]  # fmt: skip
    return {
        **{name: device.get(name) for name in DEVICE},
        "preconditioning": ", ".join(prepared) or "none",
        "temperature": health.get("temperature"),
        "wear": health.get("percentage_used"),
    }
