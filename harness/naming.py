"""How run files are named."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from ..common.errors import InputError

DEFAULT_FOLDER = Path("runs")
RUN_SUFFIX = ".run"
"""Of the folder that holds the journal while a run is under way, beside its file."""

_LONGEST = 60
"""Characters of a device's name: with date, workload and repeat far below the 255 that a file name may have."""


def output_names(workload: str, urls: Sequence[str], output: Path | None, repeats: int) -> list[list[Path]]:
    """Give the file of each repeat and device: exactly the one asked for where there is only one."""
    if output is not None and output.is_dir():
        folder, stem = output, None
    elif output is not None:
        if output.suffix != ".h5":
            raise InputError(
                f"{output} is neither a folder nor a .h5 file", hint="End the name in .h5, or name a folder."
            )
        folder, stem = output.parent, output.stem
    else:
        folder, stem = DEFAULT_FOLDER, None
    first = stem or f"{time.strftime('%Y%m%d-%H%M%S')}-{workload}"
    slugs = _slugs(urls) if len(urls) > 1 or stem is None else [""]
    rows = []
    for repeat in range(repeats):
        tail = f"-r{repeat + 1}" if repeats > 1 else ""
        rows.append([folder / f"{'-'.join(filter(None, (first, slug)))}{tail}.h5" for slug in slugs])
    return rows


def _slugs(urls: Sequence[str]) -> list[str]:
    """Give each device a short name fit for a file, different from the others."""
    slugs: list[str] = []
    for url in urls:
        scheme, _, address = url.partition(":")
        last = address.partition("?")[0].rstrip("/").rpartition("/")[2]
        slug = "-".join(filter(None, (scheme, re.sub(r"[^A-Za-z0-9._]+", "-", last)[:_LONGEST].strip("-."))))
        numbered = (f"{slug}-n{number}" for number in count(2))
        slugs.append(next(name for name in chain([slug], numbered) if name not in slugs))
    return slugs
