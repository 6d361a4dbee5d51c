"""storbench measures storage: concurrent load, every number kept in HDF5, comparisons that can be trusted.

The public Python face. Everything below it may move; these names stay:

    run = storbench.open_run("runs/a.h5")
    runs = storbench.run("randrw", ["file:/data/t.bin?size=1GiB"], {"queue_depth": "1,16"})
    rows = storbench.compare(["runs/a.h5", "runs/b.h5"])

Heavy modules are imported inside the calls, so that `import storbench` costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .results.comparison import Comparison
    from .results.run_file import Run

__all__ = ["__version__", "compare", "open_run", "run"]

__version__ = "0.1.0"


def open_run(path: str | PathLike[str]) -> Run:
    """Open a run file for reading.

    The result closes itself as a context manager. Raises `RunFileError` for a truncated, foreign or newer file.
    """
    from .results.run_file import open_run as open_file

    return open_file(path)


def run(
    workload: str,
    devices: Sequence[str],
    parameters: Mapping[str, object] | None = None,
    *,
    output: str | PathLike[str] | None = None,
    repeat: int = 1,
    destroy: Sequence[str] = (),
    io_log: bool = False,
) -> list[Run]:
    """Run a workload on one or more devices and open the files it wrote, in the order they were measured.

    `workload` is a name from `storbench list`, a TOML workload or a fio job file; `parameters` are its own, as
    strings with units ("4KiB", "30s") or as plain numbers. `destroy` names the serials of raw block devices that may be
    overwritten. Raises `InputError` before anything is touched, `MeasurementError` when a run did not complete.
    """
    from .harness.session import run as run_session

    paths = run_session(
        workload, devices, parameters or {}, output=output, repeat=repeat, destroy=destroy, io_log=io_log
    )
    return [open_run(path) for path in paths]


def compare(paths: Sequence[str | PathLike[str]]) -> Comparison:
    """Align the steps of any number of runs and give each metric's ratio to the first run, with what did not align."""
    from .results.comparison import compare_files

    return compare_files(paths)
