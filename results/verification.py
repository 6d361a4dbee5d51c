"""Whether a run file is what it was when it was sealed, and if not, what was changed.

Each question has an answer of its own, because each has another meaning: the signature (who says so), the bytes (is
this what they said it about), the digests (which part was changed), the journal's chain (was the order of events kept),
the agreement of journal and steps, and the verdicts, which are worked out anew from the stored measurements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import h5py
import msgspec

from ..common.errors import RunFileError
from .digests import Change, changes, digests_of, manifest_digest, read_digests
from .measurement import Measurement
from .run_file import Run, StepView, open_run
from .signature import Signed, fingerprint_of, read_signature

SignatureAnswer = Literal["valid", "valid, key not given", "another key", "invalid", "missing"]
_FIRST = "0" * 64
_HEAD = ("run", "workload", "device", "status", "verdict", "conformance", "created")
"""Attributes of a file's root that the statement repeats."""


class Verification(msgspec.Struct, frozen=True):
    """All answers about one file."""

    path: str
    signature: SignatureAnswer
    signature_reason: str = ""
    signed_by: str = ""
    """Fingerprint of the key that the signature was made with."""
    signed_statement: dict[str, Any] = {}
    """What was signed: run, device, verdict, time."""
    content_matches: bool | None = None
    """Whether the bytes are those that were signed; None where nothing valid was signed."""
    damaged: str = ""
    """Why it cannot be read as a run file; empty where it can."""
    digests: Literal["agree", "differ", "none", "unreadable"] = "none"
    changed: tuple[Change, ...] = ()
    journal: str = ""
    """What is wrong with the chain; empty where it is intact."""
    journal_kept: bool = True
    """Whether there is one: an imported run has none, and nothing that its steps could be compared with."""
    steps: tuple[str, ...] = ()
    """Steps whose stored result is not the one in the journal."""
    verdicts: tuple[str, ...] = ()
    """Verdicts and classes that the stored measurements do not give."""
    statement: tuple[str, ...] = ()
    """Where the file's head says something else than what was signed."""

    @property
    def intact(self) -> bool:
        """Whether nothing was changed; a missing signature is no change."""
        return (
            not self.damaged and self.signature != "invalid" and self.content_matches is not False
            and self.digests in ("agree", "none") and not self.journal and not self.steps and not self.verdicts
            and not self.statement
        )  # fmt: skip


def verify_file(path: Path, key: bytes | None = None) -> Verification:
    """Verify a run file. `key` is the raw public key that it must be signed with, where one is expected.

    Raises `RunFileError` where there is no file. A damaged one is an answer, not an error. HDF5 may turn round for ever
    on a file with changed bytes: see `verify_signature` for what never does.
    """
    found, signed = _signed(path, key)
    if signed is None:
        return found
    try:
        return msgspec.structs.replace(found, **_content(path, signed))
    # h5py raises nearly anything for a file with changed bytes, and each of them means the same.
    except Exception as error:  # noqa: BLE001
        return msgspec.structs.replace(found, damaged=_reason(error))


def verify_signature(path: Path, key: bytes | None = None) -> Verification:
    """Answer what the signature and the bytes alone tell. Raises `RunFileError` where there is no file."""
    return _signed(path, key)[0]


def _signed(path: Path, key: bytes | None) -> tuple[Verification, Signed | None]:
    if not path.is_file():
        raise RunFileError(f"{path} does not exist")
    try:
        block = _user_block(path)
    except OSError as error:
        return Verification(str(path), "invalid", damaged=_reason(error)), None
    signed = read_signature(path, block)
    found = Verification(
        str(path), _answer(signed, key), signed.reason, signed.fingerprint,
        msgspec.to_builtins(signed.statement.predicate) if signed.statement else {},
        signed.content_matches if signed.state == "valid" else None,
    )  # fmt: skip
    return found, signed


def _user_block(path: Path) -> int:
    """Find where HDF5 begins: at byte 0, 512, 1024, 2048, … Raises `OSError` where it does nowhere."""
    size = path.stat().st_size
    with path.open("rb") as file:
        place = 0
        while place < size:
            file.seek(place)
            if file.read(8) == b"\x89HDF\r\n\x1a\n":
                return place
            place = place * 2 or 512
    raise OSError("it is no HDF5 file, or its first bytes were changed")


