"""Five million rows of a per-I/O log, from fio's text into the sealed file.

Aim: 2.5 s on two cores, one fifth of the text's size.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from storbench.harness.engines.fio.job_file import IO_LOG_COLUMNS
from storbench.harness.engines.fio.logs import parse_io_log
from storbench.results.io_log import IoLog
from storbench.results.record import RunHeader, RunRecord, StepRecord
from storbench.results.run_file import open_run
from storbench.results.run_writer import write_run

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROWS = 5_000_000
SPREAD = 0.4
"""Standard deviation of the latency's logarithm: a p99 of 2.5 times the median."""
MEDIAN_NS = 80_000
BLOCKS = 1 << 18
WRITES = 0.3
IOPS = 60_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write what fio would: random 4 KiB blocks in 1 GiB, three writes to seven reads, one client."""
    random = np.random.default_rng(1)
    time_ms = np.cumsum(random.exponential(1000 / IOPS, ROWS)).astype(np.int64)
    latency_ns = (MEDIAN_NS * np.exp(random.normal(0, SPREAD, ROWS))).astype(np.int64)
    direction = (random.random(ROWS) < WRITES).astype(np.int64)
    offset = random.integers(0, BLOCKS, ROWS) * 4096
    path = tmp_path_factory.mktemp("log") / "io_clat.1.log"
    columns = (time_ms.tolist(), latency_ns.tolist(), direction.tolist(), offset.tolist())
    with path.open("w") as file:
        file.writelines(map("{}, {}, {}, 4096, {}, 0x0000\n".format, *columns))
    return path


def entropy_bytes() -> float:
    """Give the bytes per row below which no lossless coding of these rows can get: their entropy."""
    latency = np.log2(MEDIAN_NS * SPREAD * np.sqrt(2 * np.pi * np.e))
    direction = -WRITES * np.log2(WRITES) - (1 - WRITES) * np.log2(1 - WRITES)
    # Whether a row's millisecond is that of the row before it: 60 rows share one.
    step = 1000 / IOPS
    time_step = -step * np.log2(step) - (1 - step) * np.log2(1 - step)
    return float(latency + direction + np.log2(BLOCKS) + time_step) / 8


def test_five_million_rows_from_text_into_the_sealed_file(
    log: Path, tmp_path: Path, benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "run.h5"
    sealing: list[float] = []
    parsing: list[float] = []

    def seal() -> None:
        def logs() -> Iterator[IoLog]:
            start = time.perf_counter()
            parsed = parse_io_log(log, IO_LOG_COLUMNS, job=0)
            parsing.append(time.perf_counter() - start)
            yield parsed

        header = RunHeader("r", "randrw", "file:t", "COMPLETED", "2026-01-01T00:00:00+00:00")
        step = StepRecord(1, "measure", "all", {"kind": "measure"}, "COMPLETED", io_log=logs)
        start = time.perf_counter()
        write_run(target, RunRecord(header, {}, {}, [step]))
        sealing.append(time.perf_counter() - start)

    benchmark.pedantic(seal, rounds=3)  # type: ignore[no-untyped-call]  # It has no annotations.

    text, sealed = log.stat().st_size, target.stat().st_size
    with open_run(target) as run:
        found = run.steps[0].io_log
        assert found is not None
        assert len(found) == ROWS
    facts = {
        "rows": ROWS,
        "cores": len(os.sched_getaffinity(0)),
        "seconds": round(float(np.median(sealing)), 2),
        "of which parsing": round(float(np.median(parsing)), 2),
        "text bytes": text,
        "file bytes": sealed,
        "text / file": round(text / sealed, 2),
        "bytes per row": round(sealed / ROWS, 2),
        "entropy, bytes per row": round(entropy_bytes(), 2),
    }
    benchmark.extra_info |= facts
    with capsys.disabled():
        print("\n" + ", ".join(f"{name} {value}" for name, value in facts.items()))
    assert sealed * 5 <= text
