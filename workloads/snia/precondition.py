"""Workload-independent preconditioning: the whole active range is written in order, several times over.

Each thread has a part of the range to itself, so that nothing is left out and nothing is written more often than the
rest, whatever their number. A pass comes in slices: steps that show how far it is and after which a run can go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil, gcd

import msgspec

from ...common.units import format_size
from ..job import Job
from ..steps import Precondition
from .setup import Load, Setup, Steps

_SLICE = 32 << 30
"""About one to five minutes of writing on what is sold."""

_MOST_SLICES = 32


def wipc(setup: Setup, load: Load) -> Steps[None]:
    """Write the active range `precondition_factor` times. `load` gives block size, threads and queue depth."""
    for number, part in enumerate(passes(setup.active_bytes, setup.edition.precondition_factor), 1):
        for count, regions in enumerate(slices_of(part, load.block_size, load.threads), 1):
            yield _step(setup, load, number, count, regions)
        if part % load.block_size:
            yield _step(setup, load, number, 0, [(part - part % load.block_size, part % load.block_size)])


def passes(size: int, factor: float) -> list[int]:
    """Give the bytes of each pass over `size` bytes: whole passes, and what a broken factor adds."""
    whole = int(factor)
    rest = round(size * (factor - whole)) // 512 * 512
    return [size] * whole + [rest] * (rest > 0)


def slices_of(size: int, block: int, threads: int) -> Iterator[list[tuple[int, int]]]:
    """Give slice by slice the offset and span of each thread, all together the whole blocks of `size` bytes, once.

    The parts of the threads differ by at most a block; so do the slices of a part.
    """
    blocks = size // block
    count = min(_MOST_SLICES, ceil(size / _SLICE), max(1, blocks // threads))
    bounds = [list(_even(start, end, count)) for start, end in pairwise(_even(0, blocks, threads))]
    for number in range(count):
        regions = [(part[number], part[number + 1]) for part in bounds]
        yield [(start * block, (end - start) * block) for start, end in regions if end > start]


def _even(start: int, end: int, parts: int) -> Iterator[int]:
    """Yield the bounds of `parts` stretches from `start` to `end` that differ by at most one."""
    for number in range(parts + 1):
        yield start + (end - start) * number // parts


def _step(setup: Setup, load: Load, number: int, slice_number: int, regions: list[tuple[int, int]]) -> Precondition:
    jobs = tuple(_write(setup, load, offset, span) for offset, span in regions)
    counts = {"pass": number, "slice": slice_number}
    what = f"wipc {load.text}" if slice_number else f"wipc, the last {format_size(regions[0][1])}"
    labels = setup.labels("wipc", load, **counts)
    return Precondition(setup.name(what, **counts), jobs[0], jobs[1:], labels)


def _write(setup: Setup, load: Load, offset: int, span: int) -> Job:
    job = setup.job(msgspec.structs.replace(load, threads=1, block_size=gcd(span, load.block_size)), 1.0)
    return msgspec.structs.replace(job, duration=None, offset=offset, span=span, bytes=span)
