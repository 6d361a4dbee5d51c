"""What the storage tests of one pytest session share: where their run files go, and how they are judged at its end."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ..common.errors import MeasurementError
from .pytest_gate import Judged, judge
from .session import Options, PlannedRun, execute, prepare

_LONGEST = 100
"""Characters of a test's name in a file's name."""


class StorageSession:
    """Measures for the tests, one after the other, and judges what they measured."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._directory = config.invocation_params.dir
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-pytest-{uuid.uuid4().hex[:6]}"
        self.folder = self._directory / config.getoption("--storage-output") / name
        self._names: set[str] = set()
        self._kept: dict[str, Sequence[Path]] = {}
        self._judged: Judged | None = None

    def plan(self, test: str, workload: str, device: str, given: Mapping[str, object], rounds: int) -> list[PlannedRun]:
        """Resolve and check the runs of a test, one a round. Raises `InputError`; touches nothing."""
        destroy = frozenset(self._config.getoption("--storage-allow-destructive"))
        options = Options(self.folder / f"{self._name(test)}.h5", rounds, destroy)
        return prepare(workload, [device], given, options)

    def measure(self, run: PlannedRun) -> Path:
        """Carry out one run and give its file. Raises `MeasurementError` where it does not complete."""
        (finished,) = execute([run])
        if finished.status == "ABORTED":
            raise KeyboardInterrupt
        if finished.status != "COMPLETED":
            raise MeasurementError(
                f"the run ended {finished.status}: {finished.reason}", hint=f"What is complete is in {finished.path}."
            )
        return finished.path

    def keep(self, test: str, files: Sequence[Path]) -> None:
        """Take note of the run files of a test, for the judgement at the end."""
        self._kept[test] = files

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge what was measured, and fail the session if it is to."""
        references = [self._directory / path for path in self._config.getoption("--storage-compare")]
        if not references:
            return
        self._judged = judge(self._kept, references)
        if self._judged.fails(self._config.getoption("--storage-fail-on")) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how each test compares with the earlier sessions."""
        if self._judged is None:
            return
        terminalreporter.section("storage, compared with earlier sessions")
        for bad, line in self._judged.lines():
            terminalreporter.write_line(line, red=bad)

    def _name(self, test: str) -> str:
        """Give a test a name for its files that no other has, and the same one in every session."""
        plain = re.sub(r"[^A-Za-z0-9._=-]+", "-", test)[-_LONGEST:].strip("-.") or "test"
        name, number = plain, 1
        while name in self._names:
            number += 1
            name = f"{plain}-n{number}"
        self._names.add(name)
        return name
