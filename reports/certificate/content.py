"""Everything that a certificate says, collected once from a run file: what each of its forms is made of."""

from __future__ import annotations

from pathlib import Path

import h5py
import msgspec

from ...common.errors import InputError
from ...results.analysis import findings_of
from ...results.conformance import Conformance, conformance_of
from ...results.evidence import Evidence, evidence_of
from ...results.findings import Finding
from ...results.judgement import Judgement, read_verdicts
from ...results.run_file import Run
from ...results.signature import Signed, read_signature
from ...results.specification import Specification


class Content(msgspec.Struct, frozen=True):
    """What a certificate says."""

    specification: Specification
    conformance: Conformance
    judgement: Judgement | None
    """None where there were no limits."""
    findings: tuple[Finding, ...]
    evidence: Evidence
    signed: Signed

    @property
    def kind(self) -> str:
        """What was measured, where that was no hardware; empty where it was."""
        if self.conformance.simulated:
            return "simulated device: no hardware was measured"
        return "emulated device: no hardware was measured" if self.conformance.emulated else ""

    @property
    def verdict(self) -> str:
        """The overall verdict; empty where there were no limits."""
        return self.judgement.overall if self.judgement else ""

    @property
    def headline(self) -> str:
        """The one line: verdict, class, and whether hardware was measured."""
        verdict = self.verdict.replace("_", " ") or "NOT JUDGED"
        return " · ".join(filter(None, (verdict, self.conformance.grade, self.kind)))


def content_of(run: Run) -> Content:
    """Collect it. Raises `InputError` for a run that follows no specification."""
    if "specification" not in run.recipe:
        raise InputError(
            f"{run.path.name} follows no specification, so there is nothing to certify",
            hint="`storbench report` draws any run.",
        )
    return Content(
        msgspec.convert(run.recipe["specification"], Specification),
        conformance_of(run),
        read_verdicts(run),
        tuple(findings_of(run)),
        evidence_of(run),
        _signed(run.path),
    )


def _signed(path: Path) -> Signed:
    with h5py.File(path, "r") as file:
        return read_signature(path, int(file.userblock_size))
