"""What the workloads share: common parameters, sweeps, seeds, prefill, and the check before the first step."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Literal

import msgspec

from ..common.errors import InputError
from ..common.parameters import describe_parameters, format_value
from ..common.units import Duration, Percent, Size, format_size
from ..devices.base import DeviceInfo
from .base import Parameters
from .job import Job, default_label
from .steps import Measure, Note, Plan, Precondition, Step, jobs_of

Prefill = Literal["auto", "always", "never"]
Value = str | int | float

MAX_STEPS = 10_000
"""No plan has more steps; a sweep that would is refused before it fills the memory."""

_PREFILL_BLOCK = 1 << 20
_UNTRIMMED = frozenset({"file", "emu"})
"""Kinds of devices that are files to fio, whose trim is an operation of block devices."""
_SHOWN = frozenset({"pattern", "block_size", "read_fraction", "queue_depth", "jobs"})
"""What `default_label` says already."""


class LoadParameters(Parameters, frozen=True):
    """The parameters that every workload of jobs has."""

    duration: Duration = 5.0
    """Measured time of each step."""
    ramp: Annotated[float, msgspec.Meta(ge=0, extra={"unit": "s"})] = 0.0
    """Load before each measured time."""
    span: Size | None = None
    """The region in use, from the start of the target; none means all of it."""
    data: Literal["random", "zeroes"] = "random"
    compressible: Percent = 0.0
    duplicate: Percent = 0.0
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    """Same seed, same addresses and data; each step derives its own from it."""
    prefill: Prefill = "auto"
    """Write the span once before: `auto` where the target is blank and its contents matter."""


def load_fields(parameters: LoadParameters) -> dict[str, object]:
    """Give the job fields that follow from the shared parameters as they are."""
    names = ("duration", "ramp", "span", "data", "compressible", "duplicate", "seed")
    return {name: getattr(parameters, name) for name in names}


def step_seed(seed: int, *place: int) -> int:
    """Derive a seed from `seed` and a place in the plan: the same each time, different elsewhere; 1 to 2^31-1."""
    text = "/".join(str(number) for number in (seed, *place))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % (2**31 - 1) + 1


def sweep(axes: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Give every combination, the last axis fastest. Raises `InputError` for too many."""
    count = math.prod(len(values) for values in axes.values())
    if count > MAX_STEPS:
        raise InputError(f"the sweep has {count:,} steps, more than {MAX_STEPS:,}", hint="Split it into several runs.")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def measured(job: Job, labels: Mapping[str, Value], beside: tuple[Job, ...] = (), label: str = "") -> Measure:
    """Make a measured step; its label says the job, and what varies that the job's own label does not say."""
    units = _units()
    more = [f"{n}={format_value(value, units.get(n, ''))}" for n, value in labels.items() if n not in _SHOWN]
    return Measure(" ".join([label or default_label(job), *more]), job, beside, dict(labels))


@cache
def _units() -> dict[str, str]:
    return {field.name: field.unit for field in describe_parameters(Job)}


def varying(points: Sequence[Mapping[str, object]]) -> list[dict[str, Value]]:
    """Keep, of each point, the single values that are not the same in all points."""
    names = list(dict.fromkeys(name for point in points for name in point))
    kept = [name for name in names if len({repr(point.get(name)) for point in points}) > 1]
    return [
        {name: _label_value(point[name]) for name in kept if isinstance(point.get(name), (str, int, float))}
        for point in points
    ]


def _label_value(value: object) -> Value:
    if isinstance(value, bool):
        return str(value).lower()
    assert isinstance(value, (str, int, float))
    return value


def seeded(step: Step, seed: int, index: int) -> Step:
    """Give a step's jobs seeds of their own: `seed`, the step's index and the job's place decide them."""
    if not isinstance(step, (Measure, Precondition)):
        return step
    jobs = [msgspec.structs.replace(job, seed=step_seed(seed, index, n)) for n, job in enumerate(jobs_of(step))]
    return msgspec.structs.replace(step, job=jobs[0], beside=tuple(jobs[1:]))


