"""`--export FORMAT=FILE`: what a command found out, for the CI service that runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from ..common.errors import InputError
from ..common.files import write_atomic
from ..reports.ci import github, markdown, otava
from ..reports.ci.answer import Answer, answer_of_baseline, answer_of_pairs
from ..reports.ci.formats import Format, format_named
from ..results.baseline import BaselineVerdict
from ..results.baseline_files import History
from ..results.paired import PairedSamples, PairedVerdict
from ..results.run_file import open_run
from .environment import ci_commit
from .interleaved import Side


class Wanted(msgspec.Struct, frozen=True):
    """One format and where it goes; without a file to standard output."""

    format_: Format
    path: Path | None


def wanted_exports(texts: Sequence[str]) -> list[Wanted]:
    """Read the option's values. Raises `InputError` for what is none, before anything is measured."""
    return [_wanted(text) for text in texts]


def write_exports(wanted: Sequence[Wanted], answer: Callable[[], Answer]) -> None:
    """Write every format. Raises `InputError` where a file cannot be written."""
    made = answer() if wanted else None
    for one in wanted:
        assert made is not None
        content = one.format_.render(made)
        if one.path is None:
            sys.stdout.write(content.decode())
            if one.format_.name == github.NAME:
                _summarise(made)
            continue
        try:
            if one.format_.name == otava.NAME and one.path.exists():
                content = _appended(one.path, content)
            write_atomic(one.path, content)
        except OSError as error:
            raise InputError(f"cannot write {one.path}: {error.strerror}") from None


def pairs_answer(
    workload: str, sides: tuple[Side, Side], samples: Sequence[PairedSamples], found: Sequence[PairedVerdict]
) -> Answer:
    """Give the answer of interleaved pairs that were measured just now."""
    a, b = (side.device for side in sides)
    title = f"{workload}: {b} against {a}" if a != b else f"{workload} on {a}"
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return answer_of_pairs(samples, found, title, now, ci_commit() or "")


def baseline_answer(files: Sequence[Path], history: History, found: Sequence[BaselineVerdict]) -> Answer:
    """Give the answer of a new session; time and commit are those of its first run."""
    with open_run(files[0]) as run:
        header, commit = run.header, run.commit
    title = f"{header.workload} on {header.device}"
    return answer_of_baseline(history.samples, found, title, history.remarks, header.created, commit)


def _wanted(text: str) -> Wanted:
    name, sign, path = text.partition("=")
    found = format_named(name)
    if not sign and name == github.NAME:
        return Wanted(found, None)
    if not path:
        raise InputError(f"--export {text}: this is not FORMAT=FILE", hint=f"For example: --export {name}=storage.out")
    if path == "-":
        return Wanted(found, None)
    if Path(path).is_dir():
        raise InputError(f"--export {text}: {path} is a folder", hint="Name a file.")
    if not Path(path).parent.is_dir():
        raise InputError(f"--export {text}: there is no folder {Path(path).parent}")
    return Wanted(found, Path(path))


def _summarise(answer: Answer) -> None:
    """Add the markdown to the step summary, if GitHub Actions wants one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        try:
            with Path(path).open("ab") as file:
                file.write(markdown.render(answer))
        except OSError as error:
            raise InputError(f"cannot write the step summary {path}: {error.strerror}") from None


def _appended(path: Path, content: bytes) -> bytes:
    """Give a series with one more row. Raises `InputError` where the columns are others."""
    series = path.read_bytes()
    head, _, row = content.partition(b"\n")
    if not series.strip():
        return content
    if series.splitlines()[0].strip() != head:
        raise InputError(
            f"{path} has other columns than this answer", hint="A series is of one workload: name another file."
        )
    return series + (b"" if series.endswith(b"\n") else b"\n") + row
