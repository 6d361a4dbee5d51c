"""fio's own results become a run: one JSON file, or a folder of them such as bench-fio leaves.

Each job of each file is a step, in the order of the files' times; clients of one job (`numjobs` without
`group_reporting`) are one step. Nothing is recomputed: the numbers are fio's.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..common.errors import InputError, MeasurementError, StorbenchError
from ..common.files import writable_folder
from ..results.completion import complete
from ..results.record import RunHeader, RunRecord, StepRecord
from ..results.run_writer import write_run
from ..workloads.fio_file import job_of_options
from ..workloads.job import Job, default_label
from .engines.fio.output import (
    FioDocument,
    FioJob,
    decode_document,
    documents_in,
    errno_name,
    jobs_of_document,
    measurement_of,
)
from .environment import host_facts
from .naming import DEFAULT_FOLDER

_YEAR_2100 = 4_102_444_800


def import_results(source: Path, output: Path | None) -> Path:
    """Read `source`, write a run file, give its path.

    Raises `InputError` where there is no fio JSON in it; in a folder, files that are none are named in the run's notes.
    """
    target = _target(source, output)
    found: list[_Found] = []
    notes: list[str] = []
    for path in _json_files(source):
        try:
            found.append(_read(path, path.relative_to(source) if source.is_dir() else Path(path.name)))
        except StorbenchError as error:
            if source.is_file():
                raise InputError(f"{path}: {error.problem}", hint=error.hint) from None
            notes.append(f"{path.relative_to(source)} was left out: {error.problem}")
    if not found:
        raise InputError(
            "\n  ".join([f"{source} holds no fio JSON", *notes]),
            hint="Run fio with --output-format=json+ --output=FILE.",
        )
    parts = [part for one in sorted(found, key=lambda one: (one.ended, one.name)) for part in _parts(one)]
    steps = _steps(parts)
    record = _record(source, parts[0].target, steps, [*notes, *_target_notes(parts)])
    writable_folder(target.parent)
    write_run(target, record, complete=partial(complete, name=target.name))
    return target


def _target(source: Path, output: Path | None) -> Path:
    name = f"import-{source.resolve().stem if source.is_file() else source.resolve().name}.h5"
    target = output or DEFAULT_FOLDER / name
    if target.is_dir():
        target = target / name
    if target.suffix != ".h5":
        raise InputError(f"{target} is neither a folder nor a .h5 file", hint="End the name in .h5, or name a folder.")
    if target.exists():
        raise InputError(f"{target} exists", hint="Results are never overwritten: name another with -o.")
    return target


def _json_files(source: Path) -> list[Path]:
    if not source.exists():
        raise InputError(f"there is no {source}")
    if source.is_file():
        return [source]
    files = sorted(path for path in source.rglob("*.json") if path.is_file())
    if not files:
        raise InputError(f"{source} holds no .json file")
    return files


class _Found(msgspec.Struct, frozen=True):
    """One file of fio's."""

    name: Path
    """From the folder that is imported."""
    document: FioDocument
    raw: bytes
    ended: float


class _Part(msgspec.Struct, frozen=True):
    """What becomes one step: the clients of one job."""

    file: _Found
    jobs: list[FioJob]
    options: dict[str, str]
    job: Job
    left: list[str]
    """Options without a counterpart."""
    first: bool

    @property
    def target(self) -> str:
        """Where the load went, as fio was told."""
        return next((self.options[k] for k in ("filename", "directory", "uri") if self.options.get(k)), "unknown")


def _read(path: Path, name: Path) -> _Found:
    try:
        content = path.read_bytes()
        changed = path.stat().st_mtime
    except OSError as error:
        raise InputError(f"it cannot be read: {error.strerror}") from None
    found, words = documents_in(content)
    if not found:
        said = f"; it begins with {words[0][:80]!r}" if words else ""
        raise MeasurementError(f"there is no whole JSON document in it{said}")
    document = decode_document(found[-1])
    jobs = jobs_of_document(document)
    if not jobs:
        raise MeasurementError("fio reports no job in it")
    # What cannot be measured is found here, where the file can still be left out.
    measurement_of(document, jobs)
    ended = (document.timestamp_ms or document.timestamp * 1000) / 1000
    return _Found(name, document, found[-1], ended if 0 < ended < _YEAR_2100 else changed)


