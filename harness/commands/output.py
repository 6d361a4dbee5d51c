"""How commands print: JSON for programs, rich for people."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def console() -> Console:
    """Give the terminal; without one, 100 columns."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 100)


def show(*renderables: RenderableType) -> None:
    """Print something that rich can render."""
    target = console()
    for renderable in renderables:
        target.print(renderable)
