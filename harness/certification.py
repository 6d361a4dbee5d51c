"""From a device to a certificate: what must hold before the first write, and the documents beside the sealed file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..common.errors import InputError, nearest
from ..common.files import write_atomic
from ..results.limits import Limits, check_limits
from ..results.run_file import Run
from ..workloads.base import Specified, Workload
from ..workloads.registry import find_workload, workloads

if TYPE_CHECKING:
    from .session import PlannedRun

HTML, JSON, JUNIT, PDF = ".certificate.html", ".certificate.json", ".junit.xml", ".certificate.pdf"
"""What the names of the documents end in, after the run file's own without `.h5`."""


class Document(msgspec.Struct, frozen=True):
    """One document of a certificate."""

    kind: str
    path: Path


def certifiable(name: str) -> Workload:
    """Find a workload that follows a published specification. Raises `InputError` for any other."""
    found = find_workload(name)
    if isinstance(found, Specified):
        return found
    known = [listed.name for listed in workloads() if isinstance(listed.object, Specified)]
    raise InputError(
        f"'{found.name}' follows no published specification, so there is nothing to certify by",
        hint=f"{nearest(name, known)} Measure it with `storbench run {name}`.",
    )


def check_measured(limits: Limits, run: PlannedRun) -> None:
    """Refuse limits for what the run will not measure. Raises `InputError` before anything was touched."""
    check_limits(limits, [step.labels for step in run.rehearsal.steps if step.kind == "measure"])


def check_pdf() -> None:
    """Raise `InputError` where a PDF cannot be made here."""
    if find_spec("weasyprint") is None:
        raise InputError("a PDF needs weasyprint", hint="Install it with: pip install 'storbench[pdf]'")


def documents_of(run_file: Path) -> list[Path]:
    """Name every document that a certificate may come with."""
    return [run_file.with_name(run_file.stem + ending) for ending in (HTML, JSON, JUNIT, PDF)]


def refuse_existing(run_files: Sequence[Path]) -> None:
    """Raise `InputError` where a document is there already."""
    for path in (document for run_file in run_files for document in documents_of(run_file)):
        if path.exists():
            raise InputError(f"{path} exists", hint="Certificates are never overwritten: name another place with -o.")


def write_certificate(run: Run, *, pdf: bool) -> list[Document]:
    """Write the certificate of a sealed run beside its file: HTML, JSON, JUnit XML, and PDF if asked for.

    Raises `InputError` where a file cannot be written, or where a PDF is asked for and weasyprint is not there.
    """
    from ..reports.certificate.documents import certificate_html, certificate_json, certificate_junit, certificate_pdf

    html = certificate_html(run)
    contents: list[tuple[str, str, str | bytes]] = [
        ("html", HTML, html),
        ("json", JSON, certificate_json(run)),
        ("junit", JUNIT, certificate_junit(run)),
    ]
    if pdf:
        contents.append(("pdf", PDF, certificate_pdf(html)))
    written = []
    for kind, ending, content in contents:
        path = run.path.with_name(run.path.stem + ending)
        try:
            write_atomic(path, content)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}") from None
        written.append(Document(kind, path))
    return written
