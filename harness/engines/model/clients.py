"""From typed jobs to the clients of a load in virtual time. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Sequence

from ....common.errors import InputError
from ....common.units import format_size
from ....devices.base import Target
from ....devices.native_load import Client, Distribution
from ....workloads.job import Job

_STREAM = 0xD1342543DE82EF95
"""Odd and without a pattern: no two clients of any two seeds that people choose have one seed."""


def clients_of(jobs: Sequence[Job], target: Target) -> list[Client]:
    """Give one client for each of each job's `jobs`. Raises `InputError` for what a model cannot do."""
    clients: list[Client] = []
    for job in jobs:
        _refuse(job)
        for _ in range(job.jobs):
            clients.append(_client(job, target, len(clients)))
    return clients


def _refuse(job: Job) -> None:
    if job.verify != "none":
        raise InputError(
            "a model in virtual time keeps no data, so there is nothing to verify",
            hint="Verify on emu: or on a real device.",
        )
    if job.fio_options:
        names = ", ".join(sorted(job.fio_options))
        raise InputError(f"a model does not know fio's own options: {names}", hint="Leave them, or use emu: instead.")


def _client(job: Job, target: Target, stream: int) -> Client:
    span = job.span_on(target.size)
    distribution, shape, zones = _distribution(job.distribution, span)
    sizes = tuple((share.size, share.percent / 100) for share in job.block_size_mix) or ((job.block_size, 1.0),)
    total = 0 if job.duration is not None else (job.bytes or _whole_blocks(span, sizes))
    return Client(
        seed=(job.seed + (stream + 1) * _STREAM) % 2**64,
        offset=job.offset,
        span=span,
        sizes=sizes,
        queue_depth=job.queue_depth,
        sequential=job.pattern == "sequential",
        read_percent=round(job.read_fraction * 100),
        fsync_every=job.fsync_every if job.writes else 0,
        rate_iops=(job.rate_iops or 0.0) / job.jobs,
        poisson=job.arrival == "poisson",
        distribution=distribution,
        shape=shape,
        zones=zones,
        trim=job.trim,
        sequential_percent=round(job.sequential_percent),
        think_time=round(job.think_time * 1e9),
        think_every=job.think_every,
        bytes=total,
        ramp=round(job.ramp * 1e9),
        duration=round((job.duration or 0.0) * 1e9),
    )


def _whole_blocks(span: int, sizes: Sequence[tuple[int, float]]) -> int:
    """Give the bytes of one pass: as fio does, without a block that would not fit in whole."""
    smallest = min(size for size, _ in sizes)
    return span // smallest * smallest


def _distribution(text: str, span: int) -> tuple[Distribution, float, tuple[tuple[float, float], ...]]:
    kind, _, value = text.partition(":")
    match kind:
        case "uniform":
            return "uniform", 0.0, ()
        case "zipf":
            return "zipf", float(value), ()
        case "pareto":
            return "pareto", float(value), ()
        case "normal":
            return "normal", float(value), ()
        case "zoned":
            return "zoned", 0.0, _zones(value)
        case "zoned_abs":
            # As the workloads write them: sizes in plain bytes.
            return "zoned", 0.0, tuple((share, size * 100 / span) for share, size in _zones(value))
        case _:
            raise InputError(
                f"a model does not know the distribution '{text}' on {format_size(span)}",
                hint="Give the zones in percent: zoned:60/10:40/90.",
            )


def _zones(text: str) -> tuple[tuple[float, float], ...]:
    """Read `SHARE/SIZE:…` in percent; sizes that are left out share what the others leave."""
    parts = [zone.partition("/") for zone in text.split(":")]
    given = [int(size) if size else None for _, _, size in parts]
    empty = given.count(None)
    rest = (100 - sum(size for size in given if size is not None)) / empty if empty else 0.0
    return tuple(
        (int(share or 0) / 100, (rest if size is None else size) / 100)
        for (share, _, _), size in zip(parts, given, strict=True)
    )
