"""The verdicts on a new run by its history on a terminal: what changed, how sure that is, what could have been seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..results.baseline import BaselineVerdict
from .columns import Column, FirstFitting, layout_of, printable, text_of
from .paired import STYLE

if TYPE_CHECKING:
    from rich.console import RenderableType


def baseline_table(found: Sequence[BaselineVerdict], remarks: Sequence[str]) -> RenderableType:
    """Show a line for each metric of each job, then what the open ones would need and what a reader must know."""
    from rich.console import Group
    from rich.text import Text

    verdict = Column("verdict", [Text(one.verdict, STYLE[one.verdict]) for one in found], words=True)
    job = Column("job", [printable(one.job) for one in found], words=True)
    metric = Column("metric", [one.metric.removeprefix("latency_") for one in found], words=True)
    change = Column("change", ["–" if one.ratio is None else f"{100 * (one.ratio - 1):+.1f} %" for one in found])
    interval = Column("interval", [_interval(one.interval) for one in found])
    spread = Column("spread", [_percent(one.spread) for one in found])
    detectable = Column("detectable", [_percent(one.detectable_effect) for one in found])
    choices = (
        [verdict, job, metric, change, interval, spread, detectable], [verdict, job, metric, change, detectable],
        [verdict, metric, change, detectable], [verdict, metric, change],
    )  # fmt: skip
    first = found[0]
    parts: list[RenderableType] = [FirstFitting([layout_of(choice) for choice in choices])]
    parts.append(Text(
        f"The new session of {_count(first.repeats, 'run')} against {_count(first.sessions, 'earlier session')}; "
        f"{first.confidence:.0%} for all of these together (Holm). Spread: from session to session. Detectable: the "
        "smallest loss that one session shows in 80 % of cases.", style="dim",
    ))  # fmt: skip
    parts += [Text(line, style="yellow") for line in _open(found)]
    parts += [text_of(f"{remark}.", "dim") for remark in remarks]
    return Group("", *parts, "")


def _open(found: Sequence[BaselineVerdict]) -> list[str]:
    """Say what would decide the inconclusive ones."""
    open_ones = [one for one in found if one.verdict == "INCONCLUSIVE"]
    if not open_ones:
        return []
    count = f"{len(open_ones)} inconclusive"
    if all(one.ratio is None for one in open_ones):
        return [f"{count}: there is no earlier session of this recipe; 3 are the least to judge by, 10 a good start."]
    if all(one.interval is None for one in open_ones):
        return [
            f"{count}: the history is too short to show how much sessions differ; 3 are the least, 10 a good start."
        ]
    needed = [one.sessions_needed for one in open_ones]
    known = [number for number in needed if number is not None]
    if known and len(known) == len(needed):
        return [f"{count}: a history of about {max(known)} sessions would decide; interleaved pairs need fewer runs."]
    return [f"{count}: no history is long enough for all of them; measure interleaved pairs with storbench ab."]


def _interval(ends: tuple[float, float] | None) -> str:
    return "–" if ends is None else " to ".join(f"{100 * (end - 1):+.1f}" for end in ends) + " %"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
