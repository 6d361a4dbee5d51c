"""What a test works with: the device, the edition as it was asked for, and the steps that all tests are made of."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TypeVar

import msgspec

from ...common.errors import InputError, MeasurementError
from ...common.units import format_size
from ...devices.base import DeviceInfo
from ...results.measurement import Measurement
from ..job import Job, Pattern, SizeShare
from ..steps import Measure, Note, Outcome, Precondition, Purge, Step
from .editions import Edition, Quantity
from .parameters import SniaParameters
from .resolved import resolved

T = TypeVar("T")
Steps = Generator[Step, Outcome, T]
"""Steps of a part of a plan, and what the part came to."""

Labels = dict[str, str | int | float]


class Load(msgspec.Struct, frozen=True):
    """What is put on the active range, apart from how long."""

    block_size: int
    read_percent: int
    threads: int
    queue_depth: int
    pattern: Pattern = "random"
    mix: tuple[SizeShare, ...] = ()
    """Replaces the block size, which is 0 then."""
    distribution: str = "uniform"
    shows_demand: bool = False
    """Whether threads and queue depth are what differs from step to step."""

    @property
    def text(self) -> str:
        """The load as the specification writes it: `RND 4KiB 65/35`."""
        kind = "RND" if self.pattern == "random" else "SEQ"
        size = format_size(self.block_size) if self.block_size else "composite"
        text = f"{kind} {size} {self.read_percent}/{100 - self.read_percent}"
        return f"{text}, TC {self.threads}, QD {self.queue_depth}" if self.shows_demand else text

    @property
    def labels(self) -> Labels:
        """The labels that say it."""
        return {
            "block_size": self.block_size,
            "read_percent": self.read_percent,
            "threads": self.threads,
            "queue_depth": self.queue_depth,
        }


class Setup(msgspec.Struct, frozen=True):
    """One test of one edition on one device."""

    device: DeviceInfo
    edition: Edition
    parameters: SniaParameters
    test: str
    part: str = ""

    @classmethod
    def of(cls, device: DeviceInfo, parameters: SniaParameters, test: str) -> Setup:
        """Put it together. Raises `InputError` for an active range of less than a block."""
        setup = cls(device, resolved(parameters), parameters, test)
        if not setup.active_bytes:
            raise InputError(f"{setup.edition.active_range:g} of {format_size(device.size)} is less than one block")
        return setup

    @property
    def active_bytes(self) -> int:
        """The active range: whole logical blocks from the start of the device."""
        block = self.device.logical_block_size
        return int(self.device.size * self.edition.active_range) // block * block

    def load(self, block_size: int, read_percent: int, pattern: Pattern = "random") -> Load:
        """Give a load with the operator's thread count and queue depth."""
        return Load(block_size, read_percent, self.edition.threads, self.edition.queue_depth, pattern)

    def labels(self, phase: str, load: Load | None = None, **more: str | int) -> Labels:
        """Give the labels of a step: the test, the part, the phase, the load, and what counts."""
        part: Labels = {"part": self.part} if self.part else {}
        return {"test": self.test, **part, "phase": phase, **more, **(load.labels if load else {})}

    def name(self, what: str, **more: str | int) -> str:
        """Give the label of a step in words: `iops round 2: RND 4KiB 0/100`."""
        counts = [f"{name} {value}" for name, value in more.items()]
        where = " ".join([self.test, *([self.part] if self.part else []), *counts])
        return f"{where}: {what}"

    def elements(self, length: float) -> int:
        """Give how many elements of one minute are left of a phase of `length` seconds; none only of no phase."""
        return math.ceil(round(length / 60 * self.parameters.scale, 9)) if length else 0

    def repeats(self, count: int) -> int:
        """Give how many repeats are left of `count`."""
        return math.ceil(round(count * self.parameters.scale, 9))

    def seconds(self, length: float) -> float:
        """Give how long a prescribed time of at most a minute lasts in this run."""
        return length / 60 * self.edition.element

    def length(self, length: float) -> float:
        """Give how long a phase of whole minutes lasts in this run."""
        return self.elements(length) * self.edition.element

    def job(self, load: Load, seconds: float) -> Job:
        """Give the job that puts a load on the whole active range for some time."""
        sizes = {"block_size_mix": load.mix} if load.mix else {"block_size": load.block_size}
        return Job(
            **sizes,
            pattern=load.pattern,
            read_fraction=load.read_percent / 100,
            queue_depth=load.queue_depth,
            jobs=load.threads,
            duration=seconds,
            span=self.active_bytes,
            distribution=load.distribution,
            data=self.edition.data,
        )

    def measure(self, phase: str, load: Load, seconds: float, **more: str | int) -> Measure:
        """Give a measured step."""
        return Measure(
            self.name(_what(phase, load), **more), self.job(load, seconds), (), self.labels(phase, load, **more)
        )

    def precondition(self, phase: str, load: Load, seconds: float, **more: str | int) -> Precondition:
        """Give a step that is measured as well, but prepares what follows."""
        return Precondition(
            self.name(_what(phase, load), **more), self.job(load, seconds), (), self.labels(phase, load, **more)
        )

    def purge(self) -> Steps[None]:
        """Purge, or say that it was not asked for."""
        if self.parameters.purge:
            yield Purge(self.name("purge"), self.labels("purge"))
        else:
            yield Note(self.name("not purged, as was asked for"))

    def check_block(self, largest: int, threads: int = 1) -> None:
        """Refuse an active range that does not hold a block for each thread. Raises `InputError`."""
        if largest * threads > self.active_bytes:
            each = f" for each of {threads} threads" if threads > 1 else ""
            raise InputError(
                f"the {self.test} test needs {format_size(largest)}{each}, the active range has "
                f"{format_size(self.active_bytes)}",
                hint="Choose a larger device, fewer threads, or a larger active_range.",
            )

    def allowed(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Leave out the block sizes that the device cannot do, because its logical block is larger."""
        return tuple(size for size in sizes if size % self.device.logical_block_size == 0)


def _what(phase: str, load: Load) -> str:
    """Say a step in words; what is counted in rounds or minutes says so already."""
    return load.text if phase in ("round", "minute") else f"{phase} {load.text}"


def capture(setup: Setup, load: Load, length: float) -> Steps[None]:
    """Keep every response time of a load for so long; nothing where the edition has no such phase."""
    if length:
        yield setup.measure("histogram", load, setup.length(length))


def measurement_of(outcome: Outcome) -> Measurement:
    """Give what a step measured. Raises `MeasurementError` where it is nothing."""
    if outcome.measurement is None:
        raise MeasurementError("a step that decides about the plan gave no measurement")
    return outcome.measurement


def value_of(outcome: Outcome, quantity: Quantity) -> float:
    """Give one quantity of a step, reads and writes together; a mean latency is weighted by their counts, in ns."""
    found = measurement_of(outcome)
    match quantity:
        case "iops":
            return found.iops
        case "bandwidth":
            return found.bandwidth
        case "latency_mean":
            return found.latency.mean_ns
