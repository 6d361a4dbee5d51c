"""Find the tests in a run and analyse each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

import msgspec

from ..findings import Finding
from ..run_file import Run
from ..specification import Specification
from .part import Part

_TESTS = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth")
"""Each has a module of its name here with `find(part)`."""


def findings_of(run: Run) -> list[Finding]:
    """Analyse every test of a run, in order of their first steps; nothing for a run that follows no specification.

    A run that was interrupted gives what it has; the notes say what is missing.
    """
    if "specification" not in run.recipe:
        return []
    specification = msgspec.convert(run.recipe["specification"], Specification)
    asked = specification.required | {
        name: value for name, value in run.recipe.get("parameters", {}).items() if value is not None
    }
    found: dict[tuple[str, str], list[int]] = {}
    for position, step in enumerate(run.steps):
        if (test := step.labels.get("test")) in _TESTS:
            found.setdefault((str(test), str(step.labels.get("part", ""))), []).append(position)
    info = run.recipe.get("device_info", {})
    return [
        _finder(test)(
            Part(
                test, part, tuple(run.steps[position] for position in positions), asked, specification.rule,
                int(info.get("size", 0)), str(info.get("engine", "")) == "model",
            )
        )
        for (test, part), positions in found.items()
    ]  # fmt: skip


def _finder(test: str) -> Callable[[Part], Finding]:
    module: Mapping[str, Callable[[Part], Finding]] = vars(import_module(f".{test}", __package__))
    return module["find"]
