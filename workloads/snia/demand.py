"""The flow that CBW and DIRTH share: one mix of blocks under every demand of threads and queue depths.

It is brought to a steady state by writes alone; then each round writes for a while and measures all demands, from the
highest to the lowest, until the highest is steady. At three of them the response times are captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ...results.steady_state import rule_named
from ..job import SizeShare
from ..steps import Note
from .editions import DemandData
from .rounds import RoundOf, rounds_to_steady_state
from .setup import Load, Setup, Steps, measurement_of
from .snia_test import SniaTest, small_block_note

_SMALLEST = 4096
"""Takes the shares of the blocks that a device cannot do."""


class Cell(NamedTuple):
    """One demand in one round."""

    threads: int
    queue_depth: int
    iops: float
    latency_ns: float
    """Average of reads and writes, weighted by their counts."""


class DemandTest(SniaTest):
    """CBW, and DIRTH with another load."""

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small."""
        setup.check_block(max(share.size for share in _data(setup).mix))

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, precondition to a steady state, rounds, and the captures at the three points."""
        data = _data(setup)
        yield from small_block_note(setup)
        yield from setup.purge()
        yield from rounds_to_steady_state(setup, _preconditioning(setup, data), "rounds of preconditioning")
        history: list[list[Cell]] = []
        yield from rounds_to_steady_state(setup, _rounds(setup, data, history))
        cells = averages(history[-rule_named(setup.edition.rule).window :])
        points, within = points_of(cells, data.latency_limit * 1e9)
        if not within:
            yield Note(setup.name("no demand has an average response time below the limit; the quickest is maximum"))
        writes = _load(data, data.threads, data.queue_depth, 0)
        for point, cell in points.items():
            yield setup.precondition("prewrite", writes, setup.length(data.histogram_prewrite), point=point)
            load = _load(data, cell.threads, cell.queue_depth, data.read_percent)
            yield setup.measure("histogram", load, setup.length(data.histogram), point=point)


def averages(window: Sequence[Sequence[Cell]]) -> list[Cell]:
    """Average each demand over the rounds of a window."""
    count = len(window)
    return [
        Cell(same[0].threads, same[0].queue_depth, sum(c.iops for c in same) / count,
             sum(c.latency_ns for c in same) / count)
        for same in zip(*window, strict=True)
    ]  # fmt: skip


def points_of(cells: Sequence[Cell], limit_ns: float) -> tuple[dict[str, Cell], bool]:
    """Give the demands `max`, `mid` and `min`, and whether any is within the limit.

    The maximum has the most IOPS of those with an average response time below the limit, the minimum is the lowest
    demand, the middle is nearest to half-way between their IOPS; of equals, the higher demand.
    """
    within = [cell for cell in cells if cell.latency_ns < limit_ns]
    most = max(within, key=lambda cell: cell.iops) if within else min(cells, key=lambda cell: cell.latency_ns)
    least = min(cells, key=lambda cell: (cell.threads, cell.queue_depth))
    half = (most.iops + least.iops) / 2
    middle = min(cells, key=lambda cell: abs(cell.iops - half))
    return {"max": most, "mid": middle, "min": least}, bool(within)


def possible_mix(mix: Sequence[SizeShare], logical_block: int) -> tuple[SizeShare, ...]:
    """Give the shares of blocks that a device cannot do to 4 KiB, or to its logical block if that is larger."""
    shares: dict[int, float] = {}
    for share in mix:
        size = share.size if share.size % logical_block == 0 else max(_SMALLEST, logical_block)
        shares[size] = shares.get(size, 0) + share.percent
    return tuple(SizeShare(size, percent) for size, percent in shares.items())


def _data(setup: Setup) -> DemandData:
    data: DemandData = getattr(setup.edition, setup.test)
    return msgspec.structs.replace(data, mix=possible_mix(data.mix, setup.device.logical_block_size))


def _load(data: DemandData, threads: int, queue_depth: int, read_percent: int) -> Load:
    single = data.mix[0].size if len(data.mix) == 1 else 0
    mix = () if single else data.mix
    return Load(single, read_percent, threads, queue_depth, mix=mix, distribution=data.distribution, shows_demand=True)


def _preconditioning(setup: Setup, data: DemandData) -> RoundOf:
    load = _load(data, data.threads, data.queue_depth, 0)
    seconds = setup.length(data.precondition_round)

    def round_of(number: int) -> Steps[list[float]]:
        outcome = yield setup.precondition("precondition", load, seconds, round=number)
        return [measurement_of(outcome).iops]

    return round_of


def _rounds(setup: Setup, data: DemandData, history: list[list[Cell]]) -> RoundOf:
    writes = _load(data, data.threads, data.queue_depth, 0)

    def round_of(number: int) -> Steps[list[float]]:
        yield setup.precondition("prewrite", writes, setup.length(data.prewrite), round=number)
        cells = []
        for threads in data.demand:
            for depth in data.demand:
                load = _load(data, threads, depth, data.read_percent)
                found = measurement_of((yield setup.measure("round", load, setup.edition.element, round=number)))
                cells.append(Cell(threads, depth, found.iops, found.latency.mean_ns))
        history.append(cells)
        return [cells[0].iops]

    return round_of
