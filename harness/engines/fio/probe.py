"""Which fio is here: where, which version, which I/O engines it was built with."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import msgspec

from ....common import processes
from ....common.errors import MeasurementError
from ....common.packages import install_command

OLDEST = (3, 33)
"""What the parsers were written for; fio before it lacks fields of json+."""

OVERRIDE = "STORBENCH_FIO"
"""Environment variable: the path of the fio to use."""

_UNTOUCHED = "Nothing was touched."
_VERSION = re.compile(r"fio-(\d+)\.(\d+)\S*")
_ENGINE = re.compile(r"\s+([a-z0-9][a-z0-9_-]*)\s*")


class FioProbe(msgspec.Struct, frozen=True):
    """An fio that can be used."""

    path: Path
    version: tuple[int, int]
    version_text: str
    """As fio says it: `fio-3.36-dirty`."""
    ioengines: frozenset[str]
    """The engines built in or found beside it; the kernel may still refuse one."""


def probe(binary: str = "fio") -> FioProbe:
    """Look at fio, once per process and path; `STORBENCH_FIO`, where set, takes the place of `binary`.

    Raises `MeasurementError` where it is absent, does not answer, or is older than `OLDEST`.
    """
    override = os.environ.get(OVERRIDE, "")
    found = shutil.which(override or binary)
    if found is None and override:
        raise MeasurementError(
            f"{OVERRIDE} names {override}, which is not a program", hint=f"Correct or unset it. {_UNTOUCHED}"
        )
    if found is None:
        raise MeasurementError(f"{binary} is not installed", hint=f"Install it: {_install()}. {_UNTOUCHED}")
    # Absolute but not resolved: a link may lead to a wrapper that goes by the name it is called with.
    return _probe(Path(found).absolute())


def parse_version(text: str) -> tuple[tuple[int, int], str] | None:
    """Find fio's version in what it printed: `fio-3.37-1-gabc` gives (3, 37) and the text; None where there is none."""
    match = _VERSION.search(text)
    return ((int(match[1]), int(match[2])), match[0]) if match else None


def parse_engines(text: str) -> frozenset[str]:
    """Find the engines in what `--enghelp` printed: one to an indented line; anything else is not meant."""
    return frozenset(match[1] for line in text.splitlines() if (match := _ENGINE.fullmatch(line)))


def _install() -> str:
    return install_command("fio")


@cache
def _probe(path: Path) -> FioProbe:
    answer = _ask(path, "--version")
    found = parse_version(answer)
    if found is None:
        said = answer.strip().splitlines()
        raise MeasurementError(
            f"{path} is not fio: asked for its version it said {said[0]!r}" if said else f"{path} tells no version",
            hint=f"Put fio first in PATH, or name it in {OVERRIDE}. {_UNTOUCHED}",
        )
    version, text = found
    if version < OLDEST:
        raise MeasurementError(
            f"{path} is {text}; storbench needs fio {OLDEST[0]}.{OLDEST[1]} or newer",
            hint=f"Update it: {_install()}, or build it from https://github.com/axboe/fio and name it in {OVERRIDE}. "
            f"{_UNTOUCHED}",
        )
    return FioProbe(path, version, text, parse_engines(_ask(path, "--enghelp")))


def _ask(path: Path, question: str) -> str:
    try:
        return processes.output_of([str(path), question])
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").strip()
        raise MeasurementError(
            f"{path} {question} does not answer: {said or error}", hint=f"Install fio again: {_install()}. {_UNTOUCHED}"
        ) from None
