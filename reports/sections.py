"""What a section of the page is made of."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .chart_data import Block, Figure, Key
from .charts import Style


class Panel(msgspec.Struct, frozen=True):
    """Charts that belong side by side."""

    title: str
    figures: list[Figure]


class Choice(msgspec.Struct, frozen=True):
    """A list from which the reader picks what the section's charts show."""

    title: str
    options: dict[str, str]
    """Value to its text."""
    chosen: str


class Table(msgspec.Struct, frozen=True):
    """A table of texts; the first cell of a row is its heading."""

    caption: str
    columns: list[str]
    rows: list[list[str]]
    words: Sequence[int] = (0, 1)
    """Places of the columns that hold words, which stand left; numbers stand right."""
    sentences: Sequence[int] = ()
    """Places of those whose words are many and take several lines."""


class Picture(msgspec.Struct, frozen=True):
    """A picture that needs no script."""

    title: str
    svg: str
    """A complete SVG element of our own."""


class Drawings(msgspec.Struct, frozen=True):
    """Pictures and what is to be said about them; folded up until asked for."""

    title: str
    pictures: list[Picture]
    words: list[str] = []


class Section(msgspec.Struct, frozen=True):
    """Charts with one legend, and the words and tables beside them."""

    id: str
    title: str
    lead: str
    keys: Sequence[Key] = ()
    styles: Sequence[Style] = ()
    panels: Sequence[Panel] = ()
    datasets: dict[str, list[Block]] = {}
    choice: Choice | None = None
    table: Table | None = None
    stacked: bool = False
    """Charts stand one below the other, each over the whole width."""
    remarks: Sequence[str] = ()
    drawings: Sequence[Drawings] = ()
