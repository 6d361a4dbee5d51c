"""Which options of an ordinary fio job file are taken, and how: the reader of `fio_options.toml`.

The list says what is allowed, never what is forbidden: writing to the wrong device must be impossible, not unlikely.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from ..common.errors import InputError, nearest

MAPPED = frozenset(
    [
        *("rw", "rwmixread", "rwmixwrite", "bs", "bssplit", "iodepth", "numjobs"),
        *("size", "io_size", "offset", "offset_increment", "runtime", "time_based", "ramp_time"),
        *("rate_iops", "rate_process", "fsync", "fdatasync", "random_distribution", "randseed"),
        *("zero_buffers", "buffer_compress_percentage", "dedupe_percentage", "verify", "continue_on_error"),
        "stonewall",
    ]
)
"""Options with a counterpart in `Job` or in a plan."""

# None of them lets a path, a quote, a variable or a second option through.
_VALUES = {
    "flag": re.compile(r"[01]?", re.ASCII),
    "number": re.compile(r"[-,\d][0-9a-zA-Z,:%-]*", re.ASCII),
    "decimal": re.compile(r"\d+(\.\d+)?", re.ASCII),
    "word": re.compile(r"[a-z0-9_]+", re.ASCII),
    "pattern": re.compile(r"(0x[0-9a-fA-F]+|\d+)", re.ASCII),
    "errors": re.compile(r"[A-Z0-9:,]+", re.ASCII),
}


class _Engines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    replaced: tuple[str, ...]


class OptionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tables of `fio_options.toml`."""

    aliases: dict[str, str]
    passed: dict[str, str]
    ignored: dict[str, str]
    engines: _Engines
    refused: dict[str, str]


@cache
def option_table() -> OptionTable:
    """Read the table that comes with storbench."""
    return msgspec.convert(tomllib.loads(Path(__file__).with_name("fio_options.toml").read_text("utf-8")), OptionTable)


def canonical(name: str) -> str:
    """Give fio's own name of an option that has several."""
    return option_table().aliases.get(name, name)


def check_option(name: str, value: str) -> None:
    """Refuse an option, by its own name, that is not on the list. Raises `InputError`."""
    table = option_table()
    if name in table.ignored:
        if name == "ioengine" and value not in table.engines.replaced:
            raise InputError(
                f"ioengine={value} is refused", hint="It does more than read and write a target; remove it."
            )
    elif name in table.passed and name not in MAPPED:
        check_passed(name, value)
    elif name not in MAPPED:
        hint = table.refused.get(name)
        if hint is None:
            raise InputError(f"fio option '{name}' is not supported", hint=_meant(name))
        raise InputError(f"fio option '{name}' is refused", hint=_sentence(hint))


def check_passed(name: str, value: str) -> None:
    """Refuse an option for `Job.fio_options` that is not on the list, or a value that is not of its kind."""
    kind = option_table().passed.get(name)
    if kind is None:
        hint = option_table().refused.get(name, "only options that shape the I/O may be given to fio")
        raise InputError(f"fio option '{name}' is refused", hint=_sentence(hint))
    if not _VALUES[kind].fullmatch(value):
        raise InputError(f"{name}={value} is refused", hint=f"Its value must be a {kind}, as in fio's HOWTO.")


def check_all_passed(options: Mapping[str, str]) -> None:
    """Refuse `Job.fio_options` that could do more than shape the I/O."""
    for name, value in options.items():
        check_passed(name, value)


def _sentence(hint: str) -> str:
    return f"{hint[0].upper()}{hint[1:]}."


def _meant(name: str) -> str:
    meant = nearest(name, [*MAPPED, *option_table().passed, *option_table().ignored])
    # Without a near one it would list them all.
    return (
        meant
        if meant.startswith("Did you")
        else "Remove it: storbench passes on only options that it knows to shape the I/O and nothing else."
    )
