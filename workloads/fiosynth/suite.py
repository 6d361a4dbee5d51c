"""FioSynth's suites: production traces as a few loads at the same time, with trims, preconditioned by themselves.

A suite is a data file here: steps in order, each with its loads as their sources have them. Its targets are limits of
the same name (`fiosynth-…`), apart from it. What is not carried over: delays of some seconds before single loads begin.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from ...common.errors import InputError
from ...common.units import format_size, parse_duration, parse_size
from ...devices.base import DeviceInfo
from ...results.specification import Specification, Uncertain
from ..base import BuiltinWorkload, Parameters, Workload
from ..job import Job, SizeShare
from ..phases import checked_plan, seeded
from ..steps import Measure, Plan, Precondition, Step

_FOLDER = Path(__file__).parent
_TERABYTE = 10**12
_LARGEST_OFFSET = 5
"""A read's offset is at most a fifth of the device: the suites' 100,000 MiB are for drives of a terabyte and more."""


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load of a step, with the units of its source."""

    name: str
    operation: Literal["read", "write", "trim"]
    block_size: str = "4KiB"
    block_size_mix: tuple[tuple[str, int], ...] = ()
    random_percent: int = 100
    queue_depth: int = 1
    clients: int = 1
    rate: str = ""
    """Bandwidth of each client: `69MiB/s`."""
    rate_iops: int = 0
    think: str = ""
    think_every: int = 0
    span_percent: int = 100
    offset: str = ""


class SuiteStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step: by time, or by passes over the device."""

    kind: Literal["precondition", "measure"]
    label: str
    loads: tuple[Load, ...]
    time: str = ""
    ramp: str = ""
    passes: int = 0


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data file."""

    name: str
    title: str
    revision: str
    cycles: int
    scale_by_capacity: bool
    step: tuple[SuiteStep, ...]


class SuiteParameters(Parameters, frozen=True):
    """What can be set; whatever differs from the suite is a deviation."""

    scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Share of every prescribed time that is carried out; rates and pauses stay as they are."""
    precondition: bool = True
    trims: bool = True
    """Whether the loads that trim are carried out; a file cannot be trimmed."""
    cycles: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    """How often the measured steps are carried out; as the suite says unless given."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1


class FioSynthSuite(BuiltinWorkload):
    """One suite."""

    parameters = SuiteParameters

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self.name = suite.name
        self.summary = f"FioSynth {suite.revision}: {suite.title}, {self._count('measure')} production workloads"

    def plan(self, device: DeviceInfo, parameters: SuiteParameters) -> Plan:
        """Precondition, then the workloads, as many cycles as the suite has. Raises `InputError` for a small device."""
        if parameters.trims and device.scheme in ("file", "emu"):
            raise InputError(
                "this suite trims, and a file cannot be trimmed",
                hint="Leave the trims out with --set trims=false; the run is then an adapted one.",
            )
        steps: list[Step] = []
        if parameters.precondition:
            steps += [self._step(one, device, parameters, 0) for one in self._suite.step if one.kind == "precondition"]
        for cycle in range(1, (parameters.cycles or self._suite.cycles) + 1):
            steps += [self._step(one, device, parameters, cycle) for one in self._suite.step if one.kind == "measure"]
        return checked_plan(device, [seeded(step, parameters.seed, index) for index, step in enumerate(steps)])

    def specification(self, device: DeviceInfo, parameters: SuiteParameters) -> Specification:  # noqa: ARG002
        """Say which suite it is, and what of it is uncertain."""
        suite = self._suite
        uncertain = [Uncertain("trims", "of the sizes and pauses of the suite, at most a tenth of the device",
                               "FioSynth's job files", "single source")]  # fmt: skip
        if suite.scale_by_capacity:
            uncertain.append(Uncertain(
                "clones of each load", f"{self._clones(device)}, one for each terabyte of the device and at least one",
                "FioSynth's suites scale by capacity", "single source",
            ))  # fmt: skip
        uncertain.append(Uncertain(
            "rates of reads", "as I/Os per second: the suite's bandwidth by the mean size of the mix",
            "FioSynth's job files limit the bandwidth", "single source",
        ))  # fmt: skip
        required = {"scale": 1.0, "precondition": True, "trims": True, "cycles": suite.cycles}
        tests = tuple(one.label for one in suite.step if one.kind == "measure")
        return Specification(
            suite.name, suite.title, "FioSynth", suite.revision, tests, required=required, uncertain=tuple(uncertain)
        )

    def _count(self, kind: str) -> int:
        return sum(one.kind == kind for one in self._suite.step)

    def _clones(self, device: DeviceInfo) -> int:
        return max(1, round(device.size / _TERABYTE)) if self._suite.scale_by_capacity else 1

    def _step(self, one: SuiteStep, device: DeviceInfo, parameters: SuiteParameters, cycle: int) -> Step:
        loads = [load for load in one.loads if parameters.trims or load.operation != "trim"]
        jobs = [self._job(load, one, device, parameters.scale) for load in loads]
        if one.kind == "precondition":
            return Precondition(one.label, jobs[0], tuple(jobs[1:]), {"phase": "precondition"})
        name = f"{one.label} cycle {cycle}" if (parameters.cycles or self._suite.cycles) > 1 else one.label
        return Measure(name, jobs[0], tuple(jobs[1:]), {"test": one.label, "phase": "workload", "cycle": cycle})

    def _job(self, load: Load, step: SuiteStep, device: DeviceInfo, scale: float) -> Job:
        block = device.logical_block_size
        offset = min(parse_size(load.offset) if load.offset else 0, device.size // _LARGEST_OFFSET) // block * block
        span = min(device.size * load.span_percent // 100, device.size - offset) // block * block
        sizes = load.block_size_mix or ((load.block_size, 100),)
        # A trim of 2 GiB needs a device of 20 GiB; on a smaller one it trims all that it may.
        shares = tuple(SizeShare(min(parse_size(size), span), float(percent)) for size, percent in sizes)
        clients = load.clients * self._clones(device)
        mean = sum(share.size * share.percent for share in shares) / 100
        rate = float(load.rate_iops) * clients
        if load.rate:
            rate = parse_size(load.rate.removesuffix("/s")) * clients / mean
        if span < block:
            raise InputError(f"the device has only {format_size(device.size)}", hint="Choose a larger one.")
        return Job(
            pattern="random" if load.random_percent else "sequential",
            block_size_mix=shares if len(shares) > 1 else (),
            block_size=shares[0].size,
            read_fraction=1.0 if load.operation == "read" else 0.0,
            trim=load.operation == "trim",
            sequential_percent=float(100 - load.random_percent) if load.random_percent else 0.0,
            queue_depth=load.queue_depth,
            jobs=clients,
            rate_iops=rate or None,
            think_time=parse_duration(load.think) if load.think else 0.0,
            think_every=load.think_every,
            offset=offset,
            span=span,
            bytes=span * step.passes if step.passes else None,
            duration=None if step.passes else parse_duration(step.time) * scale,
            ramp=parse_duration(step.ramp) * scale if step.ramp else 0.0,
        )


@cache
def suites() -> dict[str, FioSynthSuite]:
    """Give every suite by its name."""
    found = [msgspec.toml.decode(path.read_bytes(), type=Suite) for path in sorted(_FOLDER.glob("*.toml"))]
    return {suite.name: FioSynthSuite(suite) for suite in found}


def suite_named(name: str) -> Workload:
    """Give one suite. Raises `KeyError` for an unknown one."""
    return suites()[name]
