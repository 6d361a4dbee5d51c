"""A comparison on a terminal: for each metric a block of columns, as many blocks side by side as fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ..common.units import format_bandwidth, format_latency, format_rate
from ..results.comparison import ComparedRow, Comparison
from .columns import Column, StepName, step_columns, table_of, text_of, width_of
from .names import letters

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

_TITLES = {
    "iops": "IOPS",
    "bandwidth": "bandwidth",
    "latency_p50": "p50",
    "latency_p99": "p99",
    "latency_p99.9": "p99.9",
}
_CLIENT_TITLES = (
    ("Jain's index", "jain_index", "all"),
    ("worst read p99", "worst_client_latency_p99", "read"),
    ("worst write p99", "worst_client_latency_p99", "write"),
)
"""Title, metric and direction of what concerns the fairness to clients."""
_ORDER = ("read", "write", "trim", "sync", "all")
_LARGE_BLOCK = 65536
"""From this block size on, bandwidth is what people ask for."""
_UNEVEN = 0.95
"""Below this Jain's index, fairness is shown also where the number of clients does not vary."""
_MOST_SUBJECTS = 12
"""More of them are left to `--json`."""
_NARROW = 0.02
"""An interval narrower than this is shown with one more digit."""

_MISSING = "–"

Key = tuple[int, str]
"""Step and direction: one line of a table."""


class _Block(msgspec.Struct, frozen=True):
    """One metric: its title and its row for each line that has one."""

    title: str
    metric: str
    rows: Mapping[Key, ComparedRow]


def legend(comparison: Comparison) -> RenderableType:
    """Say what the letters stand for."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    workloads = {subject.workload for subject in comparison.subjects}
    for index, subject in enumerate(comparison.subjects[:_MOST_SUBJECTS]):
        about = [subject.workload] if len(workloads) > 1 else []
        about += [f"{len(subject.runs)} runs"] if len(subject.runs) > 1 else []
        about += ["reference"] if index == 0 and len(comparison.subjects) > 1 else []
        table.add_row(
            Text(letters(index), style="bold"), text_of(subject.tag, "bold"), text_of(", ".join(about), "dim")
        )
    hidden = len(comparison.subjects) - _MOST_SUBJECTS
    if hidden > 0:
        table.add_row("", text_of(f"and {hidden} more; `compare --json` has them all"), "")
    return table


class ComparisonView:
    """Draws the aligned steps for the width that there is."""

    def __init__(self, comparison: Comparison) -> None:
        self._subjects = min(len(comparison.subjects), _MOST_SUBJECTS)
        names: dict[int, StepName] = {}
        for row in comparison.rows:
            names.setdefault(row.step, StepName(row.label, row.labels))
        self._places = {step: place for place, step in enumerate(names)}
        self._names = list(names.values())
        self._groups = [_main_blocks(comparison.rows), _client_blocks(comparison.rows)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Let rich draw it."""
        tables = [table for blocks in self._groups for table in self._tables(blocks, options.max_width)]
        for number, table in enumerate(tables):
            if number:
                yield ""
            yield table_of(table)
        if any(_MISSING in column.cells for table in tables for column in table):
            yield text_of(f"{_MISSING} was not measured, or fewer than ten samples lie beyond that percentile.", "dim")

    def _tables(self, blocks: Sequence[_Block], width: int) -> list[list[Column]]:
        """Put as many blocks side by side as fit, the rest into further tables; choose the layout that all fit in."""
        best: list[list[Column]] = []
        for below in (False, True):
            for way in range(2):
                tables: list[list[Column]] = []
                taken: list[_Block] = []
                for block in blocks:
                    if taken and width_of(self._table([*taken, block], way, below=below)) > width:
                        tables.append(self._table(taken, way, below=below))
                        taken = []
                    taken.append(block)
                if taken:
                    tables.append(self._table(taken, way, below=below))
                best = tables
                if all(width_of(table) <= width for table in tables):
                    return tables
        return best

    def _table(self, blocks: Sequence[_Block], way: int, *, below: bool) -> list[Column]:
        """Give the columns of a table: steps named in one way, directions, then the blocks."""
        keys = sorted({key for block in blocks for key in block.rows}, key=lambda key: (key[0], _ORDER.index(key[1])))
        repeats = self._subjects if below else 1
        rows = [self._places[step] for step, _ in keys for _ in range(repeats)]
        ways = step_columns(self._names, rows)
        left = list(ways[min(way, len(ways) - 1)])
        if any(direction != "all" for _, direction in keys):
            blank = [""] * (repeats - 1)
            left.append(Column("", [text for _, name in keys for text in (name, *blank)], words=True))
        if below:
            return [*left, *self._below(blocks, keys)]
        return [*left, *(column for block in blocks for column in self._beside(block, keys))]

    def _beside(self, block: _Block, keys: Sequence[Key]) -> list[Column]:
        """Give the subjects of a block beside one another, then their ratios."""
        found = [block.rows.get(key) for key in keys]
        columns = []
        for subject in range(self._subjects):
            title = block.title if subject == 0 else ""
            heading = f"{title}\n{letters(subject)}" if self._subjects > 1 else title
            columns.append(Column(heading, [_value(block, row, subject) for row in found], apart=subject == 0))
        others = range(1, self._subjects)
        ratios = [Column(f"{letters(subject)}/A", [_ratio(row, subject) for row in found]) for subject in others]
        return columns + ratios

    def _below(self, blocks: Sequence[_Block], keys: Sequence[Key]) -> Iterator[Column]:
        """Give the subjects below one another, a line for each, and the metrics beside one another."""
        each = [(key, subject) for key in keys for subject in range(self._subjects)]
        yield Column("", [letters(subject) for _, subject in each], words=True)
        for block in blocks:
            found = [(block.rows.get(key), subject) for key, subject in each]
            yield Column(block.title, [_value(block, row, subject) for row, subject in found], apart=True)
            yield Column("to A", [_ratio(row, subject) if subject else "" for row, subject in found])


