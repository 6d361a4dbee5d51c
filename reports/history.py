"""What was found in a history, on a terminal: each change with its commit and size, then the series without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..results.history import Confirmation, FoundChange, HistoryFindings, SeriesFindings
from .columns import Column, FirstFitting, layout_of, printable, text_of

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLE = {"REGRESSED": "bold red", "IMPROVED": "bold green", "CHANGED": "yellow"}
_COMMIT = 10
_MOST_NAMED = 8


def history_table(found: HistoryFindings, name: str, remarks: Sequence[str] = ()) -> RenderableType:
    """Show a line for each change, those below the floor dimmed, then what did not change and what was left out."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_head(found, name), ""]
    changes = sorted(
        ((one, change) for one in found.series for change in (*one.changes, *one.smaller)),
        key=lambda pair: (found.series.index(pair[0]), pair[1].index),
    )
    if changes:
        parts.append(_changes(changes, found))
        parts += [Text(line, "dim") for line in _explained(changes, found)]
    else:
        parts.append(Text(f"No change in {count_of(len(found.series), 'series', 'series')}.", "green"))
    quiet = [one.series.name for one in found.series if not one.changes and not one.smaller]
    if changes and quiet:
        more = f" and {len(quiet) - _MOST_NAMED} more" if len(quiet) > _MOST_NAMED else ""
        parts.append(text_of(f"No change: {', '.join(quiet[:_MOST_NAMED])}{more}.", "green"))
    parts += [text_of(f"Not looked at: {one.metric}: {one.reason}.", "yellow") for one in found.skipped]
    parts += [text_of(f"{remark}.", "dim") for remark in (*found.table.remarks, *remarks)]
    return Group("", *parts, "")


def confirmation_lines(found: Sequence[Confirmation], left: int = 0) -> list[RenderableType]:
    """Say of each change that was measured again whether it is one, and how many older ones were not."""
    from rich.text import Text

    lines: list[RenderableType] = []
    for one in found:
        word, style = ("CONFIRMED", "bold red") if one.confirmed else ("NOT CONFIRMED", "bold green")
        before, after = (short_commit(commit) for commit in one.commits)
        low, high = (100 * (end - 1) for end in one.interval)
        lines.append(Text.assemble(
            (word, style), f"  {printable(one.metric)}: {after} against {before} {percent_of(one.ratio - 1)} "
            f"({low:+.1f} to {high:+.1f} %), {one.verdict} in {one.pairs} interleaved pairs"
        ))  # fmt: skip
    if left:
        lines.append(Text(f"{count_of(left, 'older change was', 'older changes were')} not measured again.", "yellow"))
    return lines


def count_of(number: int, one: str, many: str) -> str:
    """Give a number with its word."""
    return f"{number:,} {one if number == 1 else many}"


def date_of(time: float) -> str:
    """Give the day of a time."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")


def short_commit(commit: str) -> str:
    """Shorten what looks like a hash; leave a tag or a version as it is."""
    hashed = len(commit) > _COMMIT and all(letter in "0123456789abcdef" for letter in commit.lower())
    return commit[:_COMMIT] if hashed else printable(commit)


def percent_of(change: float) -> str:
    """Give a relative change."""
    return f"{100 * change:+.1f} %"


def _head(found: HistoryFindings, name: str) -> RenderableType:
    from rich.text import Text

    table, settings = found.table, found.settings
    rows = f"the last {settings.last:,} of {table.rows:,} rows" if settings.last else f"{table.rows:,} rows"
    times = [one.series.points for one in found.series]
    dates = ""
    if table.dated:
        first, last = min(points[0].time for points in times), max(points[-1].time for points in times)
        dates = f", {date_of(first)} to {date_of(last)}"
    return Text.assemble((printable(name), "bold"), f"  {rows}{dates}")


def _changes(changes: Sequence[tuple[SeriesFindings, FoundChange]], found: HistoryFindings) -> RenderableType:
    from rich.text import Text

    large = [change in one.changes for one, change in changes]
    verdict = Column(
        "",
        [Text(change.verdict, STYLE[change.verdict]) if big else Text("below the floor", "dim")
         for (_, change), big in zip(changes, large, strict=True)], words=True,
    )  # fmt: skip
    metric = Column("metric", [printable(change.metric) for _, change in changes], words=True)
    size = Column("change", [percent_of(change.relative_change) for _, change in changes])
    interval = Column("95 % interval", [" to ".join(f"{100 * end:+.1f}" for end in change.interval) + " %"
                                        for _, change in changes])  # fmt: skip
    commit = Column("commit", [short_commit(change.commit) for _, change in changes], words=True)
    row = Column("row", [str(change.index) for _, change in changes])
    rows = Column("or rows", [_rows(change) for _, change in changes])
    date = Column("date", [date_of(change.time) for _, change in changes], words=True)
    devices = {(change.workload, change.device, change.host) for _, change in changes}
    device = [Column("device", [printable(change.device) for _, change in changes], words=True)]
    device = device if len(devices) > 1 else []
    dated = [date] if found.table.dated else []
    choices = (
        [verdict, metric, *device, size, interval, commit, *dated, row, rows],
        [verdict, metric, *device, size, interval, commit, *dated, row],
        [verdict, metric, size, interval, commit, row], [verdict, metric, size, commit, row],
    )  # fmt: skip
    return FirstFitting([layout_of(choice) for choice in choices])


def _rows(change: FoundChange) -> str:
    first, last = change.rows
    return "–" if first == last else f"{first} to {last}"


def _explained(changes: Sequence[tuple[SeriesFindings, FoundChange]], found: HistoryFindings) -> list[str]:
    floor, rate = (f"{100 * value:g} %" for value in (found.settings.floor, found.settings.alarm_rate))
    chance = f"{rate} of series without a change raise one"
    lines = [f"Row: the first one after the change, from 0. Floor {floor}; {chance}; seed {found.settings.seed}."]
    if any(change.verdict == "CHANGED" for _, change in changes):
        lines.append("CHANGED: say which way is better by --higher-is-better METRIC or --lower-is-better METRIC.")
    return lines
