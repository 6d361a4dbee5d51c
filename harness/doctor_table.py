"""The doctor's findings as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .doctor import Finding

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

_STYLE = {"ok": "green", "warning": "yellow", "problem": "red", "unknown": "dim"}


def findings_table(findings: Sequence[Finding]) -> Group:
    """Give one line per finding; what is not ok with why it matters and what to do."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    blocks: list[RenderableType] = []
    for finding in findings:
        blocks.append(Text.assemble((f"{finding.status:8}", _STYLE[finding.status]), f"{finding.name}: {finding.seen}"))
        if finding.status != "ok":
            if finding.why:
                blocks.append(Padding(Text(finding.why, style="dim"), (0, 0, 0, 8)))
            if finding.advice:
                blocks.append(Padding(Text(f"→ {finding.advice}"), (0, 0, 0, 8)))
    counts = {status: sum(f.status == status for f in findings) for status in _STYLE}
    told = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    return Group(*blocks, Text(f"\n{told}", style="bold"))
