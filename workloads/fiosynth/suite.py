"""FioSynth's suites: production traces as a few loads at the same time, with trims, preconditioned by themselves.

A suite is a data file here (`suite_file.py`); its targets are limits of the same name (`fiosynth-…`), apart from it.
Every preconditioning step begins with a purge, as FioSynth trims the whole drive before each.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import cache
from typing import Annotated

import msgspec

from ...common.errors import InputError
from ...devices.base import DeviceInfo
from ...results.measurement import Measurement
from ...results.specification import Specification, Uncertain
from ..base import BuiltinWorkload, Parameters, Workload
from ..job import Job
from ..phases import MAX_STEPS, check_step, seeded
from ..steps import Measure, Outcome, Plan, Precondition, Purge, Step
from .loads import TERABYTE, jobs_of_load
from .suite_file import Suite, SuiteStep, suite_files

_SINGLE = "single source"
_OWN_CAPACITY = "the device's"


class SuiteParameters(Parameters, frozen=True):
    """What can be set; whatever differs from the suite is a deviation."""

    scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """Share of every prescribed time that is carried out; rates and pauses stay as they are."""
    terabytes: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None
    """The capacity that rates, depths and pauses are for; the device's own unless given."""
    precondition: bool = True
    purge: bool = True
    """Purge before every preconditioning step."""
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
        count = len(self._of("measure"))
        loads = "one production workload" if count == 1 else f"{count} production workloads"
        self.summary = f"FioSynth {suite.revision}: {suite.title}, {loads}"

    def plan(self, device: DeviceInfo, parameters: SuiteParameters) -> Plan:
        """Precondition, then the workloads, as many cycles as the suite has. Raises `InputError` for a small device."""
        if parameters.trims and self._trims and device.scheme in ("file", "emu"):
            raise InputError(
                "this suite trims, and a file cannot be trimmed",
                hint="Leave the trims out with --set trims=false; the run is then an adapted one.",
            )
        for one in self._suite.step:
            check_step(device, self._step(one, device, parameters))
        return self._carried_out(device, parameters)

    def specification(self, device: DeviceInfo, parameters: SuiteParameters) -> Specification:  # noqa: ARG002
        """Say which suite it is, and what of it is uncertain."""
        suite = self._suite
        required = {
            "scale": 1.0, "terabytes": _OWN_CAPACITY, "precondition": True, "purge": True, "cycles": suite.cycles,
            **({"trims": True} if self._trims else {}),
        }  # fmt: skip
        tests = tuple(one.label for one in self._of("measure"))
        return Specification(
            suite.name, suite.title, "FioSynth", suite.revision, tests, required=required,
            uncertain=tuple(self._uncertain(device)),
        )  # fmt: skip

    def _uncertain(self, device: DeviceInfo) -> Generator[Uncertain]:
        suite, loads = self._suite, {load.name: load for step in self._suite.step for load in step.loads}
        if suite.scale_by_capacity:
            yield Uncertain(
                "capacity by which rates, depths and pauses scale", f"{device.size / TERABYTE:.4g} TB, exactly",
                "FioSynth rounds it to a tenth of a terabyte, and to at least one tenth", _SINGLE,
            )  # fmt: skip
        yield Uncertain(
            "rates of reads", "as I/Os per second: the suite's bandwidth by the mean size of the mix",
            "FioSynth's job files limit the bandwidth", _SINGLE,
        )  # fmt: skip
        if any(step.slope_percent for step in suite.step):
            yield Uncertain(
                "end of T6_precondition2", "windows of 300 s, by the writes of each second",
                "the job file leaves it to fio's steadystate, which slides its window", _SINGLE,
            )  # fmt: skip
        if self._trims:
            yield Uncertain(
                "trims that are larger than their span", "as large as their span", "FioSynth's job files", _SINGLE
            )
        if "trim_large" in loads:
            yield Uncertain(
                "begin of single loads", "with the others",
                "the job files delay some by seconds within the ramp, and trim_large by 12 minutes", _SINGLE,
            )  # fmt: skip
        if any(step.label.startswith("Msg_Migration") for step in suite.step):
            yield Uncertain(
                "block sizes of Msg_Migration", "a mix", "its job file gives the mix as one block size", "conflicting"
            )

    @property
    def _trims(self) -> bool:
        return any(load.operation == "trim" for step in self._suite.step for load in step.loads)

    def _of(self, kind: str) -> list[SuiteStep]:
        return [one for one in self._suite.step if one.kind == kind]

    def _carried_out(self, device: DeviceInfo, parameters: SuiteParameters) -> Plan:
        steps, index = self._steps(device, parameters), 0
        step = next(steps, None)
        while step is not None:
            outcome = yield seeded(step, parameters.seed, index)
            index += 1
            try:
                step = steps.send(outcome)
            except StopIteration:
                step = None

    def _steps(self, device: DeviceInfo, parameters: SuiteParameters) -> Generator[Step, Outcome, None]:
        for one in self._of("precondition") if parameters.precondition else []:
            if parameters.purge:
                yield Purge(f"purge before {one.label}", {"phase": "purge"})
            step = self._step(one, device, parameters)
            if one.slope_percent:
                yield from _until_steady(step, one)
            else:
                yield step
        for cycle in range(1, self._cycles(parameters) + 1):
            for one in self._of("measure"):
                yield self._step(one, device, parameters, cycle)

    def _cycles(self, parameters: SuiteParameters) -> int:
        return parameters.cycles or self._suite.cycles

    def _step(
        self, one: SuiteStep, device: DeviceInfo, parameters: SuiteParameters, cycle: int = 1
    ) -> Measure | Precondition:
        own = device.size / TERABYTE if self._suite.scale_by_capacity else 1.0
        factor = own if parameters.terabytes is None else parameters.terabytes
        jobs = [
            job
            for load in one.loads
            if parameters.trims or load.operation != "trim"
            for job in jobs_of_load(load, one, device, factor, parameters.scale)
        ]
        if one.kind == "precondition":
            return Precondition(one.label, jobs[0], tuple(jobs[1:]), {"phase": "precondition"})
        name = f"{one.label} cycle {cycle}" if self._cycles(parameters) > 1 else one.label
        return Measure(name, jobs[0], tuple(jobs[1:]), {"test": one.label, "phase": "workload", "cycle": cycle})


