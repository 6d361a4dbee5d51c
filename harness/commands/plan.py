"""`storbench plan`: say what a run would do, touching nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import DeviceOption, JsonOption, SetOption, settings_of


def plan(
    workload: Annotated[str, typer.Argument(help="A workload's name, a .toml workload or a fio job file.")],
    device: DeviceOption,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    json: JsonOption = False,
) -> None:
    """Show the steps, the time and the bytes of a run before anything is touched."""
    import msgspec

    from ...common.parameters import parse_parameters
    from ...devices.registry import resolve_device
    from ...workloads.dry_run import dry_run
    from ...workloads.registry import find_workload
    from .output import print_json, show
    from .plan_table import plan_table

    found = find_workload(workload)
    parameters = parse_parameters(found.parameters, settings_of(set_), f"workload '{found.name}'")
    plans = []
    for url in device:
        info = resolve_device(url).info()
        plans.append((url, info, dry_run(found, info, parameters)))
    if json:
        print_json([{"device": url, "info": msgspec.to_builtins(i), **msgspec.to_builtins(d)} for url, i, d in plans])
        return
    for url, info, rehearsal in plans:
        show(plan_table(found.name, url, info, rehearsal))
