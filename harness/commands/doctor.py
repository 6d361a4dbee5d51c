"""`storbench doctor`: is this machine fit to measure?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption


def doctor(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders whose file system is to be examined. Default: here.")
    ] = [],  # noqa: B006 - typer copies it
    clean: Annotated[
        bool, typer.Option("--clean", help="Only remove what killed runs have left behind; nothing else is touched.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what is installed and what makes this machine noisy, each with what to do."""
    if clean:
        _clean(paths, json=json)
        return
    from ..doctor import examine
    from ..inventory import broken_plugins
    from .output import print_json, show

    findings = examine(paths or [Path()], broken_plugins())
    if json:
        print_json(findings)
        return
    from ..doctor_table import findings_table

    show(findings_table(findings))


def _clean(paths: list[Path], *, json: bool) -> None:
    """Remove leftovers and say which. Raises `MeasurementError` where some could not be removed."""
    from ...common.errors import InputError, MeasurementError
    from ..leftovers import clean
    from .output import print_json

    if paths:
        raise InputError("--clean takes no folders", hint="It finds what is left by itself: storbench doctor --clean")
    done = clean()
    if json:
        print_json(done)
    else:
        for one in done.removed:
            typer.echo(f"removed {one.kind} {one.name}")
        for alone in done.untouched:
            typer.echo(f"not touched: {alone.kind} {alone.name}: {alone.why}")
        if not done.removed and not done.remaining:
            typer.echo("Nothing is left of killed runs.")
    if done.remaining:
        raise MeasurementError(
            "could not be removed: " + ", ".join(f"{one.kind} {one.name}" for one in done.remaining),
            hint="See who uses it: fuser -vm PATH; then call storbench doctor --clean again.",
        )
