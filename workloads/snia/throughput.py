"""The throughput test: sequential reads and writes, each block size with its own purge, preconditioning and rounds."""

from __future__ import annotations

import msgspec

from ...common.units import format_size
from .editions import Tracked
from .parameters import ThroughputParameters
from .precondition import wipc
from .rounds import matrix_round, rounds_to_steady_state
from .setup import Load, Setup, Steps
from .snia_test import SniaTest, small_block_note


class Throughput(SniaTest):
    """2.0.2, p. 35; 2.0.1, p. 36."""

    name = "snia.throughput"
    summary = "SNIA PTS: sequential throughput of large blocks, in rounds to steady state"
    test = "throughput"
    parameters = ThroughputParameters

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small, or tracking of what is not measured."""
        data = setup.edition.throughput
        setup.check_block(max(data.block_sizes), data.threads)
        for size in setup.allowed(data.block_sizes):
            matrix_round(setup, _loads(setup, size), _tracked(setup, size))

    def steps(self, setup: Setup) -> Steps[None]:
        """For each block size: purge, precondition with the same size, then rounds."""
        yield from small_block_note(setup)
        for size in setup.allowed(setup.edition.throughput.block_sizes):
            part = msgspec.structs.replace(setup, part=format_size(size))
            yield from part.purge()
            yield from wipc(part, _load(part, size, 0))
            yield from rounds_to_steady_state(part, matrix_round(part, _loads(part, size), _tracked(part, size)))


def _load(setup: Setup, size: int, percent: int) -> Load:
    data = setup.edition.throughput
    return Load(size, percent, data.threads, data.queue_depth, "sequential")


def _loads(setup: Setup, size: int) -> list[Load]:
    return [_load(setup, size, percent) for percent in setup.edition.throughput.read_percents]


def _tracked(setup: Setup, size: int) -> list[Tracked]:
    data = setup.edition.throughput
    return [Tracked(block_size=size, read_percent=percent, quantity="bandwidth") for percent in data.tracked]


WORKLOAD = Throughput()