def _main_blocks(rows: Sequence[ComparedRow]) -> list[_Block]:
    """Give the metrics that matter: rates, bandwidth where blocks are large, three percentiles."""
    found = {metric: _by_key(rows, metric) for metric in _TITLES}
    iops, bandwidth = found["iops"], found["bandwidth"]
    large = {key for key, row in bandwidth.items() if _block_size(row, iops.get(key)) >= _LARGE_BLOCK}
    found["bandwidth"] = {key: row for key, row in bandwidth.items() if key in large}
    if large and large >= set(iops):
        found["iops"] = {}
    return [_Block(title, metric, found[metric]) for metric, title in _TITLES.items() if found[metric]]


def _by_key(rows: Sequence[ComparedRow], metric: str) -> dict[Key, ComparedRow]:
    return {(row.step, row.direction): row for row in rows if row.metric == metric and row.direction != "all"}


def _block_size(bandwidth: ComparedRow, iops: ComparedRow | None) -> float:
    """Give the mean bytes per I/O; rows know no jobs."""
    pairs = zip(bandwidth.values, iops.values if iops else [], strict=False)
    return next((b / i for b, i in pairs if b and i), 0.0)


def _client_blocks(rows: Sequence[ComparedRow]) -> list[_Block]:
    """Give what concerns the fairness to clients, a line for each step where they vary or it is bad."""
    shown = {
        row.step
        for row in rows
        if row.metric == "jain_index"
        and ("clients" in row.labels or any(value is not None and value < _UNEVEN for value in row.values))
    }
    found = [
        _Block(title, metric, {(r.step, "all"): r for r in rows if (r.metric, r.direction) == (metric, direction)})
        for title, metric, direction in _CLIENT_TITLES
    ]
    kept = [msgspec.structs.replace(b, rows={key: r for key, r in b.rows.items() if key[0] in shown}) for b in found]
    return [block for block in kept if block.rows]


def _value(block: _Block, row: ComparedRow | None, subject: int) -> str:
    if row is None:
        return _MISSING if block.metric.startswith("latency_") else ""
    value = row.values[subject]
    if value is None:
        return _MISSING
    form = {"1/s": format_rate, "B/s": format_bandwidth, "ns": format_latency}.get(row.unit)
    return form(value) if form else f"{value:.3f}"


def _ratio(row: ComparedRow | None, subject: int) -> str | Text:
    """Show a ratio; in colour only where its interval leaves no doubt on which side of 1 it is."""
    from rich.text import Text

    if row is None:
        return ""
    ratio, interval = row.ratio[subject], row.ratio_interval[subject]
    if ratio is None:
        return _MISSING
    if interval is None:
        return f"{_factor(ratio)}×"
    low, high = interval
    style = ""
    if low > 1 or high < 1:
        style = "green" if (low > 1) == row.higher_is_better else "red"
    finer = high - low < _NARROW
    text = f"{_factor(ratio, finer)}× [{_factor(low, finer)}, {_factor(high, finer)}]"
    return Text(text, style=style)


def _factor(ratio: float, finer: bool = False) -> str:
    """Show a ratio by the digits that matter: 0.012, 0.64, 1.04, 12.3, 4,567; one more where asked for."""
    if ratio < 0.1:
        return f"{ratio:.3g}" if finer else f"{ratio:.2g}"
    decimals = (2 if ratio < 10 else 1 if ratio < 100 else 0) + finer
    return f"{ratio:,.{decimals}f}"
