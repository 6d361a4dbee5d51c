"""How long a run still takes, from what its dry run expected and from what its steps took so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..workloads.dry_run import PlannedStep


class TimeLeft:
    """Learns from each step how its kind fares against the plan.

    Steps that end by time take what was planned. Those that end by bytes rest on a guess, and in virtual time nothing
    takes what the plan says; for both the pace of those that are done decides.
    """

    def __init__(
        self, planned: Sequence[PlannedStep], *, virtual: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._planned = planned
        self._virtual = virtual
        self._clock = clock
        self._began = clock()
        self._index = 0
        self._expected: dict[bool, float] = {}
        self._taken: dict[bool, float] = {}
        self._later = [0.0] * (len(planned) + 1), [0.0] * (len(planned) + 1)
        """By whether it is a guess: the seconds that were planned from a step on."""
        for index in range(len(planned) - 1, -1, -1):
            for kind, sums in enumerate(self._later):
                sums[index] = sums[index + 1] + (planned[index].seconds if self._kind(index) == kind else 0.0)

    def begins(self, index: int) -> None:
        """Take note that a step starts."""
        self._index, self._began = index, self._clock()

    def ends(self, index: int) -> None:
        """Take note that it is done."""
        if index < len(self._planned):
            kind = self._kind(index)
            self._expected[kind] = self._expected.get(kind, 0.0) + self._planned[index].seconds
            self._taken[kind] = self._taken.get(kind, 0.0) + self._clock() - self._began
        self.begins(index + 1)

    def seconds(self, share: float | None = None) -> float | None:
        """Give the seconds to the end, `share` of the running step being done; None where nothing is known yet."""
        elapsed, after = self._clock() - self._began, min(self._index + 1, len(self._planned))
        paces = self._pace(False), self._pace(True)
        if share:
            now: float | None = elapsed / share * (1 - share)
        elif self._index >= len(self._planned):
            now = 0.0
        else:
            pace = paces[self._kind(self._index)]
            now = None if pace is None else max(self._planned[self._index].seconds * pace - elapsed, 0.0)
        later = [
            0.0 if not sums[after] else None if pace is None else sums[after] * pace
            for sums, pace in zip(self._later, paces, strict=True)
        ]
        parts = [now, *later]
        return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)

    def _kind(self, index: int) -> bool:
        return not self._virtual and self._planned[index].seconds_guessed

    def _pace(self, kind: bool) -> float | None:
        """Give the seconds that a planned one takes."""
        if not self._expected.get(kind):
            return None if self._virtual and not kind else 1.0
        return self._taken[kind] / self._expected[kind]