def prefill_steps(
    device: DeviceInfo, jobs: Iterable[Job], mode: Prefill, seed: int, *, in_place: bool = False
) -> list[Step]:
    """Give the steps that write what `jobs` will read, once, in order: nothing where nothing needs it.

    With `in_place` the contents matter to writes too: an update needs something to overwrite.
    """
    needed = [job for job in jobs if job.read_fraction > 0 or in_place or mode == "always"]
    if not needed or (mode != "always" and not device.blank):
        return []
    if mode == "never":
        return [Note("the target is blank and was not prefilled: reads of what was never written measure holes")]
    start = min(job.offset for job in needed)
    end = max(job.offset + job.span_on(device.size) for job in needed)
    return [
        Precondition(label, seeded_job(job, seed, number))
        for number, (label, job) in enumerate(_covering(start, min(end, device.size), device.logical_block_size))
    ]


def seeded_job(job: Job, seed: int, number: int) -> Job:
    """Give a prefill job a seed that no measured step has."""
    return msgspec.structs.replace(job, seed=step_seed(seed, -1, number))


def _covering(start: int, end: int, logical_block: int) -> Iterator[tuple[str, Job]]:
    """Yield jobs that write `start` to `end` once: whole mebibytes, then what is left in blocks that divide it."""
    span = (end - start) // logical_block * logical_block
    body = span // _PREFILL_BLOCK * _PREFILL_BLOCK
    tail = span - body
    if body:
        yield f"prefill {format_size(span)}", _fill(start, body, _PREFILL_BLOCK)
    if tail:
        # A divisor of the tail, or else the last part of a block would stay unwritten.
        name = "prefill the rest" if body else f"prefill {format_size(span)}"
        yield name, _fill(start + body, tail, math.gcd(tail, _PREFILL_BLOCK))


def _fill(offset: int, span: int, block: int) -> Job:
    return Job(
        pattern="sequential", block_size=block, read_fraction=0.0, queue_depth=8, offset=offset, span=span, bytes=span
    )


def checked_plan(device: DeviceInfo, steps: Sequence[Step]) -> Plan:
    """Check every job against the device, then give the plan that yields `steps` whatever comes of them.

    Raises `InputError` at once, before there is a plan.
    """
    if len(steps) > MAX_STEPS:
        raise InputError(f"the plan has {len(steps):,} steps, more than {MAX_STEPS:,}", hint="Split it into several.")
    for step in steps:
        check_step(device, step)
    return _yielding(steps)


def check_step(device: DeviceInfo, step: Step) -> None:
    """Refuse a step with a job that does not fit the device. Raises `InputError` that names the step."""
    for job in jobs_of(step):
        try:
            if job.trim and device.scheme in _UNTRIMMED:
                raise InputError(
                    f"a {device.scheme}: device cannot be trimmed while it is measured",
                    hint="fio discards on block devices and over NBD; a sim: device can be trimmed as well.",
                )
            job.check_against(device.size, device.logical_block_size)
        except InputError as error:
            raise InputError(f"step '{step.label}': {error.problem}", hint=error.hint) from None


def _yielding(steps: Iterable[Step]) -> Plan:
    for step in steps:  # noqa: UP028 - `yield from` would hand the outcomes to a list, which takes none
        yield step


def sweep_plan(
    device: DeviceInfo, parameters: LoadParameters, measures: Sequence[Measure], *, in_place: bool = False
) -> Plan:
    """Give the usual plan: prefill where it is needed, then the measured steps, each with a seed of its own."""
    jobs = [job for step in measures for job in jobs_of(step)]
    before = prefill_steps(device, jobs, parameters.prefill, parameters.seed, in_place=in_place)
    return checked_plan(device, [*before, *(seeded(m, parameters.seed, i) for i, m in enumerate(measures))])
