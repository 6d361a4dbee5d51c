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
    certificate: Annotated[
        bool, typer.Option("--certificate", help="Draw the certificate of one run of a specification instead.")
    ] = False,
) -> None:
    """Draw runs as one HTML page: charts, tables, recipe; no network needed to read it."""
    typer.echo(draw_certificate(files, output) if certificate else write_report(files, output))


def draw_certificate(files: list[Path], output: Path | None) -> Path:
    """Write the page of one run's certificate and give its path."""
    from ...common.errors import InputError
    from ...reports.certificate.documents import certificate_html
    from ...results.run_file import open_run
    from ..certification import HTML

    if len(files) != 1:
        raise InputError("a certificate is of one run", hint="Name one run file.")
    with open_run(files[0]) as run:
        return write_page(output or files[0].with_name(files[0].stem + HTML), certificate_html(run))


def write_report(files: list[Path], output: Path | None) -> Path:
    """Write the page and give its path."""
    from contextlib import ExitStack

    from ...common.errors import InputError
    from ...reports.html import report_html
    from ...results.run_file import open_run

    if not files:
        raise InputError("no run file given")
    target = output or files[0].with_suffix(".html")
    with ExitStack() as stack:
        return write_page(target, report_html([stack.enter_context(open_run(path)) for path in files]))


def write_page(target: Path, page: str) -> Path:
    """Write a page and give its path. Raises `InputError` where that cannot be done."""
    from ...common.errors import InputError
    from ...common.files import write_atomic

    try:
        write_atomic(target, page)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}", hint="Choose another place with -o.") from None
    return target