def _answer(signed: Signed, key: bytes | None) -> SignatureAnswer:
    if signed.state != "valid":
        return "invalid" if signed.state == "invalid" else "missing"
    if key is None:
        return "valid, key not given"
    return "valid" if signed.key == key else "another key"


def _content(path: Path, signed: Signed) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        stored = read_digests(file)
        if stored is not None:
            now = digests_of(file)
            found["changed"] = tuple(changes(stored, now))
            found["digests"] = "differ" if found["changed"] else "agree"
            manifest = manifest_digest(stored)
    with open_run(path) as run:
        found["journal"] = chain_fault(run.journal)
        found["journal_kept"] = bool(run.journal)
        if run.journal and not found["journal"]:
            found["steps"] = tuple(_differing_steps(run))
        found["verdicts"] = tuple(_other_verdicts(run))
        if signed.state == "valid" and signed.statement is not None:
            said = signed.statement.predicate
            head = {name: str(run.attributes.get(name, "")) for name in _HEAD}
            found["statement"] = tuple(
                f"{name} is '{value}', signed was '{getattr(said, name)}'"
                for name, value in head.items() if value != getattr(said, name)
            )  # fmt: skip
            if stored is not None and manifest != said.digests:
                found["statement"] += ("the list of digests is not the one that was signed",)
    return found


def chain_fault(journal: bytes) -> str:
    """Say which line of a journal does not follow the one before it; empty where all do."""
    previous = _FIRST
    for number, line in enumerate(journal.split(b"\n")[:-1], 1):
        try:
            document = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return f"line {number} of the journal cannot be read"
        if not isinstance(document, dict) or document.get("previous") != previous:
            return f"line {number} of the journal does not follow the line before it"
        previous = hashlib.sha256(line).hexdigest()
    return ""


def _differing_steps(run: Run) -> Iterator[str]:
    """Name the steps whose stored numbers are not those that the journal holds."""
    outcomes: dict[int, dict[str, Any]] = {}
    for line in run.journal.split(b"\n")[:-1]:
        document = msgspec.json.decode(line)
        if document.get("type") == "outcome":
            outcomes[document["index"]] = document
    steps = {step.index: step for step in run.steps}
    for index in sorted(outcomes.keys() | steps.keys()):
        if index not in steps or index not in outcomes:
            yield f"step {index} is in {'the journal' if index in outcomes else 'the file'} only"
        elif not _agrees(steps[index], outcomes[index]):
            yield f"step {index} '{steps[index].label}' is not what the journal says"


def _agrees(step: StepView, outcome: dict[str, Any]) -> bool:
    if step.status != outcome["status"]:
        return False
    told = outcome.get("measurement")
    if told is None or step.measurement is None:
        return (told is None) == (step.measurement is None)
    return _numbers(step.measurement) == _numbers(msgspec.convert(told, Measurement, str_keys=True))


def _numbers(measurement: Measurement) -> list[Any]:
    """Give what verdicts rest on: counts, rates, and the whole distributions of latency."""
    return [
        (part.ios, part.bytes, part.iops, part.bandwidth, part.latency.histogram)
        for part in (measurement.read, measurement.write, measurement.trim)
    ]


def _other_verdicts(run: Run) -> Iterator[str]:
    """Work out the class and the verdicts anew, and name what is stored otherwise."""
    from .conformance import conformance_of
    from .faults.analysis import fault_findings
    from .judgement import differences, judge, read_verdicts
    from .limits import limits_of

    if "specification" in run.recipe and (stored := str(run.attributes.get("conformance", ""))):
        grade = conformance_of(run).grade
        if grade != stored:
            yield f"the class is stored as {stored}; the measurements give {grade}"
    limits = limits_of(run.recipe)
    if limits is None:
        faults = fault_findings(run)
        if faults is not None:
            if faults.overall != run.header.verdict:
                yield f"the verdict is stored as {run.header.verdict}; the measurements give {faults.overall}"
        elif run.header.verdict not in ("", "NOT_EVALUATED"):
            yield f"the verdict is stored as {run.header.verdict}, but there are no limits"
        return
    anew = judge(run, limits)
    if anew.overall != run.header.verdict:
        yield f"the verdict is stored as {run.header.verdict}; the measurements give {anew.overall}"
    yield from differences(read_verdicts(run), anew)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def expected_key(raw: bytes | None) -> str:
    """Give the fingerprint of the key that was asked for, empty for none."""
    return fingerprint_of(raw) if raw else ""
