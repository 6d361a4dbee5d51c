"""The IOPS test: seven read/write mixes by eight block sizes, random, round after round until they are steady."""

from __future__ import annotations

from .precondition import wipc
from .rounds import matrix_round, rounds_to_steady_state
from .setup import Load, Setup, Steps
from .snia_test import SniaTest, small_block_note


class Iops(SniaTest):
    """2.0.2, p. 26; E-1.1, p. 30."""

    name = "snia.iops"
    summary = "SNIA PTS: random IOPS, 7 mixes x 8 block sizes in rounds to steady state"
    test = "iops"

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small, or cannot do what is tracked."""
        setup.check_block(max(setup.edition.iops.block_sizes))
        setup.check_block(setup.edition.precondition_block_size, setup.edition.threads)
        matrix_round(setup, _loads(setup), setup.edition.iops.tracked)

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, precondition, then rounds."""
        yield from small_block_note(setup)
        yield from setup.purge()
        yield from wipc(setup, setup.load(setup.edition.precondition_block_size, 0, "sequential"))
        yield from rounds_to_steady_state(setup, matrix_round(setup, _loads(setup), setup.edition.iops.tracked))


def _loads(setup: Setup) -> list[Load]:
    data = setup.edition.iops
    return [setup.load(size, percent) for percent in data.read_percents for size in setup.allowed(data.block_sizes)]


WORKLOAD = Iops()
