"""`storbench faults list`: which fault classes there are, and which of them a device can have."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import JsonOption

app = typer.Typer(no_args_is_help=True, help="Fault classes: what can be made to go wrong.")


@app.callback()
def _root() -> None:
    """Say what can be made to go wrong."""


@app.command("list")
def list_faults(
    device: Annotated[str, typer.Option("-d", "--device", help="Say which of them this device can have.")] = "",
    json: JsonOption = False,
) -> None:
    """List the fault classes; with a device, say which it can have and why not the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ...devices.registry import resolve_device
    from ...workloads.faults.names import NAMES, PREFIX, class_named
    from ...workloads.faults.procedure import missing
    from .output import print_json, show

    info = resolve_device(device).info() if device else None
    classes = [class_named(name) for name in NAMES]
    reasons = [missing(one, info) if info else "" for one in classes]
    if json:
        print_json(
            [
                {
                    "name": f"{PREFIX}{one.name}", "summary": one.summary, "kind": one.kind,
                    "invariants": one.invariants, "redundancy": one.redundancy,
                    **({"possible": not why, "reason": why} if info else {}),
                }
                for one, why in zip(classes, reasons, strict=True)
            ]
        )  # fmt: skip
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("class", no_wrap=True)
    table.add_column("what happens" if not info else f"on {device}")
    for one, why in zip(classes, reasons, strict=True):
        what = Text(f"not possible: {why}", "yellow") if why else Text(one.summary)
        table.add_row(f"{PREFIX}{one.name}", what)
    show(table, "Run one: storbench run faults.hang -d 'mirror:?size=256MiB'; all: storbench run faults.suite -d …")
