"""`storbench demo`: the main job, end to end, in under a minute, and emulated devices beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

PARAMETERS = {"block_size": "4KiB", "read_fraction": "0.7", "queue_depth": "1,4,16", "jobs": "2", "duration": "3s"}

EMULATED = ("sim:flash-tlc", "sim:pcm-onyx", "sim:pcm-onyx?link_rtt=200us")
"""Flash, phase-change memory, and the same behind a data centre's network."""


def demo(
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for the runs and the pages.")] = Path("runs"),
) -> None:
    """Measure a file and a networked device under concurrent random load, then emulated flash and PCM; draw the pages.

    Without fio only the emulated devices are measured: they need none.
    """
    import time

    from ...common.errors import MeasurementError
    from ...common.files import writable_folder
    from ..engines.fio.probe import probe

    writable_folder(folder)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    pages = []
    try:
        probe()
    except MeasurementError as error:
        typer.echo(f"{error.problem}: only emulated devices are measured.", err=True)
    else:
        devices = [f"file:{folder / 'demo.bin'}?size=256MiB", "nbd:memory?size=256MiB"]
        pages.append(_measured(devices, folder / f"demo-{stamp}"))
    pages.append(_measured(EMULATED, folder / f"demo-{stamp}-emulated"))
    typer.echo()
    for title, (page, _) in zip(("The page:  ", "Emulated:  "), pages, strict=False):
        typer.echo(f"{title} {page.resolve()}")
    typer.echo(f"Look again: storbench show {pages[0][1]}")


def _measured(devices: Sequence[str], stem: Path) -> tuple[Path, Path]:
    """Run the workload on devices, show them, write their page; give the page and the first run."""
    from ..progress import observer_for
    from ..session import Options, execute, prepare
    from .report import write_report
    from .run import conclude

    finished = execute(prepare("randrw", devices, PARAMETERS, Options(stem.with_suffix(".h5"))), observer_for)
    conclude(finished, json=False)
    return write_report([one.path for one in finished], stem.with_suffix(".html")), finished[0].path
