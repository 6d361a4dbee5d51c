"""Tables on a terminal: columns that know their width, so that the layout is chosen which fits, and nothing is cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from .names import label_title, label_value

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

GAP = 2
"""Spaces between two columns."""
_INDENT = 2


class Column(msgspec.Struct, frozen=True):
    """One column: its heading, of one or more lines, and a cell for each row."""

    heading: str
    cells: Sequence[str | Text]
    words: bool = False
    """Words stand left, numbers right."""
    apart: bool = False
    """It begins a block: more space before it."""

    @property
    def width(self) -> int:
        """Character cells of the widest line."""
        from rich.cells import cell_len

        lines = (line for text in (self.heading, *map(str, self.cells)) for line in text.split("\n"))
        return max(map(cell_len, lines)) + (GAP if self.apart else 0)


class StepName(msgspec.Struct, frozen=True):
    """What a step is called: in full, or by what varies between the steps of its run."""

    label: str
    labels: Mapping[str, Any] = {}
    style: str = ""


class Layout(msgspec.Struct, frozen=True):
    """One way to draw something, and the width that it takes."""

    width: int
    draw: Callable[[], RenderableType]


class FirstFitting:
    """Draws the first of several layouts that the console is wide enough for, the last one where none is."""

    def __init__(self, layouts: Sequence[Layout]) -> None:
        self._layouts = layouts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Let rich draw it."""
        fitting = (layout for layout in self._layouts if layout.width <= options.max_width)
        yield next(fitting, self._layouts[-1]).draw()


def printable(text: str) -> str:
    """Give a text of a file as one line, its lines as sentences, without what would steer the terminal."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    ended = [line if line[-1] in ".:;,!?" else f"{line}." for line in lines[:-1]]
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(ended + lines[-1:]))


def text_of(text: str, style: str = "") -> Text:
    """Give a text of a file for rich to print as it is, without reading markup or emoji names into it."""
    from rich.text import Text

    return Text(printable(text), style)


def width_of(columns: Sequence[Column]) -> int:
    """Give the width of a table of these columns."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def table_of(columns: Sequence[Column]) -> Table:
    """Make a table of these columns, all equally long."""
    table = _empty(columns, heading=True)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(_cell, columns, cells))
    return table


def layout_of(columns: Sequence[Column]) -> Layout:
    """Lay columns out as one table."""
    return Layout(width_of(columns), lambda: table_of(columns))


def stacked_layout(steps: Sequence[StepName], rows: Sequence[int], columns: Sequence[Column]) -> Layout:
    """Give each step a line of its own above its rows, whose first column is indented. `rows` has each row's step."""
    first = columns[0]
    indented = [Column(first.heading, [f"{' ' * _INDENT}{cell}" for cell in first.cells], words=True), *columns[1:]]
    return Layout(width_of(indented), lambda: _stacked(steps, rows, indented))


def step_columns(steps: Sequence[StepName], rows: Sequence[int]) -> list[list[Column]]:
    """Give the ways to name the steps, the widest first: in full, then by what varies where that tells them apart.

    `rows` has the step of each row; the rows of one step stand together, and only the first one names it.
    """
    first = [row == 0 or rows[row - 1] != step for row, step in enumerate(rows)]
    named = [(steps[step], shown) for step, shown in zip(rows, first, strict=True)]
    ways = [[Column("step", [text_of(step.label, step.style) if shown else "" for step, shown in named], words=True)]]
    names = [name for name in _common(steps) if len({repr(step.labels[name]) for step in steps}) > 1]
    if names and len({repr([step.labels[name] for name in names]) for step in steps}) == len(steps):
        by_label = [
            Column(
                "\n".join(printable(label_title(name)).split()),
                [text_of(label_value(name, step.labels[name]), step.style) if shown else "" for step, shown in named],
                words=not all(isinstance(step.labels[name], (int, float)) for step in steps),
            )
            for name in names
        ]
        ways.append(by_label)
    return ways if width_of(ways[-1]) < width_of(ways[0]) else ways[:1]


def _common(steps: Sequence[StepName]) -> list[str]:
    """Give the labels that every step has, in the order of the first one."""
    return [name for name in steps[0].labels if all(name in step.labels for step in steps)] if steps else []


def _stacked(steps: Sequence[StepName], rows: Sequence[int], columns: Sequence[Column]) -> RenderableType:
    from rich.console import Group

    parts: list[RenderableType] = [_empty(columns, heading=True)]
    for step, places in groupby(range(len(rows)), key=lambda row: rows[row]):
        parts.append(text_of(steps[step].label, steps[step].style or "bold"))
        table = _empty(columns, heading=False)
        for row in places:
            table.add_row(*(_cell(column, column.cells[row]) for column in columns))
        parts.append(table)
    return Group(*parts)


def _empty(columns: Sequence[Column], *, heading: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), show_header=heading,
        header_style="bold",
    )  # fmt: skip
    for column in columns:
        # The width is a wish: rich narrows it where the console is narrower than any layout, and then folds.
        table.add_column(
            _cell(column, column.heading), justify="left" if column.words else "right", vertical="bottom",
            overflow="fold", width=column.width,
        )  # fmt: skip
    return table


def _cell(column: Column, cell: str | Text) -> Text:
    """Give a cell to print; the space before a block is that of its width for numbers, and is put before words."""
    from rich.text import Text

    text = Text(cell) if isinstance(cell, str) else cell
    return (
        Text("\n").join(Text(" " * GAP) + line for line in text.split("\n")) if column.apart and column.words else text
    )
