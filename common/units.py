"""Units as people type and read them. Inside, everything is SI base: bytes, seconds, 1/s; latencies in ns.

Sizes follow IEC 80000-13: `KiB` is 1024, `kB` is 1000. A bare `k` or `K` is refused, because fio reads it as 1024 and
drive makers as 1000.
"""

from __future__ import annotations

import math
import re
from typing import Annotated

from msgspec import Meta

from .errors import InputError

Size = Annotated[int, Meta(ge=1, extra={"unit": "B"})]
Duration = Annotated[float, Meta(gt=0, extra={"unit": "s"})]
Rate = Annotated[float, Meta(gt=0, extra={"unit": "1/s"})]
Count = Annotated[int, Meta(ge=1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100, extra={"unit": "%"})]

_BINARY = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}
_DECIMAL = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
SIZE_UNITS = {"B": 1, **_BINARY, **_DECIMAL}
DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
RATE_UNITS = {"": 1.0, "/s": 1.0, "IOPS": 1.0, "K": 1e3, "M": 1e6}
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(\S*)\s*")


def _quantity(text: str, units: dict[str, float], bare: bool, what: str, example: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match:
        number, unit = float(match[1]), match[2]
        factor = 1.0 if bare and not unit else units.get(unit) if unit else None
        if factor is not None and math.isfinite(number * factor):
            return number * factor
    raise InputError(
        f"'{text}' is not a {what}", hint=f"Write a number and a unit, like {example}. Units: {', '.join(units)}."
    )


def parse_size(text: str) -> int:
    """Read a size in bytes: `4KiB`, `1GB`, `512B` or a plain number of bytes."""
    value = _quantity(text, {k: float(v) for k, v in SIZE_UNITS.items()}, True, "size", "4KiB or 1GB")
    if value != math.floor(value):
        raise InputError(f"'{text}' is not a whole number of bytes")
    return int(value)


def parse_duration(text: str) -> float:
    """Read a duration in seconds: `30s`, `200us`, `5min`. The unit is required, a plain `0` aside."""
    if text.strip() == "0":
        return 0.0
    return _quantity(text, DURATION_UNITS, False, "duration", "30s or 200us")


def parse_rate(text: str) -> float:
    """Read a rate in 1/s: `2000`, `2K`, `1.5M`."""
    return _quantity(text, RATE_UNITS, True, "rate", "2000 or 1.5M")


PARSERS = {"B": parse_size, "s": parse_duration, "1/s": parse_rate}


def format_size(count: float) -> str:
    """Show bytes in the largest binary unit, exactly where it is exact: `4KiB`, `1.5GiB`, `512B`."""
    for unit, factor in reversed(_BINARY.items()):
        if abs(count) >= factor:
            return f"{count / factor:.4g}{unit}"
    return f"{count:.4g}B"


def format_duration(seconds: float) -> str:
    """Show a duration as people say it: `38 us`, `1.5 s`, `2 min 5 s`, `3 h 10 min`."""
    if abs(seconds) < 59.95:
        return _scaled(seconds, _SECONDS, pad=False) if seconds else "0 s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s"


def format_latency(nanoseconds: float | None) -> str:
    """Show a latency in ns with three significant digits, `–` where there is none."""
    if nanoseconds is None:
        return "–"
    if nanoseconds >= 60e9:
        return format_duration(nanoseconds / 1e9)
    return _scaled(nanoseconds / 1e9, _SECONDS) if nanoseconds else "0 s"


def format_rate(per_second: float) -> str:
    """Show a rate with three significant digits: `950`, `12.3 K`, `1.05 M`."""
    return _scaled(per_second, _RATES).rstrip()


def format_bandwidth(bytes_per_second: float) -> str:
    """Show a bandwidth in decimal units, as drive makers do: `512 MB/s`."""
    return _scaled(bytes_per_second, _BANDWIDTHS)


def format_change(relative: float) -> str:
    """Show a relative change in percent, with its sign: `-0.04 %`, `+5.2 %`, `+12,300 %`."""
    if relative == float("inf"):
        return "+∞ %"
    percent = 100 * relative
    digits = 2 if abs(percent) < 0.995 else 1 if abs(percent) < 99.95 else 0
    return f"{percent:+,.{digits}f} %"


_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_RATES = ((1e6, "M"), (1e3, "K"), (1.0, ""))
_BANDWIDTHS = ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1.0, "B/s"))


def _scaled(value: float, units: tuple[tuple[float, str], ...], *, pad: bool = True) -> str:
    """Show three significant digits in the largest unit of which there is one, whole numbers below the smallest.

    With `pad`, zeros at the end stay, so that the numbers of a column have as many digits.
    """
    factor, unit = next(((f, u) for f, u in units if abs(value) / f >= 0.9995), units[-1])
    scaled = value / factor
    if unit == units[-1][1] and scaled == round(scaled):
        return f"{scaled:.0f} {unit}"
    digits = f"{scaled:#.3g}" if abs(scaled) < 999.5 else f"{scaled:.0f}"
    text = digits.rstrip(".") if pad else f"{float(digits):g}"
    return f"{text} {unit}"
