"""Numbers as fio reads them, so that an ordinary job file means here what it means there.

fio's prefixes are not those of `common.units`: `k`, `kb` and `ki` are all 1024, and `kib` is 1000, unless
`kb_base=1000` turns both round. Checked against fio 3.33. Fractions are refused: fio cuts them off at the point and
drops the unit.
"""

from __future__ import annotations

import re

from ..common.errors import InputError

_SIZE = re.compile(r"(0x[0-9a-f]{1,16}|\d{1,19})\s*(?:([kmgtp])(b|i|ib)?|b)?", re.ASCII | re.IGNORECASE)
_TIME = re.compile(r"(\d{1,12})\s*(d|h|m|s|ms|msec|us|usec)?", re.ASCII | re.IGNORECASE)
_PERCENT = re.compile(r"(\d{1,9})\s*%", re.ASCII)
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "msec": 1e-3, "us": 1e-6, "usec": 1e-6}


def parse_fio_size(text: str, kb_base: int = 1024) -> int:
    """Read a number of fio with an optional size suffix: `4k` is 4096. Raises `InputError`."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise InputError(f"'{text}' is not a size of fio", hint="Write a whole number, like 4096, 4k or 1g.")
    number = int(match[1], 0) if match[1][:2].lower() == "0x" else int(match[1])
    power = " kmgtp".index(match[2].lower()) if match[2] else 0
    other = {1024: 1000, 1000: 1024}[kb_base]
    value = int(number * (other if (match[3] or "").lower() == "ib" else kb_base) ** power)
    if value >= 1 << 63:
        raise InputError(f"'{text}' is more than fio can count")
    return value


def reads_kib_as_1000(text: str, kb_base: int = 1024) -> bool:
    """Whether fio reads a size with an IEC suffix, such as `4KiB`, against the standard."""
    return kb_base == 1024 and re.search(r"\d\s*[kmgtp]ib\b", text, re.IGNORECASE) is not None


def parse_fio_percent(text: str) -> int | None:
    """Read `75%` as 75; None for anything else. Raises `InputError` outside 1 to 100."""
    match = _PERCENT.fullmatch(text.strip())
    if not match:
        return None
    if not 1 <= int(match[1]) <= 100:
        raise InputError(f"'{text}' is not between 1% and 100%")
    return int(match[1])


def parse_fio_time(text: str) -> float:
    """Read a time of fio in seconds: `30` and `30s` are 30, `5m` is 300. Raises `InputError`."""
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise InputError(f"'{text}' is not a time of fio", hint="Write a whole number, like 30, 5m or 500ms.")
    return int(match[1]) * _SECONDS[(match[2] or "s").lower()]


def parse_fio_count(text: str, kb_base: int = 1024) -> int:
    """Read a count; fio takes size suffixes here too."""
    return parse_fio_size(text, kb_base)


def parse_fio_flag(text: str) -> bool:
    """Read `1`, `0`, or an option without a value, which is 1."""
    if text not in ("", "0", "1"):
        raise InputError(f"'{text}' is neither 0 nor 1")
    return text != "0"
