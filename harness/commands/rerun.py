"""`storbench rerun`: run again what a file describes."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import DestroyOption, GraceOption, IoLogOption, JsonOption, OutputOption, RepeatOption, RunFile


def rerun(
    file: RunFile,
    device: Annotated[
        str | None, typer.Option("-d", "--device", metavar="URL", help="Another device than the file's own.")
    ] = None,
    output: OutputOption = None,
    repeat: RepeatOption = 1,
    destroy: DestroyOption = [],  # noqa: B006 - typer copies it
    io_log: IoLogOption = False,
    grace: GraceOption = "30s",
    json: JsonOption = False,
) -> None:
    """Run the recipe of a run file again, on the same device or on another."""
    from ...common.units import parse_duration
    from ...results.run_file import open_run
    from ..session import Options, prepare_again
    from .run import carry_out

    with open_run(file) as opened:
        recipe = opened.recipe
    options = Options(output, repeat, frozenset(destroy), io_log, parse_duration(grace))
    carry_out(prepare_again(recipe, device, options), json)
