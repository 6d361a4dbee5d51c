"""`storbench recover`: keep what an interrupted run has."""

from __future__ import annotations

import typer

from .options import JsonOption, RunFolder


def recover(folder: RunFolder, json: JsonOption = False) -> None:
    """Seal the complete steps of an interrupted run into a file, without going on."""
    from ...reports.terminal import run_summary
    from ...results.run_file import open_run
    from ..session import recover as recover_run
    from .output import print_json, show

    finished = recover_run(folder)
    if json:
        print_json({"path": str(finished.path), "status": finished.status, "reason": finished.reason})
        return
    with open_run(finished.path) as opened:
        show(run_summary(opened))
    typer.echo(f"{finished.status:9}  {finished.path}")
