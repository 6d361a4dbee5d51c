"""Live progress: one moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from ..common.units import format_bandwidth, format_duration, format_latency, format_rate
from ..results.measurement import Measurement
from ..workloads.dry_run import PlannedStep
from ..workloads.steps import Note, Outcome, Step
from .engines.base import Progress
from .runner import Observer
from .time_left import TimeLeft

if TYPE_CHECKING:
    from rich.status import Status

    from .session import PlannedRun

_PLAIN_EVERY_S = 10.0
"""Without a terminal: one line at most this often while a step runs."""
_MANY_STEPS, _MANY_EVERY_S = 100, 2.0
"""A run of more steps than this tells of those that are done so often, and of the first of each part."""
_PARTS = ("test", "part", "phase", "wait", "group", "point")
"""Labels that tell the parts of a long procedure."""


def observer_for(run: PlannedRun, *, quiet: bool = False) -> Observer:
    """Give the observer that fits where standard error goes; `quiet` when standard output is for a program."""
    kind = TerminalObserver if sys.stderr.isatty() and not quiet else PlainObserver
    return kind(run.url, run.rehearsal.steps, virtual=run.info.engine == "model")


class PlainObserver:
    """A line when a step ends, and now and then while it runs: for logs of CI."""

    def __init__(
        self, url: str, planned: Sequence[PlannedStep], *, virtual: bool = False, stream: TextIO | None = None
    ) -> None:
        self._steps = len(planned)
        self._stream = stream or sys.stderr
        self._time_left = TimeLeft(planned, virtual=virtual)
        self._label = ""
        self._index = 0
        self._last_line = 0.0
        self._part: tuple[object, ...] = ()
        about = format_duration(max(sum(step.seconds for step in planned), 1))
        self.line(f"{url}: {self._steps} steps, about {about}{' of virtual time' if virtual else ''}")

    def line(self, text: str) -> None:
        """Print one lasting line."""
        print(text, file=self._stream, flush=True)

    def step_begins(self, index: int, step: Step) -> None:
        """Remember what runs."""
        self._index, self._label = index, step.label
        self._time_left.begins(index)
        if not self._many:
            self._last_line = time.monotonic()

    def progress(self, progress: Progress) -> None:
        """Print a line if the last one is long ago."""
        if time.monotonic() - self._last_line >= _PLAIN_EVERY_S:
            self._last_line = time.monotonic()
            self.line(self.describe(progress))

    def step_ends(self, index: int, step: Step, outcome: Outcome) -> None:
        """Print what the step came to."""
        self._time_left.ends(index)
        if isinstance(step, Note) or (outcome.status == "COMPLETED" and not self._worth_a_line(step)):
            return
        told = outcome.error.splitlines()[0] if outcome.error else _figures(outcome.measurement)
        if outcome.status != "COMPLETED":
            told = f"{outcome.status}: {told}"
        self.line(f"  [{index + 1}/{max(self._steps, index + 1)}] {step.label:32} {told}")

    @property
    def _many(self) -> bool:
        return self._steps > _MANY_STEPS

    def _worth_a_line(self, step: Step) -> bool:
        """Of thousands of steps, some in milliseconds, those are that begin a part or come a while after the last."""
        labels = getattr(step, "labels", {})
        part = tuple(labels.get(name) for name in _PARTS)
        now = time.monotonic()
        if self._many and part == self._part and now - self._last_line < _MANY_EVERY_S:
            return False
        self._part, self._last_line = part, now
        return True

    def note(self, text: str) -> None:
        """Print a sentence."""
        self.line(f"  note: {text}")

    def describe(self, progress: Progress) -> str:
        """Give phase, percent, rates, latencies and the time left in one line."""
        parts = [f"  [{self._index + 1}/{max(self._steps, self._index + 1)}] {self._label}"]
        if progress.share is not None:
            parts.append(f"{progress.share:4.0%}")
        if progress.read_iops or progress.write_iops:
            parts.append(f"read {format_rate(progress.read_iops)}/s write {format_rate(progress.write_iops)}/s")
            parts.append(format_bandwidth(progress.read_bandwidth + progress.write_bandwidth))
        if progress.p50_ns is not None:
            parts.append(f"p50 {format_latency(progress.p50_ns)}")
        if progress.p99_ns is not None:
            parts.append(f"p99 {format_latency(progress.p99_ns)}")
        left = self._time_left.seconds(progress.share)
        if left is not None and left > 1:
            parts.append(f"{format_duration(round(left))} left")
        return "  ".join(parts)


class TerminalObserver(PlainObserver):
    """The same words, the running step as a line that moves."""

    def __init__(self, url: str, planned: Sequence[PlannedStep], *, virtual: bool = False) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None
        super().__init__(url, planned, virtual=virtual)

    def line(self, text: str) -> None:
        """Print one lasting line above the moving one."""
        self._console.print(text, markup=False, emoji=False)

    def step_begins(self, index: int, step: Step) -> None:
        """Start the moving line."""
        from rich.text import Text

        super().step_begins(index, step)
        self._status = self._console.status(Text(step.label), spinner="dots")
        self._status.start()

    def progress(self, progress: Progress) -> None:
        """Move the line."""
        if self._status is not None:
            from rich.text import Text

            self._status.update(Text(self.describe(progress).strip()))

    def step_ends(self, index: int, step: Step, outcome: Outcome) -> None:
        """End the moving line and leave what the step came to."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        super().step_ends(index, step, outcome)


def _figures(measurement: Measurement | None) -> str:
    if measurement is None:
        return "done"
    parts = [
        f"{name} {format_rate(direction.iops)} IOPS {format_bandwidth(direction.bandwidth)}"
        f" p50 {format_latency(direction.latency.percentile(50))}"
        f" p99 {format_latency(direction.latency.percentile(99))}"
        for name, direction in (("read", measurement.read), ("write", measurement.write))
        if direction.ios
    ]
    return "   ".join(parts)
