"""The HTML page of twenty runs. Aim: 3 MB."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from storbench.reports.html import report_html
from storbench.results.run_file import open_run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

RUNS = 20


def test_a_report_of_twenty_runs(benchmark: BenchmarkFixture, sample_runs: ModuleType, tmp_path: Path) -> None:
    with ExitStack() as opened:
        runs = [opened.enter_context(open_run(path)) for path in sample_runs.many_repeats(tmp_path, RUNS)]
        page = benchmark.pedantic(report_html, args=(runs,), rounds=3)
    size = len(page.encode())
    benchmark.extra_info["bytes"] = size
    print(f"\nreport of {RUNS} runs: {size / 1e6:.2f} MB; aim 3 MB")
    assert size <= 3_000_000
