"""Two sides measured in interleaved pairs; which goes first is drawn for each two pairs, so drift favours neither."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

from ..common.errors import InputError, MeasurementError, nearest
from ..results.baseline_files import LARGEST_TEMPERATURE_DIFFERENCE, LARGEST_WEAR_DIFFERENCE, device_facts
from ..results.interleaving import interleaved_order
from ..results.paired import BIN_WIDTH, PairedSamples, floor_of
from ..results.run_file import Run, open_run
from .session import Finished, ObserverFactory, Options, execute, prepare

METRICS = ("iops", "latency_p50", "latency_p99", "latency_p99.9")
"""What is compared of each step and direction, where both sides have it in every pair."""
_COMMAND_S = 600.0
_HOST = ("kernel", "fio", "governor", "turbo", "scheduler", "hostname")
EQUAL = ("firmware", "preconditioning", *_HOST, "recipe")
"""What must be the same in all runs."""
DIFFERENCES = (*EQUAL, "temperature", "wear")
"""What is looked at before anything is compared."""


class Side(msgspec.Struct, frozen=True):
    """One of the two: what it is measured on, and how."""

    name: str
    device: str
    settings: dict[str, object]
    before: str = ""
    """A command to run before each of its runs: another kernel's module, another build."""


class Pair(msgspec.Struct, frozen=True):
    """The run files of one pair."""

    baseline: Path
    candidate: Path


def measured_pairs(
    workload: str, sides: tuple[Side, Side], options: Options, folder: Path, pairs: int, seed: int,
    observer_of: ObserverFactory, on_pair: Callable[[int], None],
) -> Iterator[Pair]:  # fmt: skip
    """Measure pairs, one after the other. Everything is checked before the first I/O.

    Raises `MeasurementError` where a run does not complete, `InputError` where a side cannot be measured.
    """
    by_name = dict(zip("AB", sides, strict=True))
    for name in "AB":
        _prepared(workload, by_name[name], options, folder / f"check-{name.lower()}.h5")
    for number, order in enumerate(interleaved_order(pairs, seed), 1):
        on_pair(number)
        files: dict[str, Path] = {}
        for name in order:
            side = by_name[name]
            if side.before:
                _run_command(side.before)
            (run,) = _prepared(workload, side, options, folder / f"pair{number:03d}-{name.lower()}.h5")
            (finished,) = execute([run], observer_of)
            _complete(finished)
            files[name] = finished.path
        yield Pair(files["A"], files["B"])


def samples_of(pairs: Sequence[Pair], metrics: Sequence[str] = METRICS) -> list[PairedSamples]:
    """Give the family to judge: each metric of each step and direction that every run of the pairs has.

    The sides' steps belong together by their place, because a setting of one side may be in their labels; where one
    side has more of them, by their labels.
    """
    sides = [[_values(pair.baseline, metrics) for pair in pairs], [_values(pair.candidate, metrics) for pair in pairs]]
    labels = [side[0][0] for side in sides]
    if len(labels[0]) != len(labels[1]):
        labels = [[name for name in labels[0] if name in labels[1]]] * 2
    found = []
    for names in zip(*labels, strict=True):
        values = [[run[name] for _, run in side] for side, name in zip(sides, names, strict=True)]
        for direction, metric in values[0][0]:
            if all((direction, metric) in run for side in values for run in side):
                columns = [tuple(run[direction, metric] for run in side) for side in values]
                latency = metric.startswith("latency")
                found.append(
                    PairedSamples(
                        f"{_joined(*names)} {direction}", metric, columns[0], columns[1], not latency,
                        floor_of(metric), BIN_WIDTH if latency else 0.0,
                    )
                )  # fmt: skip
    return found


def _joined(a: str, b: str) -> str:
    """Give one name for the steps of both sides: `4KiB qd1→qd2`."""
    if a == b:
        return a
    words = list(zip(a.split(), b.split(), strict=False))
    if len(a.split()) != len(b.split()):
        return f"{a} → {b}"
    return " ".join(one if one == other else f"{one}→{other}" for one, other in words)


