"""One value of a profile: what may be written, where it comes from, and what it is in a model's unit."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..common.errors import InputError, nearest
from ..common.units import SIZE_UNITS, format_bandwidth, format_duration, format_size, parse_duration, parse_size
from .native_library import FieldInfo

Plain = str | int | float


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value and where it comes from."""

    value: Plain
    source: str
    unverified: bool = False
    """It was assumed, derived or recalled, and not confirmed in its source."""


def read_values(
    values: Mapping[str, Value], fields: Mapping[str, FieldInfo], group: str, owner: str
) -> dict[str, float]:
    """Give a table of values in the units of `fields`: ns, B, B/s, J, J/B, or plain numbers.

    Raises `InputError` for a name that `owner` does not have, with the nearest that it has, and for a value that is of
    another kind or out of bounds.
    """
    numbers: dict[str, float] = {}
    for name, value in values.items():
        field = fields.get(name)
        if field is None:
            raise InputError(f"{owner} has no parameter '{name}'", hint=nearest(name, fields))
        try:
            number = parse_value(value.value, field.unit)
        except InputError as error:
            raise InputError(f"{group}.{name}: {error.problem}", hint=error.hint) from None
        if not field.least <= number <= field.most:
            raise InputError(
                f"{group}.{name} is {value.value}, it must lie between "
                f"{show_value(field.least, field.unit)} and {show_value(field.most, field.unit)}"
            )
        numbers[name] = number
    return numbers


_NUMBER = r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)"
_BANDWIDTH = re.compile(rf"\s*{_NUMBER}\s*([kKMGTP]?i?B)/s\s*")
_ENERGIES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12}
_PER = {"B": 1.0, "bit": 1 / 8, "KiB": 1024.0}
_ENERGY = re.compile(rf"\s*{_NUMBER}\s*([muµnp]?J)(?:/([1-9]\d*)?\s*(B|bit|KiB))?\s*")


def parse_value(value: Plain, unit: str) -> float:
    """Read a value in a model's unit: `38us` for ns, `4KiB` for B, `1.1GB/s`, `3.3uJ`, `2.5pJ/bit`, a plain number.

    Raises `InputError` where it is of another kind.
    """
    if unit == "1":
        if isinstance(value, str):
            raise InputError(f"'{value}' is not a number", hint="It has no unit: write 0.28 or 64, without quotes.")
        return float(value)
    if not isinstance(value, str):
        if value:
            raise InputError(f"{value} has no unit", hint='Write it in quotes with its unit, like "38us" or "4KiB".')
        return 0.0
    match unit:
        case "ns":
            # To the picosecond: 69.7 us times 1e9 is not a round number.
            return round(parse_duration(value) * 1e9, 3)
        case "B":
            return float(parse_size(value))
        case "B/s":
            return _bandwidth(value)
        case _:
            return _energy(value, unit)


def _bandwidth(text: str) -> float:
    match = _BANDWIDTH.fullmatch(text)
    if not match or match[2] not in SIZE_UNITS:
        raise InputError(f"'{text}' is not a bandwidth", hint="Write a size per second, like 1.1GB/s.")
    return float(match[1]) * SIZE_UNITS[match[2]]


def _energy(text: str, unit: str) -> float:
    match = _ENERGY.fullmatch(text)
    if not match or bool(match[4]) != (unit == "J/B"):
        example = "2.5pJ/bit or 0.11uJ/4KiB" if unit == "J/B" else "41uJ"
        raise InputError(f"'{text}' is not an energy in {unit}", hint=f"Write it like {example}.")
    joule = float(match[1]) * _ENERGIES[match[2]]
    return joule / (int(match[3] or 1) * _PER[match[4]]) if match[4] else joule


def show_value(number: float, unit: str) -> str:
    """Show a number in a model's unit."""
    match unit:
        case "ns":
            return format_duration(number / 1e9)
        case "B":
            return format_size(number)
        case "B/s":
            return format_bandwidth(number)
        case "1":
            return f"{number:g}"
        case _:
            return f"{number:g} {unit}"
