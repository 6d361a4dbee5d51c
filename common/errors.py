"""The errors of storbench, one small tree.

    StorbenchError          exit status 3
    ├── InputError          exit status 2: wrong usage, input or file; nothing was touched
    │   ├── SafetyError     the target must not be written
    │   └── RunFileError    a result file that cannot be read: truncated, foreign, newer
    ├── MeasurementError    exit status 3: the measurement could not be made
    └── Aborted             exit status 3: the user ended it

The library raises them; only the command line prints them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class StorbenchError(Exception):
    """Say what was wrong and where; `hint` says what to do next."""

    exit_status = 3

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.problem}\n{self.hint}" if self.hint else self.problem


class InputError(StorbenchError):
    """Wrong usage or input, found before anything was touched."""

    exit_status = 2


class SafetyError(InputError):
    """Writing to this target is not allowed."""


class RunFileError(InputError):
    """A result file that cannot be read."""


class MeasurementError(StorbenchError):
    """The measurement could not be made; the steps before it are kept."""


class Aborted(StorbenchError):
    """The user ended the run (Ctrl-C or SIGTERM)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, or list them all: the tail of every "unknown …" message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known: {', '.join(names)}." if names else "There is none."
