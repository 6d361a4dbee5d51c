"""The latency test: one I/O in flight, rounds until the average response time is steady, then every response time."""

from __future__ import annotations

from .parameters import LatencyParameters
from .precondition import wipc
from .rounds import matrix_round, rounds_to_steady_state
from .setup import Load, Setup, Steps, capture
from .snia_test import SniaTest, small_block_note


class Latency(SniaTest):
    """2.0.1, p. 43; the capture after the rounds is of 2.0.x."""

    name = "snia.latency"
    summary = "SNIA PTS: response times at 1 thread, depth 1, in rounds to steady state, then their histogram"
    test = "latency"
    parameters = LatencyParameters

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small, or cannot do what is tracked."""
        setup.check_block(setup.edition.precondition_block_size)
        matrix_round(setup, _loads(setup), setup.edition.latency.tracked)

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, precondition, rounds, and the response times of the load that was tracked."""
        data = setup.edition.latency
        yield from small_block_note(setup)
        yield from setup.purge()
        size = setup.edition.precondition_block_size
        yield from wipc(setup, Load(size, 0, data.threads, data.queue_depth, "sequential"))
        yield from rounds_to_steady_state(setup, matrix_round(setup, _loads(setup), data.tracked))
        first = data.tracked[0]
        load = Load(first.block_size, first.read_percent, data.threads, data.queue_depth)
        yield from capture(setup, load, data.histogram)


def _loads(setup: Setup) -> list[Load]:
    data = setup.edition.latency
    sizes = setup.allowed(data.block_sizes)
    return [Load(size, percent, data.threads, data.queue_depth) for percent in data.read_percents for size in sizes]


WORKLOAD = Latency()