def guard(pairs: Sequence[Pair], *, same_settings: bool, ignored: Sequence[str] = ()) -> None:
    """Refuse to compare what is not comparable, unless it is `ignored`. Raises `InputError` that says what differs.

    Firmware, machine and preconditioning must be the same in all runs, and the recipe too, unless the sides' settings
    were given to differ; temperature and wear of the sides must be near each other.
    """
    check_ignored(ignored)
    sides = [[_comparable(pair.baseline) for pair in pairs], [_comparable(pair.candidate) for pair in pairs]]
    for name in EQUAL:
        seen = {str(one[name]) for side in sides for one in side}
        if len(seen) > 1 and name not in ignored and not (name == "recipe" and not same_settings):
            raise _not_comparable(name, f"{name} is {' in some and '.join(sorted(seen))} in others")
    for name, most, unit in (
        ("temperature", LARGEST_TEMPERATURE_DIFFERENCE, "°C"), ("wear", LARGEST_WEAR_DIFFERENCE, "%")
    ):  # fmt: skip
        known = [[float(str(one[name])) for one in side if one[name] is not None] for side in sides]
        if all(known) and name not in ignored:
            a, b = (median(values) for values in known)
            if abs(a - b) > most:
                raise _not_comparable(name, f"{name} is {a:g} {unit} at A and {b:g} {unit} at B")


def check_ignored(names: Sequence[str]) -> None:
    """Refuse a difference that there is none of. Raises `InputError` with the nearest."""
    for name in names:
        if name not in DIFFERENCES:
            raise InputError(f"there is no difference '{name}'", hint=nearest(name, DIFFERENCES))


def _not_comparable(name: str, how: str) -> InputError:
    return InputError(
        f"the runs are not comparable: {how}",
        hint=f"Compare what differs in one thing only. If this is it, allow it: --ignore-difference {name}.",
    )


def _prepared(workload: str, side: Side, options: Options, output: Path) -> list:  # type: ignore[type-arg]
    return prepare(workload, [side.device], side.settings, msgspec.structs.replace(options, output=output))


def _complete(finished: Finished) -> None:
    if finished.status == "ABORTED":
        raise KeyboardInterrupt
    if finished.status != "COMPLETED":
        raise MeasurementError(f"{finished.path.name} ended {finished.status}: {finished.reason}")


def _run_command(command: str) -> None:
    """Run what the user typed, by a shell, as they would. Raises `MeasurementError` where it fails."""
    try:
        done = subprocess.run(  # noqa: S602 - the command is the user's own, typed for this
            command,
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"'{command}' took longer than {_COMMAND_S:.0f} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise MeasurementError("\n  ".join([f"'{command}' ended with {done.returncode}", *said]))


def _values(path: Path, metrics: Sequence[str]) -> tuple[list[str], dict[str, dict[tuple[str, str], float]]]:
    """Give the labels of the measured steps, and of each its values by direction and metric."""
    with open_run(path) as run:
        table = run.table
        names = {int(step.index): step.label for step in run.measured}
        found: dict[str, dict[tuple[str, str], float]] = {label: {} for label in names.values()}
        rows = zip(table["step"], table["direction"], table["metric"], table["value"], strict=True)
        for step, direction, metric, value in rows:
            if int(step) in names and str(metric) in metrics and str(direction) in ("read", "write") and value > 0:
                found[names[int(step)]][str(direction), str(metric)] = float(value)
        return list(found), found


def _comparable(path: Path) -> Mapping[str, object]:
    with open_run(path) as run:
        facts = device_facts(run)
        firmware = facts["firmware"] if facts["firmware"] is not None else facts["disk_firmware"]
        return {**facts, "firmware": firmware, **_host_facts(run), "recipe": run.recipe.get("parameters")}


def _host_facts(run: Run) -> dict[str, object]:
    known = {**(run.provenance.get("host") or {}), **(run.provenance.get("environment_start") or {})}
    return {name: known.get(name) for name in _HOST}


def new_folder(output: Path | None) -> Path:
    """Give the folder for the pairs' files, in runs/ unless one is named. Raises `InputError` for one with files."""
    folder = output or Path("runs") / f"ab-{uuid.uuid4().hex[:8]}"
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty", hint="Name another folder with -o.")
    return folder
