"""Reading what tools print as JSON: anything that is not what it should be is None, never an error."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from .base import Facts

_LARGEST = 2**63
"""No device counts that far; a journal could not hold it either."""


def document_of(text: str) -> dict[str, Any] | None:
    """Give the object that a tool printed, also behind lines of warnings; None where there is none."""
    start = text.find("{")
    if start < 0:
        return None
    for candidate in (text[start:], text[start : text.rfind("}") + 1]):
        try:
            found = msgspec.json.decode(candidate)
        except (msgspec.DecodeError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    return None


def inside(document: object, *keys: str) -> Any:
    """Follow keys into nested objects; None where one of them is missing."""
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def number(value: object) -> int | float | None:
    """Give a number that may be written as one, as digits in a string, or as the halves `hi` and `lo` of 128 bits.

    None for anything else, for what is negative and for what is no finite number.
    """
    if isinstance(value, dict):
        if "value" in value:
            return number(value["value"])
        high, low = number(value.get("hi")), number(value.get("lo"))
        return None if high is None or low is None else high * 2**64 + low
    if isinstance(value, str):
        digits = value.strip().replace(",", "")
        if re.fullmatch(r"0[xX][0-9a-fA-F]{1,32}", digits):
            return int(digits, 16)
        if not re.fullmatch(r"\d{1,40}(\.\d{1,20})?", digits):
            return None
        value = float(digits) if "." in digits else int(digits)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return int(value) if value == int(value) else value


def scaled(value: object, factor: float) -> int | float | None:
    """Give a number times a factor; None where there is none."""
    found = number(value)
    return None if found is None else found * (int(factor) if factor == int(factor) else factor)


def storable(facts: Facts) -> Facts:
    """Leave out numbers that no device can have counted."""
    return {
        name: value
        for name, value in facts.items()
        if not isinstance(value, int | float) or (math.isfinite(value) and abs(value) < _LARGEST)
    }
