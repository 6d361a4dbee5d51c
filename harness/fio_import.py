"""fio's own results become a run: one JSON file, or a folder of them such as bench-fio leaves.

Each job of each file is a step, in the order of the files' times; clients of one job (`numjobs` without
`group_reporting`) are one step. Nothing is recomputed: the numbers are fio's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..common.errors import InputError, MeasurementError, StorbenchError
from ..common.files import writable_folder
from ..results.record import RunHeader, RunRecord, StepRecord
from ..results.run_writer import write_run
from ..workloads.fio_file import job_of_options
from ..workloads.job import Job, default_label
from .engines.fio.output import (
    FioDocument,
    FioJob,
    decode_document,
    documents_in,
    errors_in,
    jobs_of_document,
    measurement_of,
)
from .environment import host_facts


def import_results(source: Path, output: Path | None) -> Path:
    """Read `source`, write a run file, give its path.

    Raises `InputError` where there is no fio JSON in it; in a folder, files that are none are named in the run's notes.
    """
    files = _json_files(source)
    target = output or Path("runs") / f"import-{source.stem}.h5"
    if target.exists():
        raise InputError(f"{target} exists", hint="Results are never overwritten: name another with -o.")
    writable_folder(target.parent)
    steps: list[StepRecord] = []
    notes: list[str] = []
    for path in files:
        try:
            steps += _steps_of(path, first=len(steps))
        except StorbenchError as error:
            if source.is_file():
                raise InputError(f"{path}: {error.problem}", hint=error.hint) from None
            notes.append(f"{path.relative_to(source)} was left out: {error.problem}")
    if not steps:
        raise InputError(f"{source} holds no fio JSON", hint="Run fio with --output-format=json+ --output=FILE.")
    write_run(target, _record(source, steps, notes))
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


def _steps_of(path: Path, first: int) -> list[StepRecord]:
    content = path.read_bytes()
    found, words = documents_in(content)
    if not found:
        raise MeasurementError("there is no whole JSON document in it")
    document = decode_document(found[-1])
    jobs = jobs_of_document(document)
    if not jobs:
        raise MeasurementError("fio reports no job in it")
    return [
        _step(first + number, document, group, found[-1] if number == 0 else b"", words)
        for number, group in enumerate(_clients_together(jobs))
    ]


def _clients_together(jobs: list[FioJob]) -> Iterator[list[FioJob]]:
    """Group the clients of one job: same name and options."""
    for _, group in groupby(jobs, key=lambda job: (job.jobname, sorted(job.options.items()))):
        yield list(group)


def _step(index: int, document: FioDocument, jobs: list[FioJob], raw: bytes, words: list[str]) -> StepRecord:
    shared = document.global_options if isinstance(document.global_options, dict) else {}
    options = {**shared, **jobs[0].options}
    job, left = job_of_options(options)
    measurement = measurement_of(document, jobs, errors_in(words) or None)
    failed = next((one.error for one in jobs if one.error), 0)
    ended = (document.timestamp_ms or document.timestamp * 1000) / 1000
    step: dict[str, Any] = {
        "kind": "measure",
        "label": jobs[0].jobname or default_label(job),
        "job": msgspec.to_builtins(job),
        "labels": _labels(job),
        "fio_job_options": options,
    }
    return StepRecord(
        index,
        "measure",
        step["label"],
        step,
        "ERROR" if failed else "COMPLETED",
        ended - measurement.runtime_s,
        ended,
        f"fio reports error {failed}" if failed else "",
        msgspec.structs.replace(
            measurement,
            notes=[*measurement.notes, *([f"options without a counterpart: {', '.join(left)}"] if left else [])],
        ),
        raw=raw,
    )


def _labels(job: Job) -> Mapping[str, str | int | float]:
    return {
        "block_size": job.block_size,
        "queue_depth": job.queue_depth,
        "jobs": job.jobs,
        "read_fraction": job.read_fraction,
    }


def _record(source: Path, steps: list[StepRecord], notes: list[str]) -> RunRecord:
    failed = [step for step in steps if step.status != "COMPLETED"]
    target = next((s.step["fio_job_options"].get(k) for s in steps for k in ("filename", "directory", "uri")
                   if s.step["fio_job_options"].get(k)), "unknown")  # fmt: skip
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
