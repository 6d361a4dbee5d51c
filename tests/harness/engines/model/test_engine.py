"""The model engine measures in virtual time what fio would in real time, and does what a job says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.base import Target
from storbench.devices.native_library import Model
from storbench.harness.engines.base import Assignment, Engine, Progress
from storbench.harness.engines.fio.engine import FioEngine
from storbench.harness.engines.fio.job_file import IO_LOG_COLUMNS
from storbench.harness.engines.fio.logs import parse_io_log
from storbench.harness.engines.model.engine import ModelEngine
from storbench.results.measurement import Measurement
from storbench.workloads.job import Job, SizeShare

MIB = 1 << 20
SIZE = 64 * MIB
READ_NS, PROGRAM_NS = 50_000, 500_000
FLASH = {
    "capacity": float(SIZE),
    "over_provisioning": 0.28,
    "pages_per_block": 64.0,
    "channels": 4.0,
    "read_time": float(READ_NS),
    "program_time": float(PROGRAM_NS),
    "program_bytes": 16384.0,
    "erase_time": 3e6,
}


@pytest.fixture
def target() -> Iterator[Target]:
    model = Model("flash", FLASH)
    try:
        yield Target(SIZE, {}, fresh=True, model=model)
    finally:
        model.close()


def run(target: Target, folder: Path, *jobs: Job, progress: list[Progress] | None = None, **more: Any) -> Measurement:
    """Carry out jobs, give what was measured."""
    taken: list[Progress] = [] if progress is None else progress
    return ModelEngine().run(Assignment(jobs, target, folder, **more), taken.append).measurement


def fill(target: Target, folder: Path) -> None:
    run(target, folder, Job(pattern="sequential", read_fraction=0.0, block_size=131072, queue_depth=8))


def test_a_read_at_depth_1_takes_what_the_model_says(target: Target, tmp_path: Path) -> None:
    fill(target, tmp_path)
    target.model.now += 10**9  # type: ignore[attr-defined]
    measured = run(target, tmp_path, Job(duration=1.0))

    assert measured.read.latency.min_ns == measured.read.latency.max_ns == READ_NS
    assert measured.read.iops == pytest.approx(1e9 / READ_NS, rel=1e-3)
    assert measured.read.latency.percentile(50) == pytest.approx(READ_NS, rel=1 / 64)
    assert measured.runtime_s == pytest.approx(1.0, abs=1e-3)
    assert measured.engine.startswith("model-")


def test_clients_and_depth_share_the_dies(target: Target, tmp_path: Path) -> None:
    fill(target, tmp_path)
    alone = run(target, tmp_path, Job(duration=1.0))
    deep = run(target, tmp_path, Job(duration=1.0, queue_depth=64))
    many = run(target, tmp_path, Job(duration=1.0, jobs=8, queue_depth=8))

    assert 3.5 * alone.iops < deep.iops <= 4.01 * alone.iops
    assert many.iops == pytest.approx(deep.iops, rel=0.02)
    assert len(many.clients.name) == 8
    assert sum(many.clients.read_iops) == pytest.approx(many.iops, rel=0.01)
    # Little's law: what is in flight is rate times latency.
    assert deep.iops * deep.read.latency.mean_ns / 1e9 == pytest.approx(64, rel=0.01)


def test_a_mixed_job_keeps_its_share_and_its_directions_apart(target: Target, tmp_path: Path) -> None:
    fill(target, tmp_path)
    measured = run(target, tmp_path, Job(read_fraction=0.7, duration=2.0, queue_depth=4))

    assert measured.read.ios / (measured.read.ios + measured.write.ios) == pytest.approx(0.7, abs=0.02)
    assert measured.read.latency.mean_ns != measured.write.latency.mean_ns
    assert measured.write.bytes == measured.write.ios * 4096


def test_block_sizes_are_mixed_as_the_job_says(target: Target, tmp_path: Path) -> None:
    mix = (SizeShare(4096, 50), SizeShare(65536, 50))
    measured = run(target, tmp_path, Job(block_size_mix=mix, read_fraction=0.0, bytes=SIZE))

    assert measured.write.bytes / measured.write.ios == pytest.approx((4096 + 65536) / 2, rel=0.1)


@pytest.mark.parametrize("arrival", ["closed", "uniform", "poisson"])
def test_a_rate_is_kept(target: Target, tmp_path: Path, arrival: Any) -> None:
    fill(target, tmp_path)
    measured = run(target, tmp_path, Job(rate_iops=2000, arrival=arrival, duration=5.0, queue_depth=32, jobs=2))

    assert measured.iops == pytest.approx(2000, rel=0.03)


def test_poisson_arrivals_queue_as_theory_has_it(tmp_path: Path) -> None:
    # One die, constant service: M/D/1 with load 0.7 waits rho / (2 (1 - rho)) service times (Pollaczek, Khinchine).
    model = Model("flash", {**FLASH, "channels": 1.0})
    target = Target(SIZE, {}, model=model)
    fill(target, tmp_path)
    job = Job(rate_iops=0.7 * 1e9 / READ_NS, arrival="poisson", duration=60.0, queue_depth=256)
    measured = run(target, tmp_path, job)

    assert measured.read.latency.mean_ns == pytest.approx(READ_NS * (1 + 0.7 / (2 * 0.3)), rel=0.03)


def test_syncs_are_measured_and_block_their_client(target: Target, tmp_path: Path) -> None:
    measured = run(target, tmp_path, Job(read_fraction=0.0, bytes=MIB, fsync_every=16))

    assert measured.write.ios == 256
    assert measured.sync.samples == 16
    assert measured.sync.min_ns >= PROGRAM_NS


def test_a_ramp_is_not_measured(target: Target, tmp_path: Path) -> None:
    measured = run(target, tmp_path, Job(read_fraction=0.0, ramp=2.0, duration=3.0))

    assert measured.runtime_s == pytest.approx(3.0, abs=0.01)
    assert measured.series.time_s[-1] == pytest.approx(3.0, abs=0.3)


def test_the_series_adds_up_to_the_totals(target: Target, tmp_path: Path) -> None:
    measured = run(target, tmp_path, Job(read_fraction=0.5, duration=4.5, queue_depth=8))
    lengths = np.diff([0.0, *measured.series.time_s])

    assert lengths[:3] == pytest.approx([1, 1, 1])
    for direction, rates in ((measured.read, measured.series.read_iops), (measured.write, measured.series.write_iops)):
        assert float(np.dot(lengths, rates)) == pytest.approx(direction.ios, abs=1)


def test_progress_is_told_while_it_runs(target: Target, tmp_path: Path) -> None:
    progress: list[Progress] = []
    run(target, tmp_path, Job(read_fraction=0.0, duration=5.0), progress=progress)

    shares = [one.share or 0.0 for one in progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert any(one.write_iops > 0 and one.p50_ns is not None for one in progress)


def test_every_io_can_be_logged(target: Target, tmp_path: Path) -> None:
    engine = ModelEngine()
    jobs = (Job(read_fraction=0.5, duration=0.2, jobs=2),)
    execution = engine.run(Assignment(jobs, target, tmp_path, io_log=True), lambda progress: None)
    logs = [parse_io_log(tmp_path / name, IO_LOG_COLUMNS, job=n) for n, name in enumerate(execution.io_logs)]

    measured = execution.measurement
    assert sum(map(len, logs)) == measured.read.ios + measured.write.ios
    reads = np.concatenate([log.latency_ns[log.direction == 0] for log in logs])
    assert reads.mean() == pytest.approx(measured.read.latency.mean_ns)


def shares_of_the_most_used(engine: Engine, target: Target, folder: Path, distribution: str) -> list[float]:
    """Give which share of the I/Os goes to the most used thousandth, hundredth, tenth and half of the blocks."""
    folder.mkdir()
    job = Job(distribution=distribution, bytes=20 * SIZE // 4, read_fraction=0.0, seed=3)
    execution = engine.run(Assignment((job,), target, folder, io_log=True), lambda progress: None)
    log = parse_io_log(folder / execution.io_logs[0], IO_LOG_COLUMNS, job=0)
    assert log.offset.max() < SIZE
    counts = np.sort(np.bincount(log.offset // 4096, minlength=SIZE // 4096))[::-1]
    return [float(counts[: len(counts) // part].sum() / counts.sum()) for part in (1000, 100, 10, 2)]


@pytest.mark.parametrize(
    "distribution", ["uniform", "zipf:1.2", "zipf:0.8", "zipf:0.5", "pareto:0.2", "zoned:80/10:20"]
)
def test_addresses_are_distributed_as_fio_does_it(target: Target, tmp_path: Path, distribution: str) -> None:
    file = tmp_path / "target.bin"
    file.write_bytes(bytes(SIZE))
    real = Target(SIZE, {"ioengine": "psync", "filename": str(file), "allow_file_create": "0"})

    by_fio = shares_of_the_most_used(FioEngine(), real, tmp_path / "fio", distribution)
    by_model = shares_of_the_most_used(ModelEngine(), target, tmp_path / "model", distribution)

    assert by_model == pytest.approx(by_fio, abs=0.02)


def test_normal_addresses_have_their_deviation(target: Target, tmp_path: Path) -> None:
    # The more popular half lies within two deviations of the middle.
    shares = shares_of_the_most_used(ModelEngine(), target, tmp_path / "model", "normal:12.5")

    assert shares[3] == pytest.approx(0.954, abs=0.02)


@pytest.mark.parametrize("depth", [1, 8])
def test_a_client_pauses_after_its_ios(target: Target, tmp_path: Path, depth: int) -> None:
    job = Job(read_fraction=0.0, duration=10.0, think_time=0.5, think_every=16, queue_depth=depth)
    beside = Job(duration=10.0, rate_iops=1000.0)
    measured = run(target, tmp_path, job, beside)

    # A burst takes next to no time beside its pause; what is beside does not wait.
    assert measured.write.ios == 10 / 0.5 * 16
    assert measured.runtime_s == pytest.approx(10.0, abs=1e-3)
    assert measured.read.iops == pytest.approx(1000, rel=0.01)


def test_a_pause_ends_with_the_step(target: Target, tmp_path: Path) -> None:
    measured = run(target, tmp_path, Job(read_fraction=0.0, duration=5.0, think_time=3600.0, think_every=4))

    assert measured.write.ios == 4
    assert measured.runtime_s == 5.0
    assert measured.write.iops == 4 / 5


def test_what_is_trimmed_is_counted_apart_and_need_not_be_moved(target: Target, tmp_path: Path) -> None:
    fill(target, tmp_path)
    job = Job(read_fraction=0.0, trim=True, pattern="sequential", block_size=MIB, rate_iops=100.0, duration=0.5)
    measured = run(target, tmp_path, job, Job(duration=0.5))

    assert (measured.write.ios, measured.trim.ios, measured.trim.bytes) == (0, 50, 50 * MIB)
    assert measured.read.ios
    assert measured.trim.latency.samples == 50
    assert target.model.counters()["host_trimmed"].value == 50 * MIB  # type: ignore[attr-defined]


def test_a_share_of_random_ios_follows_the_one_before(target: Target, tmp_path: Path) -> None:
    fill(target, tmp_path)
    job = Job(sequential_percent=75.0, duration=0.5)
    execution = ModelEngine().run(Assignment((job,), target, tmp_path, io_log=True), lambda progress: None)
    rows = [line.split(", ") for line in (tmp_path / execution.io_logs[0]).read_text().splitlines()]
    places = np.array([int(row[4]) for row in rows])
    follows = np.mean(np.diff(places) == 4096)

    assert len(places) > 5000
    assert follows == pytest.approx(0.75, abs=0.02)


def test_one_seed_gives_one_measurement(tmp_path: Path) -> None:
    found = []
    for seed in (1, 1, 2):
        target = Target(SIZE, {}, model=Model("flash", FLASH))
        found.append(run(target, tmp_path, Job(read_fraction=0.5, duration=1.0, jobs=3, queue_depth=4, seed=seed)))

    assert found[0] == found[1]
    assert found[0] != found[2]


def test_idle_time_passes_at_once(target: Target, tmp_path: Path) -> None:
    ModelEngine().idle(target, 3600.0, lambda progress: None)

    assert target.model.now == 3600 * 10**9  # type: ignore[attr-defined]


def test_what_a_model_cannot_do_is_refused(target: Target, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="keeps no data"):
        run(target, tmp_path, Job(read_fraction=0.0, verify="crc32c"))
    with pytest.raises(InputError, match="thinktime"):
        run(target, tmp_path, Job(fio_options={"thinktime": "1"}))
    with pytest.raises(MeasurementError, match="no model"):
        run(Target(SIZE, {}), tmp_path, Job())
