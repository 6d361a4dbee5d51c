"""Resistance drift of multi-level PCM: which share of the bits is read wrong, by the age of what was written.

A cell's resistance grows as R(t) = R0 (t / t0)^nu, the more the higher it is (measured on a million cells; the fit of
nu, linear in log R, its spread and t0 are those of `PCMLikeNoiseModel` in IBM's aihwkit). A level that drifts over the
threshold above it is read as its neighbour; scrubbing, which reads and writes again, ends the drift (Awasthi et al.:
Efficient Scrub Mechanisms for Error-Prone Emerging Memories, HPCA 2012).

Here log10 R0 and nu are normally distributed and independent, log10 R0 as far as program-and-verify lets it; thresholds
stand halfway between the levels and do not move; neighbouring levels differ in one bit (Gray code). All levels are
equally frequent. Read noise and temperature are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import msgspec

from ..common.errors import InputError
from .native_library import FieldInfo
from .profile_values import Value, read_values

FIELDS: Mapping[str, FieldInfo] = {
    "levels": FieldInfo("1", 2, 16, None, "levels of a cell, a power of two"),
    "log10_resistance_first": FieldInfo("1", 0, 15, None, "mean of log10 of the lowest level's resistance in ohm"),
    "log10_resistance_last": FieldInfo("1", 0, 15, None, "the same of the highest; those between lie evenly"),
    "log10_resistance_spread": FieldInfo("1", 1e-6, 5, None, "standard deviation of log10 of a level's resistance"),
    "exponent_first": FieldInfo("1", 0, 1, None, "mean drift exponent of the lowest level"),
    "exponent_last": FieldInfo("1", 0, 1, None, "the same of the highest; those between lie evenly"),
    "exponent_spread_share": FieldInfo("1", 0, 2, None, "standard deviation of the exponent over its mean"),
    "reference_time": FieldInfo("ns", 1, 1e15, None, "age t0 from which resistances drift"),
    "verify_window": FieldInfo("1", 0, 10, 0, "standard deviations that program-and-verify allows; 0: any"),
}


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What the cells of a profile do with time; the fields are those of `FIELDS`."""

    levels: int
    log10_resistance_first: float
    log10_resistance_last: float
    log10_resistance_spread: float
    exponent_first: float
    exponent_last: float
    exponent_spread_share: float
    reference_time_s: float
    verify_window: float = 0.0

    def error_rate(self, age_s: float) -> float:
        """Give the share of the bits that are read wrong at an age; up to the reference time nothing drifts."""
        decades = math.log10(max(age_s / self.reference_time_s, 1.0))
        wrong = sum(self._bits_wrong(level, decades) for level in range(self.levels))
        return wrong / (self.levels * math.log2(self.levels))

    def scrubbed_error_rate(self, interval_s: float) -> float:
        """Give the share of the bits that a read at any moment finds wrong, where all is rewritten every `interval_s`.

        The mean of `error_rate` over ages that are uniform between 0 and the interval; at the end of an interval, where
        the scrub itself reads, it is `error_rate(interval_s)`.
        """
        fresh = self.error_rate(0)
        if interval_s <= self.reference_time_s:
            return fresh
        # Ages are interval · e^-x, so that young and old ones are seen alike.
        last = min(math.log(interval_s / self.reference_time_s), 40.0)
        drifting = _integral(lambda x: math.exp(-x) * self.error_rate(interval_s * math.exp(-x)), 0.0, last, 160)
        return drifting + math.exp(-last) * fresh

    def _bits_wrong(self, level: int, decades: float) -> float:
        """Give the mean number of wrong bits of a cell of this level.

        The sum over the thresholds of how likely each is crossed, times the bits that the next level adds.
        """
        step = (self.log10_resistance_last - self.log10_resistance_first) / (self.levels - 1)
        slope = (self.exponent_last - self.exponent_first) / (self.levels - 1)
        exponent = self.exponent_first + level * slope
        shift, spread = exponent * decades, exponent * self.exponent_spread_share * decades
        wrong = 0.0
        for direction in (1, -1):
            other = level + direction
            while 0 <= other < self.levels:
                distance = (abs(other - level) - 0.5) * step
                added = _differing_bits(level, other) - _differing_bits(level, other - direction)
                wrong += added * self._crossing(distance - direction * shift, spread)
                other += direction
        return wrong

    def _crossing(self, distance: float, spread: float) -> float:
        """Give how likely a cell lies further from its mean than `distance`, its exponent having spread it by `spread`.

        Without a window the sum of two normal variables is one, in closed form; with one, an integral over the second.
        """
        sigma, window = self.log10_resistance_spread, self.verify_window
        if not window:
            return _tail(distance / math.hypot(sigma, spread))
        if not spread:
            return self._programmed_beyond(distance)
        # Left of `least` no cell can lie beyond the threshold, right of `most` every cell does.
        least, most = (distance - sigma * window) / spread, (distance + sigma * window) / spread
        low, high = max(least, -_FAR), min(most, _FAR)
        if low >= high:
            return _tail(most)
        return _tail(most) + _integral(
            lambda z: _density(z) * self._programmed_beyond(distance - spread * z), low, high, 160
        )

    def _programmed_beyond(self, distance: float) -> float:
        """Give how likely a cell as it was programmed lies further from its mean than `distance`, on one side."""
        window = self.verify_window
        z = min(max(distance / self.log10_resistance_spread, -window), window)
        return (_tail(z) - _tail(window)) / (1 - 2 * _tail(window))


def drift_of(values: Mapping[str, Value]) -> Drift:
    """Build the drift of a profile from its [drift] table.

    Raises `InputError` for a name that is unknown or missing, and for values that are out of bounds or contradict one
    another.
    """
    numbers = {name: field.initial for name, field in FIELDS.items() if field.initial is not None}
    numbers.update(read_values(values, FIELDS, "drift", "resistance drift"))
    missing = [name for name in FIELDS if name not in numbers]
    if missing:
        raise InputError(f"drift.{missing[0]} is missing", hint=f"It is the {FIELDS[missing[0]].meaning}.")
    levels = int(numbers.pop("levels"))
    if levels != values["levels"].value or levels & (levels - 1):
        raise InputError("drift.levels is not a power of two")
    if numbers["log10_resistance_last"] <= numbers["log10_resistance_first"]:
        raise InputError("drift.log10_resistance_last is not above log10_resistance_first")
    return Drift(levels=levels, reference_time_s=numbers.pop("reference_time") / 1e9, **numbers)


_FAR = 10.0
"""Standard deviations beyond which nothing is counted: 1e-23."""


def _tail(z: float) -> float:
    """Give how likely a standard normal variable is above z."""
    return 0.5 * math.erfc(z / math.sqrt(2))


def _density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _differing_bits(level: int, other: int) -> int:
    """Count the bits in which the Gray codes of two levels differ."""
    return ((level ^ level >> 1) ^ (other ^ other >> 1)).bit_count()


def _integral(function: Callable[[float], float], low: float, high: float, parts: int) -> float:
    """Integrate a smooth function by Simpson's rule over an even number of parts."""
    width = (high - low) / parts
    inner = sum((4 if i % 2 else 2) * function(low + i * width) for i in range(1, parts))
    return (function(low) + inner + function(high)) * width / 3
