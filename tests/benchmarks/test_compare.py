"""Comparing a thousand small runs. Aim: 2 s."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from storbench.results.comparison import compare_files
from storbench.results.record import Campaign

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

RUNS = 1000
DEVICES = 10


@pytest.fixture(scope="module")
def files(sample_runs: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A campaign of ten devices with a hundred repeats each; each run has seven steps of reads and writes."""
    folder = tmp_path_factory.mktemp("runs")
    paths = []
    for number in range(RUNS):
        repeat, device = divmod(number, DEVICES)
        campaign = Campaign("c1", repeat + 1, RUNS // DEVICES, number + 1)
        steps = sample_runs.sweep_steps(9000.0 + 100 * device + repeat, seed=number, intervals=5)
        run = sample_runs.record(f"file:/data/d{device}", steps, header={"campaign": campaign})
        paths.append(sample_runs.write(folder, f"run-{number:04}", run))
    return paths


def test_a_thousand_runs_are_compared(benchmark: BenchmarkFixture, files: list[Path]) -> None:
    compared = benchmark.pedantic(compare_files, args=(files,), rounds=3)
    size = sum(path.stat().st_size for path in files)
    began = time.perf_counter()
    for path in files:
        path.read_bytes()
    reading = time.perf_counter() - began
    print(f"\n{RUNS} runs, {size / 1e6:.0f} MB (reading them all plainly: {reading:.2f} s), {len(compared.rows)} rows")
    assert len(compared.runs) == RUNS
    assert [len(subject.runs) for subject in compared.subjects] == [RUNS // DEVICES] * DEVICES
    assert all(n == RUNS // DEVICES for row in compared.rows for n in row.n)
