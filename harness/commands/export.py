"""`storbench export`: a run in an exchange format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import RunFile


def export(
    file: RunFile,
    format_: Annotated[
        str,
        typer.Option("-f", "--format", help="csv, json, junit, markdown, bencher, …: see `storbench list exports`."),
    ] = "csv",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to; default: standard output.")] = None,
) -> None:
    """Write a run's tidy table (csv), all its facts (json), or what a CI service reads of it."""
    from ...common.errors import InputError
    from ...common.files import write_atomic
    from ...reports.exports import export as export_run
    from ...results.run_file import open_run

    with open_run(file) as run:
        content = export_run(run, format_)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        write_atomic(output, content)
    except OSError as error:
        raise InputError(f"cannot write {output}: {error.strerror}") from None
    typer.echo(output)
