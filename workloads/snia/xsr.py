"""The cross-stimulus recovery test: large sequential writes, small random ones, and the way back."""

from __future__ import annotations

from .parameters import XsrParameters
from .setup import Load, Setup, Steps
from .snia_test import SniaTest, small_block_note


class Xsr(SniaTest):
    """Three groups of one-minute samples, without preconditioning."""

    name = "snia.xsr"
    summary = "SNIA PTS: cross-stimulus recovery, from sequential to random writes and back"
    test = "xsr"
    parameters = XsrParameters

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small."""
        data = setup.edition.xsr
        setup.check_block(max(data.block_sizes), data.threads)

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, then the groups back to back."""
        data = setup.edition.xsr
        yield from small_block_note(setup)
        yield from setup.purge()
        groups = zip(data.pattern, data.block_sizes, data.durations, strict=True)
        for group, (pattern, size, duration) in enumerate(groups, 1):
            load = Load(size, 0, data.threads, data.queue_depth, pattern)
            for minute in range(1, setup.elements(duration) + 1):
                yield setup.measure("minute", load, setup.edition.element, group=group, minute=minute)


WORKLOAD = Xsr()
