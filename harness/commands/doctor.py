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
    json: JsonOption = False,
) -> None:
    """Say what is installed and what makes this machine noisy, each with what to do."""
    from ..doctor import examine
    from ..inventory import broken_plugins
    from .output import print_json, show

    findings = examine(paths or [Path()], broken_plugins())
    if json:
        print_json(findings)
        return
    from ..doctor_table import findings_table

    show(findings_table(findings))
