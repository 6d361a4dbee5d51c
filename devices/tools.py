"""Asking system tools such as nvme, smartctl and hdparm: what they said, or in words why they said nothing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from itertools import takewhile

import msgspec

from ..common import processes

TIMEOUT_S = 10.0
"""For a question. A drive that is being formatted or erased takes as long as its caller says."""

_LONGEST = 300


class Answer(msgspec.Struct, frozen=True):
    """What a tool said."""

    program: str
    status: int | None = None
    """Its exit status; None where it did not run to its end."""
    out: str = ""
    problem: str = ""
    """Why there is no or no good answer: not installed, no answer in time, what it complained about."""

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.status == 0


def ask(command: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> Answer:
    """Run a tool and give what it said. Never raises for what the tool does."""
    # With its subcommands: `nvme ocp smart-add-log`.
    name = " ".join(takewhile(lambda word: not word.startswith(("/", "-")), command))
    if shutil.which(command[0]) is None:
        return Answer(name, problem=f"{command[0]} is not installed")
    try:
        process = processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        return Answer(name, problem=f"{command[0]} cannot be started: {error.strerror}")
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return Answer(name, problem=f"{name} did not answer within {timeout_s:g} s")
    finally:
        processes.end(process)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    text = out.decode(errors="replace")
    if process.returncode == 0:
        return Answer(name, 0, text)
    said = _sentence(err.decode(errors="replace")) or _sentence(text) or "no reason given"
    return Answer(name, process.returncode, text, f"{name}: {said} (exit status {process.returncode})")


def _sentence(text: str) -> str:
    """Give the last lines of a complaint as one line; a JSON document is none."""
    if text.lstrip().startswith("{"):
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:_LONGEST]
