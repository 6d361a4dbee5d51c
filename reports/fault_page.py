"""Fault classes on the page: the matrix, and for each class what happened over time with the fault shaded."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.faults.analysis import fault_findings
from ..results.faults.findings import INVARIANTS, FaultFinding, FaultFindings, Timeline
from ..results.faults.side_by_side import compare_faults
from ..results.findings import Plot, Trace
from .faults import WORDS, figures_of, seconds_of
from .names import NamedRun
from .plot_svg import plot_svg
from .sections import Drawings, Picture, Section, Table

_LEAD = (
    "What must hold while something fails, and whether it did. The shade is the fault; dashed lines are what the load "
    "stays in without one."
)
_WIDTH = 420.0
"""Of a picture: two stand side by side on a page, and one is as wide as a telephone, where it must be legible."""


def faults_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None where no run had a fault. Several devices stand side by side."""
    found = [(run, findings) for run in runs if (findings := fault_findings(run.run)) is not None]
    if not found:
        return None
    table = _matrix(found[0][1]) if len(found) == 1 else _side_by_side(found)
    drawings = [
        Drawings(
            _heading(run if len(found) > 1 else None, finding),
            _pictures(finding),
            _words(finding),
        )
        for run, findings in found
        for finding in findings.faults
        if not finding.missing
    ]
    remarks = [". ".join(f"{name}: {meaning}" for name, meaning in INVARIANTS.items()) + "."]
    return Section("faults", "Faults", _LEAD, table=table, remarks=remarks, drawings=drawings)


def _heading(run: NamedRun | None, finding: FaultFinding) -> str:
    named = f": {', '.join(finding.named)}" if finding.named else ""
    return f"{run.tag + ' · ' if run else ''}{finding.fault}, {_word(finding.verdict)}{named}"


def _word(verdict: str) -> str:
    return "not evaluated" if verdict == "NOT_EVALUATED" else verdict


def _words(finding: FaultFinding) -> list[str]:
    bad = [f"{cell.invariant} {cell.verdict}: {cell.reason}." for cell in finding.cells
           if cell.verdict in ("FAIL", "MARGINAL")]  # fmt: skip
    figures = figures_of(finding)
    return [*([" · ".join(figures)] if figures else []), *bad, *finding.notes]


def _matrix(findings: FaultFindings) -> Table:
    columns = ["fault class", "verdict", *INVARIANTS]
    rows = [
        [finding.fault, _word(finding.verdict), *(WORDS[cell.verdict][0] for cell in finding.cells)]
        for finding in findings.faults
    ]
    reasons = [finding.missing for finding in findings.faults]
    if any(reasons):
        columns.append("why not")
        rows = [[*row, reason] for row, reason in zip(rows, reasons, strict=True)]
    return Table("Fault classes and invariants", columns, rows, range(len(columns)), [len(INVARIANTS) + 2])


def _side_by_side(found: Sequence[tuple[NamedRun, FaultFindings]]) -> Table:
    """Give one row a class: of each device the verdict, outage and recovery."""
    columns = ["fault class"]
    for run, _ in found:
        columns += [f"{run.tag}", f"{run.tag} outage", f"{run.tag} recovery"]
    rows = []
    for fault in compare_faults([[findings] for _, findings in found]):
        row = [fault.fault]
        for one in fault.outcomes:
            row += ["", "–", "–"] if one is None else [
                _word(one.verdict), seconds_of(one.outage_s), seconds_of(one.recovery_s)
            ]  # fmt: skip
        rows.append(row)
    words = [0, *range(1, len(columns), 3)]
    return Table("Fault classes, device by device", columns, rows, words)


def _pictures(finding: FaultFinding) -> list[Picture]:
    several = len(finding.timelines) > 1
    return [
        Picture(plot.title, plot_svg(plot, _WIDTH))
        for line in finding.timelines
        for repeat in (f", repeat {line.repeat + 1}" if several else "",)
        for plot in (_iops(line, f"IOPS{repeat}"), _latency(line, f"Latency{repeat}"))
    ]


def _iops(line: Timeline, title: str) -> Plot:
    guides = [_guide("range without a fault", line, level) for level in line.iops_band]
    return Plot(
        "iops", title, "time", "s", "IOPS", "1/s", (Trace("IOPS", line.time_s, line.iops), *guides), shaded=line.fault_s
    )


def _latency(line: Timeline, title: str) -> Plot:
    traces = [Trace("median", line.time_s, line.p50_ns), Trace("longest", line.time_s, line.max_ns)]
    if line.latency_band_ns:
        traces.append(_guide("limit of the median without a fault", line, line.latency_band_ns))
    return Plot("latency", title, "time", "s", "latency", "ns", tuple(traces), log_y=True, shaded=line.fault_s)


def _guide(name: str, line: Timeline, level: float) -> Trace:
    return Trace(name, (line.time_s[0], line.time_s[-1]), (level, level), "guide")
