"""The journal: the truth while a run is under way.

`NAME.run/journal.jsonl` holds one document a line. Each line carries the SHA-256 of the line before, so that a change
anywhere shows; each is on the disk before the runner goes on. A run without its stop document was interrupted.

    start     what is run, on what, where: the recipe and the provenance
    step      a step begins
    outcome   how it ended, with its measurement
    sample    one row of telemetry (durable with the next outcome)
    note      a sentence for the reader
    stop      status and the state of host and device at the end
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ..common import processes
from ..common.errors import InputError
from ..common.files import sync_folder
from ..devices.base import Facts
from ..results.measurement import Measurement
from ..results.record import Campaign

JOURNAL_VERSION = 1
JOURNAL_NAME = "journal.jsonl"
_FIRST = "0" * 64


class Start(msgspec.Struct, frozen=True, tag="start", tag_field="type"):
    """The first document: everything that is known before the first I/O."""

    version: int
    run: str
    time: float
    output: str
    """Name of the run file that this journal becomes, in the folder that holds the journal's."""
    recipe: dict[str, Any]
    provenance: dict[str, Any]
    engine: str
    campaign: Campaign
    previous: str = ""


class StepBegins(msgspec.Struct, frozen=True, tag="step", tag_field="type"):
    """A step is about to be executed."""

    index: int
    time: float
    step: dict[str, Any]
    previous: str = ""


class StepEnds(msgspec.Struct, frozen=True, tag="outcome", tag_field="type"):
    """A step has ended; its engine's files lie in `folder`."""

    index: int
    time: float
    status: str
    error: str = ""
    measurement: Measurement | None = None
    folder: str = ""
    raw: str = ""
    job_file: str = ""
    io_logs: tuple[str, ...] = ()
    io_log_origin_ms: int = 0
    """What the times in the logs count from: 0 for the load's start, else Unix time in milliseconds."""
    facts: Facts = {}
    previous: str = ""


class Sample(msgspec.Struct, frozen=True, tag="sample", tag_field="type"):
    """One row of telemetry."""

    values: dict[str, float]
    previous: str = ""


class Remark(msgspec.Struct, frozen=True, tag="note", tag_field="type"):
    """A sentence for the reader of the run."""

    time: float
    text: str
    previous: str = ""


class Stop(msgspec.Struct, frozen=True, tag="stop", tag_field="type"):
    """The last document."""

    time: float
    status: str
    reason: str = ""
    provenance: dict[str, Any] = {}
    previous: str = ""


Document = Start | StepBegins | StepEnds | Sample | Remark | Stop

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Document] = msgspec.json.Decoder(Document)


def digest_of(line: bytes) -> str:
    """Give the hash that the next line carries."""
    return hashlib.sha256(line).hexdigest()


class Journal:
    """Append documents. Safe to use from the telemetry thread as well."""

    def __init__(self, folder: Path, *, previous: str = _FIRST) -> None:
        self.path = folder / JOURNAL_NAME
        self._previous = previous
        self._lock = threading.Lock()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        sync_folder(folder)

    @classmethod
    def begin(cls, folder: Path, start: Start) -> Self:
        """Make the folder of a run with its start document in it: whoever sees the folder can go on from it."""
        # Under a hidden name first, which the guardian removes should this process be killed before the rename.
        with processes.guarded_path(folder.with_name(f".{folder.name}.{start.run}")) as hidden:
            hidden.mkdir()
            with cls(hidden) as journal:
                journal.append(start)
            hidden.rename(folder)
        sync_folder(folder.parent)
        return cls.resume(folder)

    @classmethod
    def resume(cls, folder: Path) -> Self:
        """Go on with an interrupted journal, after cutting a ragged last line."""
        contents = read_journal(folder)
        os.truncate(folder / JOURNAL_NAME, len(contents.whole))
        return cls(folder, previous=digest_of(contents.whole.splitlines()[-1]))

    def append(self, document: Document, *, durable: bool = True) -> None:
        """Write one document; when this returns it is on the disk, unless `durable` is false."""
        with self._lock:
            line = _encoder.encode(msgspec.structs.replace(document, previous=self._previous))
            data = memoryview(line + b"\n")
            while data:
                data = data[os.write(self._descriptor, data) :]
            if durable:
                os.fsync(self._descriptor)
            self._previous = digest_of(line)

    def note(self, text: str) -> None:
        """Put a sentence on record."""
        self.append(Remark(time.time(), text))

    def close(self) -> None:
        """Close the file; the journal stays where it is."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class JournalContents(msgspec.Struct, frozen=True):
    """A journal as read: its documents and the bytes that hold them."""

    start: Start
    documents: list[Document]
    whole: bytes
    """Every complete line; what a killed writer left of one is not in it."""

    @property
    def stop(self) -> Stop | None:
        """The stop document, None for an interrupted run."""
        last = self.documents[-1]
        return last if isinstance(last, Stop) else None

    def outcomes(self) -> dict[int, StepEnds]:
        """Give how each step ended; of a step that was executed again, the last time."""
        return {d.index: d for d in self.documents if isinstance(d, StepEnds)}


def read_journal(folder: Path) -> JournalContents:
    """Read a journal and check its chain.

    Raises `InputError` where there is none, where it was changed, or where it ends before its start document.
    """
    path = folder / JOURNAL_NAME
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{folder} holds no journal: {error.strerror}", hint="Name the NAME.run folder of an interrupted run."
        ) from None
    whole = content[: content.rfind(b"\n") + 1]
    documents: list[Document] = []
    previous = _FIRST
    # Only "\n" ends a line: with splitlines a changed line end would go unnoticed.
    for number, line in enumerate(whole.split(b"\n")[:-1], start=1):
        try:
            document = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{path}, line {number}, cannot be read: {error}") from None
        if document.previous != previous:
            raise InputError(
                f"{path}, line {number}, does not follow the line before it: the journal was changed",
                hint="A changed journal is not evidence. Its fio output is still in the folders beside it.",
            )
        previous = digest_of(line)
        documents.append(document)
    if not documents or not isinstance(documents[0], Start):
        raise InputError(f"{path} holds no start document", hint="The run ended before anything was done: remove it.")
    if documents[0].version > JOURNAL_VERSION:
        raise InputError(f"{path} was written by a newer storbench", hint="Update storbench, or go on with that one.")
    return JournalContents(documents[0], documents, whole)
