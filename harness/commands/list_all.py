"""`storbench list`: what there is to measure with."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import JsonOption


def list_all(
    what: Annotated[str, typer.Argument(help="workloads, devices, profiles, limits or exports; without it, all.")] = "",
    name: Annotated[str, typer.Argument(help="only this one of them; of a profile, every value with its source.")] = "",
    json: JsonOption = False,
) -> None:
    """List workloads with their parameters, device kinds, profiles, limits and export formats, with their origins."""
    from ...common.errors import InputError, nearest
    from ..inventory import inventory, inventory_tables
    from .output import print_json, show

    found = inventory()
    if what and what not in found:
        raise InputError(f"there is no list of '{what}'", hint=nearest(what, found))
    chosen = {what: found[what]} if what else found
    if what and name:
        chosen = {what: [entry for entry in found[what] if entry.name == name]}
        if not chosen[what]:
            raise InputError(f"{what} has no '{name}'", hint=nearest(name, [entry.name for entry in found[what]]))
    if json:
        print_json(chosen)
    else:
        show(*inventory_tables(chosen, details=bool(name)))
