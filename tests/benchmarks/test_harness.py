"""What the harness costs: IOPS through it against bare fio on the same job file, and wall time added to each step.

Aims: at least 0.99 of bare fio's IOPS with telemetry and progress on; at most 50 ms added to a step.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storbench import open_run
from storbench.harness.progress import PlainObserver
from storbench.harness.session import Options, PlannedRun, execute, prepare

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

MEMORY = Path("/dev/shm")  # noqa: S108 - no disk shall be the limit
PAIRS = 12
STEPS = 20


@pytest.fixture
def target(tmp_path: Path) -> Path:
    if not MEMORY.is_dir():
        pytest.skip("no /dev/shm")
    return MEMORY / f"storbench-bench-{tmp_path.name}.bin"


def through_the_harness(folder: Path, target: Path, workload: str, given: dict[str, object]) -> tuple[float, Path]:
    """Run, with telemetry and progress; give the wall time and the run file."""
    device = f"file:{target}?size=64MiB&ioengine=psync"
    output = folder / f"{time.monotonic_ns()}.h5"

    def observer(run: PlannedRun) -> PlainObserver:
        return PlainObserver(run.url, run.rehearsal.steps, stream=io.StringIO())

    planned = prepare(workload, [device], given, Options(output))
    began = time.perf_counter()
    (finished,) = execute(planned, observer)
    wall = time.perf_counter() - began
    assert finished.status == "COMPLETED", finished.reason
    return wall, finished.path


def bare(folder: Path, target: Path, job_file: str) -> tuple[float, float]:
    """Run fio by hand on a job file; give the wall time and the IOPS."""
    with target.open("wb") as file:
        file.write(bytes(64 << 20))
    (folder / "bare.fio").write_text(job_file)
    began = time.perf_counter()
    done = subprocess.run(
        ["fio", "bare.fio", "--output-format=json+"], check=True, cwd=folder, capture_output=True, timeout=120
    )
    wall = time.perf_counter() - began
    target.unlink()
    jobs = json.loads(done.stdout)["jobs"]
    return wall, sum(job["read"]["iops"] + job["write"]["iops"] for job in jobs)


def test_iops_through_the_harness_against_bare_fio(benchmark: BenchmarkFixture, tmp_path: Path, target: Path) -> None:
    given: dict[str, object] = {"read_fraction": "1", "queue_depth": "1", "duration": "3s"}
    ratios = []

    def ours() -> tuple[float, str]:
        _, path = through_the_harness(tmp_path, target, "randrw", given)
        with open_run(path) as run:
            step = run.measured[0]
            assert step.measurement is not None
            return step.measurement.iops, step.job_file

    def pairs() -> None:
        _, job_file = ours()
        for pair in range(PAIRS):
            # ABBA: what drifts meets both alike.
            if pair % 2:
                by_hand, through = bare(tmp_path, target, job_file)[1], ours()[0]
            else:
                through, by_hand = ours()[0], bare(tmp_path, target, job_file)[1]
            ratios.append(through / by_hand)
            print(f"\n  pair {pair + 1}: harness {through:,.0f}, bare {by_hand:,.0f}, {through / by_hand:.4f}", end="")

    benchmark.pedantic(pairs, rounds=1)
    benchmark.extra_info["iops_ratios"] = ratios
    mean = statistics.geometric_mean(ratios)
    spread = statistics.stdev(ratios) / len(ratios) ** 0.5
    print(
        f"\nIOPS through the harness / bare fio: {mean:.4f} ± {spread:.4f} (standard error of {PAIRS} pairs); aim 0.99"
    )
    assert len(ratios) == PAIRS


def test_wall_time_added_to_a_step(benchmark: BenchmarkFixture, tmp_path: Path, target: Path) -> None:
    text = '[defaults]\nbytes = "64KiB"\nread_fraction = 0.0\n[[phase]]\nrepeat = {}\n'
    for count in (1, 1 + STEPS):
        (tmp_path / f"steps{count}.toml").write_text(text.format(count))
    added = []

    def rounds() -> None:
        for _ in range(3):
            few, path = through_the_harness(tmp_path, target, str(tmp_path / "steps1.toml"), {})
            many, _ = through_the_harness(tmp_path, target, str(tmp_path / f"steps{1 + STEPS}.toml"), {})
            with open_run(path) as run:
                job_file = run.measured[0].job_file
            by_hand = statistics.median(bare(tmp_path, target, job_file)[0] for _ in range(STEPS))
            added.append((many - few) / STEPS - by_hand)

    benchmark.pedantic(rounds, rounds=1)
    benchmark.extra_info["added_s"] = added
    print(f"\nwall time added to a step: {', '.join(f'{1000 * value:.1f}' for value in added)} ms; aim 50 ms")
    assert len(added) == 3