def _until_steady(step: Measure | Precondition, one: SuiteStep) -> Generator[Step, Outcome, None]:
    """Repeat a step until its writes are steady or have gone over their spans often enough; only the first ramps."""
    jobs = (step.job, *step.beside)
    left = sum((job.span or 0) * job.jobs for job in jobs if job.writes and not job.trim) * one.most_passes
    for number in range(1, MAX_STEPS):
        outcome = yield msgspec.structs.replace(
            step, label=f"{step.label} window {number}", job=_window(jobs[0], number),
            beside=tuple(_window(job, number) for job in jobs[1:]),
        )  # fmt: skip
        if outcome.measurement is None or is_steady(outcome.measurement, one.slope_percent):
            return
        left -= outcome.measurement.write.bytes
        if left <= 0:
            return


def _window(job: Job, number: int) -> Job:
    return job if number == 1 else msgspec.structs.replace(job, ramp=0.0)


def is_steady(measurement: Measurement, percent: float) -> bool:
    """Whether the bandwidth of the writes changes by less than `percent` of its mean in a second.

    The slope of the line that fits the seconds best by least squares, as fio's `bw_slope` in percent (steadystate.c).
    A window of fewer than three seconds has no slope to speak of, and counts as steady.
    """
    time, bandwidth = measurement.series.time_s, measurement.series.write_bandwidth
    if len(time) < 3:
        return True
    middle, mean = sum(time) / len(time), sum(bandwidth) / len(time)
    spread = sum((t - middle) ** 2 for t in time)
    slope = sum((t - middle) * (b - mean) for t, b in zip(time, bandwidth, strict=True)) / spread
    return abs(slope) < mean * percent / 100


@cache
def suites() -> dict[str, FioSynthSuite]:
    """Give every suite by its name."""
    return {suite.name: FioSynthSuite(suite) for suite in suite_files()}


def suite_named(name: str) -> Workload:
    """Give one suite. Raises `KeyError` for an unknown one."""
    return suites()[name]
