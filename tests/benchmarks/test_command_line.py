"""How long `storbench --help` takes, against a Python that does nothing. Aim: 0.15 s."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 20


def test_help_answers_at_once(benchmark: BenchmarkFixture) -> None:
    storbench = str(Path(sys.executable).with_name("storbench"))
    taken: dict[str, list[float]] = {"help": [], "python": []}

    def rounds() -> None:
        for _ in range(ROUNDS):
            for name, command in (("help", [storbench, "--help"]), ("python", [sys.executable, "-c", "pass"])):
                began = time.perf_counter()
                done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
                taken[name].append(time.perf_counter() - began)
                assert name == "python" or "compare" in done.stdout

    benchmark.pedantic(rounds, rounds=1)
    for name, values in taken.items():
        benchmark.extra_info[name] = values
        print(f"\n{name}: median {1000 * statistics.median(values):.0f} ms, worst {1000 * max(values):.0f} ms", end="")
    print("; aim 150 ms for --help")
