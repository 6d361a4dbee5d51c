"""Values as people read them, by their base unit."""

from __future__ import annotations

import math

from ..common.units import format_bandwidth, format_duration, format_latency, format_rate, format_size

NOT_AVAILABLE = "not available"


def value_text(value: float | str | bool | None, unit: str, missing: str = "–") -> str:
    """Write a value with its unit in a few significant digits; `missing` where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    match unit:
        case "ns":
            return format_latency(value)
        case "1/s":
            return format_rate(value)
        case "B/s":
            return format_bandwidth(value)
        case "B":
            return format_size(value)
        case "s":
            return format_duration(value)
        case "%":
            return f"{value:.3g} %"
        case "degree_Celsius":
            return f"{value:.0f} °C"
        case "J" | "W" | "h":
            return f"{value:.4g} {unit}"
        case _:
            return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.4g}"


def bound_text(at_least: float | None, at_most: float | None, unit: str) -> str:
    """Write bounds: `≥ 500 MB/s`."""
    parts = []
    if at_least is not None:
        parts.append(f"≥ {value_text(at_least, unit)}")
    if at_most is not None:
        parts.append(f"≤ {value_text(at_most, unit)}")
    return " and ".join(parts)


def exact_text(value: float | None, unit: str) -> str:
    """Write a figure of the steady state with enough digits to be worked out again."""
    if value is None:
        return "–"
    scale, name = {"ns": (1e3, "µs"), "B/s": (1e6, "MB/s"), "1/s": (1.0, "")}.get(unit, (1.0, unit))
    return f"{value / scale:,.2f} {name}".rstrip()


def plural(count: int, one: str, many: str = "") -> str:
    """Count things: `1 round`, `5 rounds`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
