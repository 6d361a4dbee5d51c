"""A certificate in short: on a terminal, and as a few facts for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ...results.run_file import Run
from ..columns import Column, FirstFitting, layout_of, printable
from ..wording import bound_text, value_text
from .content import content_of
from .steady_table import steady_words

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLE = {"PASS": "bold green", "MARGINAL": "bold yellow", "FAIL": "bold red", "NOT_EVALUATED": "bold yellow",
          "CONFORMANT": "bold green", "ADAPTED": "bold yellow", "INVALID": "bold red"}  # fmt: skip


def standing_of(run: Run) -> dict[str, Any]:
    """Give verdict, limits, class, deviations and steady states as plain facts."""
    content = content_of(run)
    return {
        "verdict": content.verdict or "NOT_EVALUATED",
        "limits": content.judgement.name if content.judgement else "",
        "conformance": content.conformance.grade,
        "simulated": content.conformance.simulated,
        "emulated": content.conformance.emulated,
        "deviations": msgspec.to_builtins(content.conformance.deviations),
        "faults": list(content.conformance.faults),
        "steady_state": {
            f"{finding.test} {finding.part}".rstrip(): finding.steady.first_steady_round
            for finding in content.findings if finding.steady is not None
        },
        "signed_by": content.signed.signer or None,
    }  # fmt: skip


def certificate_summary(run: Run) -> RenderableType:
    """Show what came out: head line, steady states, verdicts, deviations, what one must know."""
    from rich.console import Group
    from rich.text import Text

    content = content_of(run)
    spec = content.specification
    head = Text.assemble((f"{spec.standard} {spec.revision}, {spec.title}", "bold"), " on ",
                         (printable(run.header.device), "bold"))  # fmt: skip
    verdict, grade = content.verdict or "NOT JUDGED", content.conformance.grade
    line = Text.assemble(
        (verdict.replace("_", " "), _STYLE.get(content.verdict, "bold")), " · ", (grade, _STYLE[grade])
    )
    if content.kind:
        line.append(f" · {content.kind}", style="yellow")
    parts: list[RenderableType] = [head, line]
    for finding in content.findings:
        said = steady_words(finding)
        parts.append(Text(f"  {finding.title}: {said}" if said else f"  {finding.title}",
                          style="red" if said.startswith("STEADY STATE NOT") else ""))  # fmt: skip
    if content.judgement:
        parts += ["", _verdicts(content.judgement.verdicts)]
    listed = [(f"not valid: {fault}", "red") for fault in content.conformance.faults]
    listed += [
        (f"{one.what}: {one.actual} instead of {one.required}", "yellow") for one in content.conformance.deviations
    ]
    listed += [(note, "") for note in content.conformance.notes]
    if listed:
        parts.append("")
        parts += [Text(f"  · {printable(text)}", style=style) for text, style in listed]
    return Group("", *parts, "")


def _verdicts(verdicts: Any) -> RenderableType:
    from rich.text import Text

    word = Column("verdict", [Text(v.verdict, _STYLE[v.verdict]) for v in verdicts], words=True)
    limit = Column("limit", [v.id for v in verdicts], words=True)
    condition = Column("on", [v.condition for v in verdicts], words=True)
    numbers = [
        Column("demanded", [bound_text(v.at_least, v.at_most, v.unit) for v in verdicts]),
        Column("measured", [value_text(v.value, v.unit) for v in verdicts]),
    ]
    margin = Column("margin", ["–" if v.margin is None else f"{v.margin:+.1%}" for v in verdicts])
    choices = (
        [word, limit, condition, *numbers, margin],
        [word, limit, *numbers, margin],
        [word, limit, *numbers],
        [word, limit],
    )
    return FirstFitting([layout_of(choice) for choice in choices])
