"""`storbench import`: fio's own results become a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, OutputOption


def import_fio(
    source: Annotated[
        Path, typer.Argument(metavar="FIO_JSON", help="A fio JSON file, or a folder of them (bench-fio's too).")
    ],
    output: OutputOption = None,
    json: JsonOption = False,
) -> None:
    """Turn fio's JSON output into a run file that can be shown, compared and reported."""
    from ...reports.terminal import run_summary
    from ...results.run_file import open_run
    from ..fio_import import import_results
    from .output import print_json, show

    path = import_results(source, output)
    if json:
        print_json({"path": str(path)})
        return
    with open_run(path) as run:
        show(run_summary(run))
    typer.echo(path)
