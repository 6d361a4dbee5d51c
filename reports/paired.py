"""The verdicts of interleaved pairs on a terminal: what changed, how sure that is, what could have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..results.paired import PairedVerdict
from .columns import Column, FirstFitting, layout_of, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLE = {"REGRESSED": "bold red", "IMPROVED": "bold green", "EQUIVALENT": "green", "INCONCLUSIVE": "yellow"}


def paired_table(found: Sequence[PairedVerdict], a: str, b: str) -> RenderableType:
    """Show a line for each metric of each job, then what the open ones would need."""
    from rich.console import Group
    from rich.text import Text

    verdict = Column("verdict", [Text(one.verdict, STYLE[one.verdict]) for one in found], words=True)
    job = Column("job", [printable(one.job) for one in found], words=True)
    metric = Column("metric", [one.metric.removeprefix("latency_") for one in found], words=True)
    change = Column("B to A", [f"{100 * (one.ratio - 1):+.1f} %" for one in found])
    interval = Column(
        "interval", [" to ".join(f"{100 * (end - 1):+.1f}" for end in one.interval) + " %" for one in found]
    )
    detectable = Column("detectable", [f"{100 * one.detectable_effect:.1f} %" for one in found])
    choices = (
        [verdict, job, metric, change, interval, detectable], [verdict, job, metric, change, detectable],
        [verdict, metric, change, detectable], [verdict, metric, change],
    )  # fmt: skip
    head = Text.assemble(("A  ", "bold"), printable(a), "\n", ("B  ", "bold"), printable(b))
    parts: list[RenderableType] = [head, "", FirstFitting([layout_of(choice) for choice in choices])]
    pairs, confidence = found[0].pairs, found[0].confidence
    parts.append(Text(
        f"{pairs} interleaved pairs; {confidence:.0%} for all of these together (Holm). Detectable: the smallest loss "
        "that these pairs had found in 80 % of cases.", style="dim",
    ))  # fmt: skip
    open_ones = [one for one in found if one.verdict == "INCONCLUSIVE"]
    needed = [one.more_pairs for one in open_ones]
    if open_ones:
        known = [count for count in needed if count is not None]
        more = f"about {max(known)} more pairs would decide" if len(known) == len(needed) else "some lie at their floor"
        parts.append(Text(f"{len(open_ones)} inconclusive: {more}.", style="yellow"))
    return Group("", *parts, "")
