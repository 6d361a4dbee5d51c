"""The sections of a fio job file: names, options, nothing understood yet. Text in, values out; nothing is opened."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..common.errors import InputError
from .fio_options import canonical


class Section(msgspec.Struct, frozen=True):
    """One job section, the options of the [global] sections above it included."""

    name: str
    line: int
    options: dict[str, str]
    """By fio's own names, in the order in which they were last set; an option without a value is empty."""


def parse_sections(text: str, check: Callable[[str, str], None]) -> list[Section]:
    """Read the job sections of a fio job file. Raises `InputError` that names the line.

    `check` gets every option that is written anywhere, also one that is overridden or that no section uses, and refuses
    by `InputError`.
    fio replaces `${VARIABLES}` and `$keywords` by what the machine has; here they are refused, because a file would
    then not say what was run.
    """
    shared: dict[str, str] = {}
    current: dict[str, str] | None = None
    found: list[tuple[str, int, dict[str, str]]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.split(";")[0].split("#")[0].strip()
        if not line:
            continue
        if line.startswith("["):
            name = line[1 : line.rfind("]")].strip() if "]" in line else ""
            if not name:
                raise InputError(f"line {number}: '{line}' is not a section", hint="Write [name].")
            if name.startswith("global"):  # as fio compares it
                current = shared
            else:
                current = dict(shared)
                found.append((name, number, current))
            continue
        name, value = _option(line, number)
        if current is None:
            raise InputError(f"line {number}: '{line}' stands before the first [section]")
        try:
            check(name, value)
        except InputError as error:
            place = "global" if current is shared else found[-1][0]
            raise InputError(f"line {number}: [{place}]: {error.problem}", hint=error.hint) from None
        current.pop(name, None)
        current[name] = value
    if not found:
        raise InputError("there is no job section", hint="A fio job file has a [name] with options under it.")
    return [Section(name, line, options) for name, line, options in found]


def _option(line: str, number: int) -> tuple[str, str]:
    if line.split(maxsplit=1)[0] == "include":
        raise InputError(f"line {number}: 'include' is refused", hint="Put the included text into this file.")
    name, _, value = (part.strip() for part in line.partition("="))
    if "$" in line:
        raise InputError(f"line {number}: '{line}' has a variable", hint="Write the value itself.")
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise InputError(f"line {number}: '{line}' is not an option", hint="Write name=value.")
    return canonical(name), value
