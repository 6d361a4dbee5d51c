"""The little of SVG that the charts need: elements with escaped attributes and texts."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Write an element; `class_` stands for class, underscores for hyphens, numbers with one decimal."""
    written = "".join(
        f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items() if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """Write a text at a place."""
    return element("text", escape(content), **{"x": x, "y": y, **attributes})


def path(points: Iterable[tuple[float, float] | None], **attributes: object) -> str:
    """Write a line through points; None interrupts it."""
    commands, pen_down = [], False
    for point in points:
        if point is None:
            pen_down = False
            continue
        commands.append(f"{'L' if pen_down else 'M'}{point[0]:.1f} {point[1]:.1f}")
        pen_down = True
    return element("path", d="".join(commands), fill="none", **attributes)


def polygon(points: Iterable[tuple[float, float]], content: str = "", **attributes: object) -> str:
    """Write a filled polygon."""
    return element("polygon", content, **{"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points), **attributes})


def title(content: str) -> str:
    """Write what is shown when the pointer rests on an element, and read out."""
    return f"<title>{escape(content)}</title>"


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _value(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
