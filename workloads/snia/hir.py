"""The host idle recovery test: does a device that may rest for a while write faster, and is it slower afterwards?"""

from __future__ import annotations

from ..steps import Idle, Note
from .minutes import minutes_to_steady_state
from .parameters import HirParameters
from .setup import Setup, Steps
from .snia_test import SniaTest, small_block_note


class Hir(SniaTest):
    """Section 11."""

    name = "snia.hir"
    summary = "SNIA PTS: host idle recovery, writes with ever longer waits between them"
    test = "hir"
    parameters = HirParameters

    def check(self, setup: Setup) -> None:
        """Refuse a device that is too small."""
        setup.check_block(setup.edition.hir.block_size)

    def steps(self, setup: Setup) -> Steps[None]:
        """Purge, write until it is steady, then each wait state and a return to the baseline after it.

        Access A is a short write, access B the wait after it, access C the baseline.
        """
        data, most = setup.edition.hir, setup.edition.max_rounds
        load = setup.load(data.block_size, data.read_percent)
        yield from small_block_note(setup)
        yield from setup.purge()
        last = (most - 1) * (setup.elements(data.interval) + 1) + 1
        ending = yield from minutes_to_steady_state(
            setup, load, data.interval, lambda minute, _: minute >= last, precondition=True
        )
        if ending != "steady":
            yield Note(setup.name(f"steady state of preconditioning was not achieved within {most} rounds"))
        access = setup.seconds(data.access)
        for wait in data.waits:
            for repeat in range(1, setup.repeats(data.repeats) + 1):
                where: dict[str, str | int] = {"wait": wait, "repeat": repeat}
                yield setup.measure("access", load, access, **where)
                yield Idle(setup.name("idle", **where), access * wait, setup.labels("idle", None, **where))
            for minute in range(1, setup.elements(data.baseline) + 1):
                yield setup.measure("minute", load, setup.edition.element, wait=wait, minute=minute)


WORKLOAD = Hir()
