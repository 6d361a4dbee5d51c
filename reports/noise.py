"""How noisy a machine is, on a terminal: the runs' own figures, and which loss how many pairs find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..results.noise import Noise, advice_of
from .columns import Column, FirstFitting, layout_of, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = (5, 10, 20, 30, 50)


def noise_tables(found: Sequence[Noise]) -> RenderableType:
    """Show a line for each metric of each job in two tables, then what follows from them."""
    from rich.console import Group
    from rich.text import Text

    job = Column("job", [printable(one.job) for one in found], words=True)
    metric = Column("metric", [one.metric.removeprefix("latency_") for one in found], words=True)
    figures = [
        Column("spread", [f"{100 * one.spread:.2f} %" for one in found]),
        Column("of pairs", [f"{100 * one.pair_spread:.2f} %" for one in found]),
        Column("autocorrelation", [_correlation(one) for one in found]),
        Column("drift", [f"{100 * one.drift:+.2f} %{'' if one.drifts else ' ?'}" for one in found]),
    ]
    pairs = [
        Column(f"{one.pairs}", [f"{100 * row.detectable[place].loss:.1f} %" for row in found])
        for place, one in enumerate(found[0].detectable)
        if one.pairs in _SHOWN
    ]
    first, level = found[0], f"{found[0].confidence:.0%}"
    parts: list[RenderableType] = [
        Text(f"{first.runs} equal runs, one after the other", "bold"),
        "",
        _table(job, metric, figures),
        Text(
            "Spread: standard deviation from run to run; of pairs: of the ratio of a run to the next. A drift with a "
            "question mark may be chance.", style="dim",
        ),
        "",
        Text(f"The smallest loss that so many interleaved pairs find in 80 % of cases, at {level}", "bold"),
        "",
        _table(job, metric, pairs),
        *(Text(f"{line}.", style="yellow") for line in advice_of(found)),
    ]  # fmt: skip
    return Group("", *parts, "")


def sources_table(rows: Sequence[tuple[str, str, str, str]]) -> RenderableType:
    """Show the sources of noise: name, what it is now, what would be quiet, why it matters."""
    from rich.text import Text

    names = [Text(name, "green" if now and now == quiet else "yellow" if now and quiet else "dim")
             for name, now, quiet, _ in rows]  # fmt: skip
    columns = [
        Column("source", names, words=True),
        Column("now", [printable(row[1]) or "not shown here" for row in rows], words=True),
        Column("quiet", [printable(row[2]) or "–" for row in rows], words=True),
        Column("why", [printable(row[3]) for row in rows], words=True),
    ]
    return FirstFitting([layout_of(columns), layout_of(columns[:3])])


def _table(job: Column, metric: Column, columns: Sequence[Column]) -> FirstFitting:
    return FirstFitting([layout_of([job, metric, *columns]), layout_of([metric, *columns])])


def _correlation(one: Noise) -> str:
    if one.autocorrelation is None:
        return "–"
    return f"{one.autocorrelation:+.2f}{'' if one.correlated else ' ?'}"
