"""What the storage tests of one pytest session share: where their run files go, and what became of them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest

from ..common.errors import MeasurementError
from .session import Options, PlannedRun, execute, prepare

_LONGEST = 80
"""Characters of a test's name in a file's name."""


class StorageSession:
    """Measures for the tests, one after the other."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-pytest-{uuid.uuid4().hex[:6]}"
        self.folder = config.invocation_params.dir / config.getoption("--storage-output") / name
        self._names: set[str] = set()

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

    def _name(self, test: str) -> str:
        """Give a test a name for its files that no other has."""
        plain = re.sub(r"[^A-Za-z0-9._=-]+", "-", test)[:_LONGEST].strip("-.") or "test"
        name, number = plain, 1
        while name in self._names:
            number += 1
            name = f"{plain}-n{number}"
        self._names.add(name)
        return name
