"""Measures how noisy this machine is: one load again and again on one device."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from ..common.errors import InputError, MeasurementError
from ..results.baseline_files import samples_of_runs
from ..results.noise import FEWEST_RUNS, Noise, NoiseSamples, noise_of
from ..results.paired import CONFIDENCE
from ..results.run_file import read_outline
from .session import ObserverFactory, Options, execute, prepare

DEFAULTS: dict[str, object] = {"queue_depth": "1", "read_fraction": "1", "duration": "2s"}
"""The load where none is described: random reads of 4 KiB, one at a time."""
DEFAULT_WORKLOAD = "randrw"


def measure_runs(
    workload: str | None, device: str, given: Mapping[str, object], runs: int, options: Options,
    observer_of: ObserverFactory, on_run: Callable[[int], None],
) -> list[Path]:  # fmt: skip
    """Measure one load `runs` times and give the run files. Everything is checked before the first I/O.

    Raises `InputError` for too few runs, `MeasurementError` where a run does not complete.
    """
    if runs < FEWEST_RUNS:
        raise InputError(
            f"{runs} runs are too few to tell a spread", hint=f"Measure {FEWEST_RUNS} or more; 20 is good."
        )
    settings = dict(given) if workload else {**DEFAULTS, **given}
    folder = _new_folder(options.output)
    options = msgspec.structs.replace(options, output=folder / "run.h5", repeat=runs)
    files = []
    for number, run in enumerate(prepare(workload or DEFAULT_WORKLOAD, [device], settings, options), 1):
        on_run(number)
        (finished,) = execute([run], observer_of)
        if finished.status == "ABORTED":
            raise KeyboardInterrupt
        if finished.status != "COMPLETED":
            raise MeasurementError(f"{finished.path.name} ended {finished.status}: {finished.reason}")
        files.append(finished.path)
    return files


def noise_of_files(paths: Sequence[Path], confidence: float = CONFIDENCE) -> list[Noise]:
    """Say how noisy equal runs are, metric by metric. Raises `InputError` for runs that cannot be judged together."""
    outlines = [read_outline(path)[0] for path in paths]
    order = sorted(range(len(paths)), key=lambda place: outlines[place].header.created)
    starts = [datetime.fromisoformat(outlines[place].header.created).timestamp() for place in order]
    samples = samples_of_runs([paths[place] for place in order])
    return [
        noise_of(
            NoiseSamples(
                one.job, one.metric, one.candidate, tuple(start - starts[0] for start in starts), one.higher_is_better,
                one.floor, one.resolution,
            ),
            len(samples),
            confidence,
        )
        for one in samples
    ]  # fmt: skip


def _new_folder(output: Path | None) -> Path:
    folder = output or Path("runs") / f"noise-{uuid.uuid4().hex[:8]}"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder", hint="Name another one with -o.")
    return folder
