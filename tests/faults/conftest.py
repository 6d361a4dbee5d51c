"""Devices that lie on purpose, the checker on them, and the table of what was planted against what was named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from storbench.devices.base import Device, Facts, Fault, FaultInjector, Opening, Target
from storbench.devices.registry import resolve_device
from storbench.harness.checker.check import Checked, check
from storbench.harness.engines.fio.probe import probe
from storbench.results.error_findings import NAMES, named
from storbench.workloads.steps import FaultEvent, Writing

SIZE = 2 << 20
BLOCKS = SIZE // 4096
WRITING = Writing(span=SIZE, writers=2, duration=0.3, rate_iops=1500.0, flush_every=8)
NOTHING = "nothing"

Act = Callable[["Opened", FaultEvent], Facts]


class Opened(msgspec.Struct, frozen=True):
    """A device of ours that is open and may be made to fail."""

    device: Device
    target: Target

    def act(self, event: FaultEvent) -> Facts:
        assert isinstance(self.device, FaultInjector)
        return (self.device.inject if event.action == "inject" else self.device.heal)(self.target, event.fault)


@contextmanager
def opened(url: str, kinds: Sequence[str] = ("kill",)) -> Iterator[Opened]:
    """Open a device so that it can have `kinds`."""
    device = resolve_device(url)
    opening = Opening("run1", True, ioengines=probe().ioengines, faults=frozenset(kinds))
    device.check(opening)
    with device.open(opening) as target:
        yield Opened(device, target)


def checked(
    it: Opened, folder: Path, events: Sequence[FaultEvent] = (), before_reading: Sequence[FaultEvent] = (), *,
    writing: Writing = WRITING, act: Act = Opened.act, run: bytes = b"0123456789abcdef",
) -> Checked:  # fmt: skip
    """Let the checker write, break and read back; `folder` is made for what it keeps."""
    folder.mkdir(parents=True)
    carry_out = lambda event: act(it, event)  # noqa: E731 - `it` has to go into it
    return check(it.target, writing, events, before_reading, carry_out, folder, run, threading.Event())


class Matrix:
    """What was planted against what was named."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: dict[str, dict[str, int]] = {}
        self.runs: dict[str, int] = {}

    def add(self, planted: str, facts: Facts, allowed: Sequence[str]) -> tuple[str, ...]:
        """Keep what the facts of a run are named; give the names."""
        names = named(facts, allowed)
        with self._lock:
            self.runs[planted] = self.runs.get(planted, 0) + 1
            row = self.counts.setdefault(planted, {})
            for name in names or (NOTHING,):
                row[name] = row.get(name, 0) + 1
        return names

    def lines(self) -> Iterator[str]:
        """Give the table, a line for each thing that was planted."""
        columns = [*NAMES, NOTHING]
        width = max(map(len, self.runs), default=0)
        yield " " * (width + 8) + "  ".join(f"{number:>3}" for number in range(1, len(columns) + 1))
        for planted, runs in self.runs.items():
            cells = (self.counts[planted].get(name, 0) or "·" for name in columns)
            yield f"{planted:<{width}}  {runs:>4}  " + "  ".join(f"{cell:>3}" for cell in cells)
        yield "  ".join(f"{number} {name}" for number, name in enumerate(columns, 1))


MATRIX = Matrix()


@pytest.fixture(scope="session")
def matrix() -> Matrix:
    return MATRIX


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table once, after all tests."""
    if MATRIX.runs:
        terminalreporter.section("planted, runs, and what the checker named")
        for line in MATRIX.lines():
            terminalreporter.write_line(line)


def fault(kind: str, part: str = "", **parameters: str | float) -> Fault:
    """Give a fault by its parameters' names."""
    return Fault(kind, part, parameters)


def inject(at: float, fault: Fault) -> FaultEvent:
    return FaultEvent(at, "inject", fault)


def heal(at: float, fault: Fault) -> FaultEvent:
    return FaultEvent(at, "heal", fault)
