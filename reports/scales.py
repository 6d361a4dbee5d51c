"""From values to places on a chart, and the values that its axes name."""

from __future__ import annotations

import math

import msgspec

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_BINARY_UNITS = ("B",)


class Scale(msgspec.Struct, frozen=True):
    """A straight or logarithmic scale of `low` to `high` onto pixels `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Give the pixel of a value; what is outside is put at the edge."""
        low, high, value = (self._of(one) for one in (self.low, self.high, max(value, self.low)))
        share = (min(value, high) - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def _of(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self, most: int = 6) -> list[float]:
        """Give round values to name, in rising order."""
        return _log_ticks(self.low, self.high, most) if self.log else _linear_ticks(self.low, self.high, most)


def scale_of(
    values: list[float], start: float, end: float, *, log: bool = False, zero: bool = False, pad: float = 0.04
) -> Scale:
    """Fit a scale to values, with a little room at both ends; `zero` begins it at zero."""
    if log:
        positive = [value for value in values if value > 0]
        if positive:
            low, high = min(positive), max(positive)
            room = (high / low) ** pad if high > low else 1.5
            return Scale(low / room, high * room, start, end, True)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if zero:
        low = min(low, 0.0)
    room = (high - low) * pad or abs(high) * 0.1 or 1.0
    return Scale(low if zero and low == 0 else low - room, high + room, start, end)


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(one * power for one in _ROUND if one * power >= rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in range(first, last + 1) for digit in digits]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) <= most + 1:
            return ticks or [low, high]
    every = math.ceil(len(ticks) / most)
    return ticks[::every]
