"""The last that is done to a run file before it gets its name: class and verdicts, digests, signature.

Class and verdicts are worked out from the written file, as anybody will work them out again, and not from what is in
memory: what a file claims and what it holds cannot part.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import msgspec

from .conformance import conformance_of
from .digests import write_digests
from .faults.analysis import fault_findings
from .judgement import Judgement, judge, write_verdicts
from .limits import limits_of
from .outline import Outline
from .run_file import open_run
from .signature import sign_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CONFORMANCE = "conformance"
"""Root attribute: the class of a run of a specification."""


def complete(part: Path, name: str, key: Ed25519PrivateKey | None = None) -> None:
    """Add to a written file what follows from its content. `name` is the one that it will have.

    Raises `RunFileError` where it is to be signed and has no room for that.
    """
    with open_run(part) as run:
        findings = fault_findings(run)
        limits = limits_of(run.recipe)
        judgement = judge(run, limits) if limits is not None else None
        grade = conformance_of(run).grade if "specification" in run.recipe else ""
    with h5py.File(part, "r+", track_order=True) as file:
        if grade:
            file.attrs[CONFORMANCE] = grade
        if judgement is not None:
            _keep_verdicts(file, judgement)
        elif findings is not None:
            _keep_verdict(file, findings.overall)
        write_digests(file)
    if key is not None:
        sign_file(part, name, key)


def _keep_verdicts(file: h5py.File, judgement: Judgement) -> None:
    write_verdicts(file, judgement)
    _keep_verdict(file, judgement.overall)


def _keep_verdict(file: h5py.File, verdict: str) -> None:
    file.attrs["verdict"] = verdict
    outline = msgspec.json.decode(file["outline"][()], type=Outline)
    header = msgspec.structs.replace(outline.header, verdict=verdict)
    file["outline"][()] = msgspec.json.encode(msgspec.structs.replace(outline, header=header)).decode()
