"""What fault classes came to, on a terminal: a matrix fault × invariant, then what is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..results.faults.findings import INVARIANTS, FaultFinding, FaultFindings, times
from .columns import Column, FirstFitting, layout_of
from .names import letters

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..results.comparison import Comparison
    from ..results.faults.side_by_side import Outcome

WORDS = {
    "PASS": ("ok", "green"),
    "MARGINAL": ("marg", "yellow"),
    "FAIL": ("FAIL", "bold red"),
    "NOT_EVALUATED": ("·", "dim"),
}
"""Verdict to its word in a cell and its style: readable without colours as well."""
_SHORT = {**{name: (name, style) for name, (_, style) in WORDS.items()}, "NOT_EVALUATED": ("–", "dim")}
_METRICS = (
    ("detection_s", "detected after"), ("outage_s", "outage"), ("longest_io_s", "longest I/O"),
    ("dip_depth", "dip"), ("area_lost", "lost"), ("recovery_s", "recovery"), ("mttr_s", "MTTR"),
    ("availability", "availability"), ("p50_ratio", "p50"), ("p99_ratio", "p99"), ("resync_s", "resync"),
    ("errors", "errors"),
)  # fmt: skip
_SILENT_AT_ZERO = frozenset({"outage_s", "dip_depth", "area_lost", "errors", "recovery_s"})


def faults_summary(findings: FaultFindings) -> list[RenderableType]:
    """Give the matrix, its legend, and for each class its numbers and what was found."""
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = [_matrix(findings)]
    legend = "\n".join(f"{name}  {meaning}" for name, meaning in INVARIANTS.items())
    parts += ["", Text(f"{legend}\n·   not evaluated", "dim"), ""]
    for finding in findings.faults:
        if not finding.missing:
            word, style = WORDS[finding.verdict]
            head = Text.assemble((finding.fault, "bold"), "  ", (word, style))
            if finding.named:
                head.append(f"  {', '.join(finding.named)}", style="yellow" if finding.verdict != "FAIL" else "red")
            parts.append(head)
            parts += [Padding(Text(line, "dim"), (0, 0, 0, 2)) for line in _lines(finding)]
    parts += [Text(line, "dim") for line in _missing(findings.faults)]
    return parts


def compared_faults(comparison: Comparison) -> RenderableType:
    """Show a line for each class: of each subject verdict, outage and recovery."""
    from rich.console import Group
    from rich.text import Text

    def outcomes(subject: int) -> list[Outcome | None]:
        return [one.outcomes[subject] for one in comparison.faults]

    name = Column("fault class", [one.fault for one in comparison.faults], words=True)
    full, verdicts = [name], [name]
    for subject in range(len(comparison.subjects)):
        found = outcomes(subject)
        words = [Text(*_SHORT[one.verdict]) if one else Text("") for one in found]
        full += [
            Column(f"{letters(subject)}\nverdict", words, words=True, apart=True),
            Column("\noutage", [seconds_of(one.outage_s if one else None) for one in found]),
            Column("\nrecovery", [seconds_of(one.recovery_s if one else None) for one in found]),
        ]
        verdicts.append(Column(letters(subject), words, words=True))
    table = FirstFitting([layout_of(full), layout_of(verdicts)])
    if not any(one and one.verdict == "NOT_EVALUATED" for fault in comparison.faults for one in fault.outcomes):
        return table
    return Group(table, Text("–   not evaluated: storbench show says why", "dim"))


def seconds_of(value: float | None) -> str:
    """Give a time, a dash for none."""
    return "–" if value is None else f"{value:.2f} s"


def figures_of(finding: FaultFinding) -> list[str]:
    """Say the numbers of a class, each in a few words."""
    told = []
    for name, title in _METRICS:
        metric = next((one for one in finding.metrics if one.name == name), None)
        if metric is None or metric.value is None or (name in _SILENT_AT_ZERO and not metric.value):
            continue
        text = f"{title} {_value(name, metric.value)}"
        if metric.low is not None and metric.high is not None and name == "mttr_s":
            text += f" ({_value(name, metric.low)} to {_value(name, metric.high)})"
        told.append(text)
    return told


def _value(name: str, value: float) -> str:
    if name.endswith("_s"):
        return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.3g} ms"
    if name.endswith("_ratio"):
        return f"× {times(value)}"
    return f"{value:,.0f}" if name == "errors" else f"{value:.1%}"


def _matrix(findings: FaultFindings) -> RenderableType:
    """Show a line for each class, and a column for each invariant. Cells are never cut: verdicts become shorter."""
    from rich.text import Text

    found = findings.faults
    columns = [Column("fault class", [one.fault for one in found], words=True)]
    for place, name in enumerate(INVARIANTS):
        columns.append(Column(name, [Text(*WORDS[one.cells[place].verdict]) for one in found], words=True))
    ways = [[Text(*words[one.verdict]) for one in found] for words in (_SHORT, WORDS)]
    return FirstFitting([layout_of([*columns, Column("verdict", words, words=True)]) for words in ways])


def _lines(finding: FaultFinding) -> Iterator[str]:
    figures = figures_of(finding)
    if figures:
        yield " · ".join(figures)
    for cell in finding.cells:
        if cell.verdict in ("FAIL", "MARGINAL"):
            yield f"{cell.invariant} {WORDS[cell.verdict][0]}: {cell.reason}"
    yield from finding.notes


def _missing(faults: Sequence[FaultFinding]) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for finding in faults:
        if finding.missing:
            reasons.setdefault(finding.missing, []).append(finding.fault)
    for reason, names in reasons.items():
        yield f"Not evaluated: {', '.join(names)}: {reason}."
