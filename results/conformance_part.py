"""One test of a run, or one part of one, as the checks of conformance see it, and what they find."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from ..common.units import format_size
from .measurement import Measurement
from .run_file import Run, StepView
from .specification import Specification
from .steady_state import rule_named, steady_state


class Deviation(msgspec.Struct, frozen=True):
    """One condition that was not as demanded."""

    what: str
    required: str
    actual: str


class Findings:
    """What the checks found so far."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._notes: dict[str, list[str]] = {}
        self._deviations: dict[Deviation, list[str]] = {}

    def deviate(self, what: str, required: str, actual: str, part: str = "") -> None:
        """Add a deviation, of one test or part of one or of the whole run."""
        self._deviations.setdefault(Deviation(what, required, actual), []).append(part)

    def note(self, text: str, part: str = "") -> None:
        """Add what a reader must know, of one test or part of one or of the whole run."""
        self._notes.setdefault(text, []).append(part)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes, the same one of several tests once, with their names."""
        return tuple(f"{', '.join(parts)}: {text}" if any(parts) else text for text, parts in self._notes.items())

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """The deviations, the same one of several tests once, with their names."""
        return tuple(
            Deviation(f"{one.what} ({', '.join(parts)})" if any(parts) else one.what, one.required, one.actual)
            for one, parts in self._deviations.items()
        )


def asked_for(run: Run, specification: Specification) -> dict[str, Any]:
    """Give what the run set out to do, by parameter: as demanded, but for what was set otherwise."""
    given = {name: value for name, value in run.recipe.get("parameters", {}).items() if value is not None}
    return specification.required | given


class Part(msgspec.Struct, frozen=True):
    """One test, or one part of one, with what was asked for."""

    test: str
    part: str
    steps: list[StepView]
    """Without notes, in order."""
    asked: dict[str, Any]
    rule: str
    size: int
    logical_block: int
    virtual: bool

    @property
    def name(self) -> str:
        """The test in words."""
        return f"{self.test} {self.part}".rstrip()

    def of(self, *phases: str) -> list[StepView]:
        """Give the steps of some phases."""
        return [step for step in self.steps if step.labels.get("phase") in phases]

    def own(self, field: str) -> Any:
        """Give what was asked for of this test alone."""
        return self.asked[f"{self.test}_{field}"]

    def length(self, seconds: float) -> float:
        """Give how long a phase of whole minutes had to be."""
        return self.minutes(seconds) * float(self.asked["element"])

    def minutes(self, seconds: float) -> int:
        """Give of how many one-minute elements it had to be."""
        return math.ceil(round(seconds / 60 * float(self.asked["scale"]), 9))

    @property
    def active_bytes(self) -> int:
        """The active range (2.1.2): whole logical blocks from the start."""
        return int(self.size * float(self.asked["active_range"])) // self.logical_block * self.logical_block


def by_label(steps: Iterable[StepView], name: str) -> list[tuple[Any, list[StepView]]]:
    """Group steps that follow one another by a label."""
    return [(value, list(same)) for value, same in groupby(steps, key=lambda step: step.labels.get(name))]


def value_of(step: StepView, quantity: str) -> float:
    """Give what is tracked of a step, reads and writes together; a mean latency is weighted by their counts, in ns."""
    measured = step.totals
    if measured is None:
        return 0.0
    return measured.latency.mean_ns if quantity == "latency_mean" else float(getattr(measured, quantity))


def bytes_written(measured: Measurement | None) -> int:
    """Give the bytes that were written, none where nothing was measured."""
    return measured.write.bytes if measured is not None else 0


def part_size(part: Part) -> int:
    """Give the block size that a part of the throughput test is about, 0 for none that was asked for."""
    sizes = {format_size(size): int(size) for size in part.asked["throughput_block_sizes"]}
    return sizes.get(part.part, 0)


def check_steady(
    part: Part, values: Mapping[str, Sequence[float]], rounds: int, found: Findings, what: str = "rounds"
) -> None:
    """The rounds went on until all that is tracked was steady, or until there were as many as allowed (3.2.1.2.3)."""
    most = part.asked["max_rounds"]
    if not rounds or not values:
        return
    if steady_state(values, rule_named(part.rule)).first_steady_round is not None:
        return
    if rounds < most:
        found.faults.append(f"{part.name}: {what} ended after {rounds} of {most} without a steady state")
    else:
        found.note(f"steady state was not achieved within {rounds} {what}", part.name)


def check_histogram(part: Part, found: Findings) -> None:
    """The response times are captured once, as the last step."""
    if part.own("histogram") and [part.steps[-1]] != part.of("histogram"):
        found.faults.append(f"{part.name}: the response times were not captured after the steady state")
