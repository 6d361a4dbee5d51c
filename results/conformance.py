"""How far a run followed the specification that it names: conformant, adapted with the list of deviations, or invalid.

It is decided from the file alone: what was asked for is compared with what the specification demands, then what the
steps show with what was asked for. Nobody can call an adapted run conformant: there is no setting for it.

* INVALID: the run did not complete, I/Os failed, or the procedure has holes: rounds missing or out of order, a phase
  that was left out, a steady state that the values do not show.
* ADAPTED: complete, but under other conditions than demanded: shorter elements, no purge, part of the range.
* CONFORMANT: neither. That a device is simulated or emulated is no deviation of the procedure; it is said apart.

Clauses are those of SNIA SSS PTS 2.0.2 where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ..common.errors import InputError
from ..common.units import format_duration
from .conformance_part import Deviation, Findings
from .conformance_snia import check_snia
from .run_file import Run
from .specification import Specification

__all__ = ["Conformance", "Deviation", "Grade", "conformance_of"]

Grade = Literal["CONFORMANT", "ADAPTED", "INVALID"]

_DURATIONS = ("element", "interval", "limit", "histogram", "baseline", "durations", "prewrite", "round", "access")
"""Last words of the names of what is a time in seconds."""

_IDENTITY = ("model", "serial", "firmware", "size")
_KERNEL_CACHE = {"write back": "enabled", "write through": "disabled"}


class Conformance(msgspec.Struct, frozen=True):
    """How far a run followed its specification."""

    grade: Grade
    deviations: tuple[Deviation, ...]
    simulated: bool
    """The device is a model in virtual time."""
    emulated: bool = False
    """The device is a model in real time."""
    faults: tuple[str, ...] = ()
    """Why it is invalid, in sentences."""
    notes: tuple[str, ...] = ()
    """What a reader must know and what is no deviation: a steady state that was not achieved, a cache not known."""


def conformance_of(run: Run) -> Conformance:
    """Class a run. Raises `InputError` for a run that follows no specification."""
    if "specification" not in run.recipe:
        raise InputError(f"{run.path.name} follows no specification, so there is nothing to conform to")
    specification = msgspec.convert(run.recipe["specification"], Specification)
    found = Findings()
    _check_execution(run, found)
    _check_parameters(run, specification, found)
    _check_device(run, specification, found)
    if specification.name.startswith("snia."):
        check_snia(run, specification, found)
    scheme = str(run.recipe.get("device_info", {}).get("scheme", ""))
    return Conformance(
        "INVALID" if found.faults else "ADAPTED" if found.deviations else "CONFORMANT",
        found.deviations,
        scheme == "sim",
        scheme.startswith(("emu", "nbd:emu")),
        tuple(found.faults),
        found.notes,
    )


def _check_execution(run: Run, found: Findings) -> None:
    """A run that did not end, or in which I/Os failed, shows nothing."""
    header = run.header
    if header.status != "COMPLETED":
        found.faults.append(f"the run ended {header.status}" + (f": {header.reason}" if header.reason else ""))
    if not run.steps:
        found.faults.append("the run has no steps")
    for step in run.steps:
        if step.status != "COMPLETED":
            found.faults.append(f"step {step.index} '{step.label}' ended {step.status}")
        elif step.kind in ("measure", "precondition") and step.totals is None:
            found.faults.append(f"step {step.index} '{step.label}' has no measurement")
        elif step.totals is not None and step.totals.errors:
            errors = ", ".join(f"{count} {name}" for name, count in sorted(step.totals.errors.items()))
            found.faults.append(f"step {step.index} '{step.label}' had failed I/Os: {errors}")
    for text in run.notes:
        if "resumed" in text or "lost its state" in text:
            found.note(text)


def _check_parameters(run: Run, specification: Specification, found: Findings) -> None:
    """What was set otherwise than demanded."""
    given = run.recipe.get("parameters", {})
    for name, required in specification.required.items():
        actual = given.get(name)
        if actual is not None and actual != required:
            found.deviate(name.replace("_", " "), _shown(name, required), _shown(name, actual))


def _check_device(run: Run, specification: Specification, found: Findings) -> None:
    """The same device to the end; its volatile write cache as demanded (2.1.1), where it is known."""
    start, end = run.provenance.get("device_start") or {}, run.provenance.get("device_end") or {}
    for name in _IDENTITY:
        if start.get(name) and end.get(name) and start[name] != end[name]:
            found.faults.append(f"the device's {name} changed from {start[name]} to {end[name]}")
    required = specification.required.get("write_cache")
    if required is None:
        return
    states = set(_cache_states(run)) or {_KERNEL_CACHE.get(str(start.get("write_cache")), "")} - {""}
    if not states:
        found.note(f"the state of the volatile write cache is not known; it has to be {required}")
    elif states != {required}:
        found.deviate("volatile write cache", required, " and ".join(sorted(states)))


def _cache_states(run: Run) -> Iterator[str]:
    """Give what the device itself said of its cache, before and after steps."""
    for step in run.steps:
        for name in ("write_cache_before", "write_cache_after"):
            if step.facts.get(name) in ("enabled", "disabled"):
                yield step.facts[name]


def _shown(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(name, item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return format_duration(value) if name.rpartition("_")[2] in _DURATIONS else f"{value:g}"
    return str(value)
