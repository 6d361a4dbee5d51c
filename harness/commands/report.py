"""`storbench report`: one HTML page that works offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import RunFiles


def report(
    files: RunFiles,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The page. Default: beside the first run.")
    ] = None,
) -> None:
    """Draw runs as one HTML page: charts, tables, recipe; no network needed to read it."""
    typer.echo(write_report(files, output))


def write_report(files: list[Path], output: Path | None) -> Path:
    """Write the page and give its path."""
    from contextlib import ExitStack

    from ...common.errors import InputError
    from ...common.files import write_atomic
    from ...reports.html import report_html
    from ...results.run_file import open_run

    if not files:
        raise InputError("no run file given")
    target = output or files[0].with_suffix(".html")
    with ExitStack() as stack:
        page = report_html([stack.enter_context(open_run(path)) for path in files])
    try:
        write_atomic(target, page)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}", hint="Choose another place with -o.") from None
    return target
