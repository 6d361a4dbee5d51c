"""The page's colours, as CSS variables: one set for light and print, one for dark.

The eight colours start from Okabe and Ito's palette (Color Universal Design, 2008), darkened or lightened until each
has a contrast of 3:1 or more to its background (WCAG 2.1, 1.4.11); the ordered scale is viridis (Smith and van der
Walt, 2015) without the end that would vanish in the background.
"""

from __future__ import annotations

from .chart_data import RAMP

LIGHT = ("#0072b2", "#d55e00", "#00855f", "#b0538f", "#a87000", "#2f8fc7", "#5f5f66", "#7d7400")
DARK = ("#5aaeea", "#ff8f52", "#35cba0", "#e79ccb", "#f2bd4b", "#9ad7fa", "#b9b9c2", "#e6dc4e")
LIGHT_BACKGROUND, DARK_BACKGROUND = "#ffffff", "#17191d"

# fmt: off
_VIRIDIS = (
    "#440154", "#482878", "#3e4989", "#31688e",
    "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
)
# fmt: on
_LIGHT_PART = (0.0, 0.64)
_DARK_PART = (0.36, 1.0)


def css_colors() -> str:
    """Give the variables `--c0` … and `--r0` … for light, dark and print, and the classes that set `--key`."""
    light, dark = _variables(LIGHT, ramp(*_LIGHT_PART)), _variables(DARK, ramp(*_DARK_PART))
    names = [f"c{i}" for i in range(len(LIGHT))] + [f"r{i}" for i in range(RAMP)]
    classes = "".join(f".{name}{{--key:var(--{name})}}" for name in names)
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"


def ramp(start: float, end: float) -> list[str]:
    """Give `RAMP` colours of viridis between two shares of it."""
    return [_viridis(start + (end - start) * index / (RAMP - 1)) for index in range(RAMP)]


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours, 1 to 21 (WCAG 2.1, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _viridis(share: float) -> str:
    place = share * (len(_VIRIDIS) - 1)
    index = min(int(place), len(_VIRIDIS) - 2)
    pairs = zip(_channels(_VIRIDIS[index]), _channels(_VIRIDIS[index + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - index)):02x}" for a, b in pairs)


def _channels(color: str) -> list[int]:
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)]


def _luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _channels(color))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _variables(few: tuple[str, ...], many: list[str]) -> str:
    pairs = [(f"c{i}", c) for i, c in enumerate(few)] + [(f"r{i}", c) for i, c in enumerate(many)]
    return "".join(f"--{name}:{color};" for name, color in pairs)
