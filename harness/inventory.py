"""What there is to measure with: workloads, device kinds, profiles, limits, export formats, each with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from .. import __version__
from ..common.parameters import Parameter, describe_parameters, format_value
from ..common.plugins import DISTRIBUTION, Listed
from ..common.units import format_size
from ..devices.profile import Profile, all_profiles
from ..devices.profile_values import Value
from ..devices.registry import device_kinds
from ..reports.exports import export_formats
from ..results.limits import find_limits, shipped_limits
from ..workloads.registry import workloads

if TYPE_CHECKING:
    from rich.console import RenderableType


class Entry(msgspec.Struct, frozen=True):
    """One thing that can be named on the command line, as `storbench list --json` prints it."""

    name: str
    summary: str
    distribution: str
    version: str
    broken: str = ""
    example: str = ""
    parameters: list[Parameter] = []


class ProfileEntry(Entry, frozen=True):
    """A profile; `distribution` is the path of its file where it is not one of storbench's own."""

    kind: str = ""
    capacity: int = 0
    size: int = 0
    logical_block_size: int = 0
    unverified: int = 0
    """How many of `values` are not confirmed."""
    values: dict[str, Value] = {}
    expect: dict[str, Value] = {}
    drift: dict[str, Value] = {}


def inventory() -> dict[str, Sequence[Entry]]:
    """Give everything by list name."""
    return {
        "workloads": [_entry(one) for one in workloads()],
        "devices": [_entry(one) for one in device_kinds()],
        "profiles": [_profile_entry(one) for one in all_profiles()],
        "limits": [_limits_entry(name) for name in shipped_limits()],
        "exports": [_entry(one) for one in export_formats()],
    }


def broken_plugins() -> list[tuple[str, str]]:
    """Give name and reason of every plug-in that cannot be used."""
    return [(entry.name, entry.broken) for entries in inventory().values() for entry in entries if entry.broken]


def _entry(one: Listed) -> Entry:
    parameters = describe_parameters(one.parameters) if one.parameters is not None else []
    return Entry(one.name, one.summary, one.distribution, one.version, one.broken, one.example, parameters)


def _limits_entry(name: str) -> Entry:
    limits = find_limits(name)
    summary = f"{len(limits.limits)} limits, revision {limits.revision}: {limits.source}"
    return Entry(name, summary, DISTRIBUTION, __version__)


def _profile_entry(one: Listed) -> ProfileEntry:
    profile: Profile | None = one.object
    if profile is None:
        return ProfileEntry(one.name, "", one.distribution, one.version, one.broken)
    return ProfileEntry(
        one.name, profile.summary, one.distribution, one.version,
        kind=profile.kind, capacity=profile.capacity, size=profile.size,
        logical_block_size=profile.logical_block_size, unverified=profile.unverified,
        values=profile.parameters, expect=profile.expect, drift=profile.drift,
    )  # fmt: skip


def inventory_tables(chosen: Mapping[str, Sequence[Entry]], *, details: bool = False) -> list[RenderableType]:
    """Give one block per list: each entry with summary, parameters and origin; with `details` a profile's values."""
    from rich.console import Group
    from rich.text import Text

    blocks: list[RenderableType] = []
    for title, entries in chosen.items():
        blocks.append(Text(f"\n{title}", style="bold"))
        for entry in entries:
            origin = "" if entry.distribution == "storbench" else f"  ({entry.distribution} {entry.version})"
            origin = origin.replace(" )", ")")  # a file has no version
            blocks.append(Text.assemble(("  " + entry.name, "bold cyan"), origin, f"  {entry.summary}"))
            if entry.broken:
                blocks.append(Text(f"    broken, not used: {entry.broken}", style="red"))
            elif isinstance(entry, ProfileEntry):
                blocks += _profile_blocks(entry, details=details)
            if entry.example:
                blocks.append(Text(f"    for example {entry.example}"))
            if entry.parameters:
                blocks.append(
                    _table(
                        (p.name, p.type, f"default {p.default}" if p.default != "required" else "required", p.bounds)
                        for p in entry.parameters
                    )
                )
    return [Group(*blocks)]


def _profile_blocks(entry: ProfileEntry, *, details: bool) -> list[RenderableType]:
    from rich.text import Text

    facts = (
        f"    {entry.kind}, {entry.capacity / 1e9:.4g} GB, emulated as {format_size(entry.size)}; "
        f"{entry.unverified} of {len(entry.values)} values unverified"
    )
    blocks: list[RenderableType] = [Text(facts)]
    if not details:
        return blocks
    for title, values in (("", entry.values), ("drift", entry.drift), ("expected", entry.expect)):
        if title and values:
            blocks.append(Text(f"    {title}"))
        if values:
            blocks.append(
                _table(
                    (name, format_value(one.value), "unverified" if one.unverified else "", one.source)
                    for name, one in values.items()
                )
            )
    return blocks


def _table(rows: Iterable[tuple[str, ...]]) -> RenderableType:
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*row)
    return Padding(table, (0, 0, 0, 4))
