"""From a journal to a sealed run file: the one way, after a run as after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from .. import __version__
from ..common import processes
from ..common.errors import MeasurementError
from ..results.completion import complete
from ..results.io_log import IoLog
from ..results.record import RunHeader, RunRecord, StepRecord
from ..results.run_writer import write_run
from ..results.signature import USER_BLOCK
from .engines.fio.job_file import IO_LOG_COLUMNS
from .engines.fio.logs import parse_io_log
from .journal import JournalContents, Remark, Sample, StepBegins, StepEnds, read_journal
from .telemetry import COLUMNS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey


def seal(folder: Path, key: PrivateKey | None = None) -> Path:
    """Build the run file of a journal's folder, verify it, put it in place and remove the folder.

    With a `key` the file is signed.
    A journal without its stop document gives a file with the status INTERRUPTED. Raises `InputError` for a journal
    that was changed, `OSError` where the file cannot be written; the folder then stays.
    """
    contents = read_journal(folder)
    target = folder.parent / contents.start.output
    for part in folder.parent.glob(f".{target.name}.*.part"):
        part.unlink()  # of an earlier seal that was killed
    record = record_of(contents, folder)
    # Only what follows a specification is certified, and only that is signed.
    user_block = USER_BLOCK if key is not None or "specification" in record.recipe else 0
    write = partial(write_run, target, complete=partial(complete, name=target.name, key=key), user_block=user_block)
    try:
        write(record=record)
    except MeasurementError as error:
        # A log that cannot be read must not keep everything else from being sealed.
        write(record=_without_io_logs(record, error.problem))
    # Renamed first: a folder that is removed halfway must not look like an interrupted run.
    with processes.guarded_path(folder.with_name(f".{folder.name}.sealed")) as done:
        folder.rename(done)
    return target


def record_of(contents: JournalContents, folder: Path) -> RunRecord:
    """Give the run as values."""
    start, stop = contents.start, contents.stop
    samples = [d.values for d in contents.documents if isinstance(d, Sample)]
    columns = list(dict.fromkeys(name for sample in samples for name in sample))
    header = RunHeader(
        run=start.run,
        workload=start.recipe["workload"]["name"],
        device=start.recipe["device"],
        status=stop.status if stop else "INTERRUPTED",
        created=_iso(start.time),
        ended=_iso(stop.time) if stop else "",
        reason=stop.reason if stop else "the harness ended before the run did",
        storbench=__version__,
        engine=start.engine,
        campaign=start.campaign,
    )
    return RunRecord(
        header,
        start.recipe,
        {**start.provenance, **(stop.provenance if stop else {})},
        _steps(contents, folder),
        [d.text for d in contents.documents if isinstance(d, Remark)],
        {name: [sample.get(name, float("nan")) for sample in samples] for name in columns},
        {name: COLUMNS[name] for name in columns if name in COLUMNS},
        contents.whole,
    )


def _without_io_logs(record: RunRecord, reason: str) -> RunRecord:
    steps = [msgspec.structs.replace(step, io_log=None) for step in record.steps]
    notes = [*record.notes, f"the logs of single I/Os were left out: {reason}"]
    return msgspec.structs.replace(record, steps=steps, notes=notes)


def _steps(contents: JournalContents, folder: Path) -> list[StepRecord]:
    begun: dict[int, StepBegins] = {}
    steps: dict[int, StepRecord] = {}
    for document in contents.documents:
        if isinstance(document, StepBegins):
            begun[document.index] = document
        elif isinstance(document, StepEnds):
            steps[document.index] = _step(begun[document.index], document, folder)
    return [steps[index] for index in sorted(steps)]


def _step(begins: StepBegins, ends: StepEnds, folder: Path) -> StepRecord:
    files = folder / ends.folder
    return StepRecord(
        begins.index,
        begins.step["kind"],
        begins.step["label"],
        begins.step,
        ends.status,
        begins.time,
        ends.time,
        ends.error,
        ends.measurement,
        (files / ends.job_file).read_text() if ends.job_file else "",
        (files / ends.raw).read_bytes() if ends.raw else b"",
        _io_logs([files / name for name in ends.io_logs], ends.io_log_origin_ms) if ends.io_logs else None,
        ends.facts,
    )


def _io_logs(paths: list[Path], origin_ms: int) -> Callable[[], Iterable[IoLog]]:
    def parse() -> Iterator[IoLog]:
        for number, path in enumerate(paths):
            log = parse_io_log(path, IO_LOG_COLUMNS, job=number)
            yield msgspec.structs.replace(log, time_ms=log.time_ms - origin_ms) if origin_ms else log

    return parse


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