def _parts(found: _Found) -> Iterator[_Part]:
    shared = found.document.global_options
    if isinstance(shared, list):  # of several servers, one each
        shared = shared[0] if shared else {}
    for number, jobs in enumerate(_clients_together(jobs_of_document(found.document))):
        options = {**shared, **jobs[0].options}
        job, left = job_of_options(options)
        yield _Part(found, jobs, options, job, left, number == 0)


def _steps(parts: list[_Part]) -> list[StepRecord]:
    """Number and name the steps: after fio's job, or after the load where different loads bear one name."""
    loads: dict[str, set[str]] = {}
    for part in parts:
        loads.setdefault(part.jobs[0].jobname, set()).add(default_label(part.job))
    several = len({part.target for part in parts}) > 1
    steps = []
    for index, part in enumerate(parts):
        name = part.jobs[0].jobname
        label = name if name and len(loads[name]) == 1 else default_label(part.job)
        steps.append(_step(index, part, f"{label} on {part.target}" if several else label))
    return steps


def _target_notes(parts: list[_Part]) -> list[str]:
    targets = sorted({part.target for part in parts})
    return [f"These results are of {len(targets)} targets: {', '.join(targets)}."] if len(targets) > 1 else []


def _clients_together(jobs: list[FioJob]) -> Iterator[list[FioJob]]:
    """Group the clients of one job: same name and options."""
    for _, group in groupby(jobs, key=lambda job: (job.jobname, sorted(job.options.items()))):
        yield list(group)


def _step(index: int, part: _Part, label: str) -> StepRecord:
    found = part.file
    measurement = measurement_of(found.document, part.jobs)
    number = next((one.error for one in part.jobs if one.error), 0)
    without = [f"options without a counterpart: {', '.join(part.left)}"] if part.left else []
    step: dict[str, Any] = {
        "kind": "measure",
        "label": label,
        "job": msgspec.to_builtins(part.job),
        "labels": _labels(part.job),
        "fio_job_options": part.options,
        "file": str(found.name),
    }
    return StepRecord(
        index,
        "measure",
        label,
        step,
        "ERROR" if number else "COMPLETED",
        found.ended - measurement.runtime_s,
        found.ended,
        f"fio reports {errno_name(number)} ({os.strerror(number)})" if number else "",
        msgspec.structs.replace(measurement, notes=[*measurement.notes, *without]),
        raw=found.raw if part.first else b"",
    )


def _labels(job: Job) -> Mapping[str, str | int | float]:
    return {
        "block_size": job.block_size,
        "queue_depth": job.queue_depth,
        "jobs": job.jobs,
        "read_fraction": job.read_fraction,
    }


def _record(source: Path, target: str, steps: list[StepRecord], notes: list[str]) -> RunRecord:
    failed = [step for step in steps if step.status != "COMPLETED"]
    header = RunHeader(
        run=uuid.uuid4().hex,
        workload="import",
        device=f"imported:{target}",
        status="ERROR" if failed else "COMPLETED",
        created=datetime.fromtimestamp(min(s.started for s in steps), UTC).isoformat(timespec="milliseconds"),
        ended=datetime.fromtimestamp(max(s.ended for s in steps), UTC).isoformat(timespec="milliseconds"),
        reason=failed[0].error if failed else "",
        storbench=__version__,
        engine=next((s.measurement.engine for s in steps if s.measurement), ""),
    )
    recipe = {"imported": str(source), "device": header.device}
    provenance = {"imported_by": host_facts(), "imported_at": time.time()}
    return RunRecord(
        header, recipe, provenance, steps, ["These results were imported: storbench did not measure them.", *notes]
    )
