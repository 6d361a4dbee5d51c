"""`storbench demo`: the main job, end to end, in under a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PARAMETERS = {"block_size": "4KiB", "read_fraction": "0.7", "queue_depth": "1,4,16", "jobs": "2", "duration": "3s"}


def demo(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for the runs and the page.")] = Path("runs"),
) -> None:
    """Measure a real file and a networked device under concurrent random load, compare them, draw the page."""
    import time

    from ...common.files import writable_folder
    from ..progress import observer_for
    from ..session import Options, execute, prepare
    from .report import write_report
    from .run import conclude

    writable_folder(folder)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    devices = [f"file:{folder / 'demo.bin'}?size=256MiB", "nbd:memory?size=256MiB"]
    planned = prepare("randrw", devices, PARAMETERS, Options(folder / f"demo-{stamp}.h5"))
    finished = execute(planned, observer_for)
    conclude(finished, json=False)
    page = write_report([one.path for one in finished], folder / f"demo-{stamp}.html")
    typer.echo(f"\nThe page:   {page.resolve()}")
    typer.echo(f"Look again: storbench show {finished[0].path}")
