"""What there is to measure with: workloads, device kinds, profiles, export formats, each with where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..common.parameters import Parameter, describe_parameters
from ..common.plugins import Listed
from ..common.units import format_size
from ..devices.profile import Profile, Value, all_profiles
from ..devices.registry import device_kinds
from ..reports.exports import export_formats
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
    values: dict[str, Value] = {}
    """Of a profile: each number with its source."""


def inventory() -> dict[str, list[Entry]]:
    """Give everything by list name."""
    return {
        "workloads": [_entry(one) for one in workloads()],
        "devices": [_entry(one) for one in device_kinds()],
        "profiles": [_profile_entry(one) for one in all_profiles()],
        "exports": [_entry(one) for one in export_formats()],
    }


def broken_plugins() -> list[tuple[str, str]]:
    """Give name and reason of every plug-in that cannot be used."""
    return [(entry.name, entry.broken) for entries in inventory().values() for entry in entries if entry.broken]


def _entry(one: Listed) -> Entry:
    parameters = describe_parameters(one.parameters) if one.parameters is not None else []
    return Entry(one.name, one.summary, one.distribution, one.version, one.broken, one.example, parameters)


def _profile_entry(one: Listed) -> Entry:
    profile: Profile | None = one.object
    if profile is None:
        return Entry(one.name, "", one.distribution, one.version, one.broken)
    summary = (
        f"{profile.summary}; {profile.kind}, {format_size(profile.size)} of {format_size(profile.capacity)}, "
        f"{profile.unverified} of {len(profile.parameters)} values unverified"
    )
    return Entry(one.name, summary, one.distribution, one.version, values=profile.parameters)


def inventory_tables(chosen: dict[str, list[Entry]]) -> list[RenderableType]:
    """Give one block per list: each entry with its summary, parameters and origin."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    blocks: list[RenderableType] = []
    for title, entries in chosen.items():
        blocks.append(Text(f"\n{title}", style="bold"))
        for entry in entries:
            origin = "" if entry.distribution == "storbench" else f"  ({entry.distribution} {entry.version})"
            blocks.append(Text.assemble(("  " + entry.name, "bold cyan"), origin, f"  {entry.summary}"))
            if entry.broken:
                blocks.append(Text(f"    broken, not used: {entry.broken}", style="red"))
            if entry.example:
                blocks.append(Text(f"    for example {entry.example}"))
            if entry.parameters:
                table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
                for p in entry.parameters:
                    table.add_row(
                        p.name, p.type, f"default {p.default}" if p.default != "required" else "required", p.bounds
                    )
                blocks.append(Padding(table, (0, 0, 0, 4)))
    return [Group(*blocks)]
