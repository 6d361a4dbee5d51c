"""Real fio through the engine: its numbers arrive whole, and nothing of it stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storbench.harness.engines.base import Progress
from storbench.harness.engines.fio.engine import FioEngine
from storbench.harness.engines.fio.output import documents_in
from storbench.results.histogram import supported
from storbench.workloads.job import Job

from .engine_help import MIB, file_target, processes_in, run, wait_for


def last_document(folder: Path) -> dict[str, Any]:
    (content,) = documents_in((folder / "step" / "fio.json").read_bytes())[0]
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_measurement_is_what_fio_printed(tmp_path: Path) -> None:
    told: list[Progress] = []
    job = Job(read_fraction=0.7, duration=1.3, jobs=2, fsync_every=16)
    execution = run(tmp_path, file_target(tmp_path), job, on_progress=told.append)
    found, raw = execution.measurement, last_document(tmp_path)
    assert found.engine == raw["fio version"] == FioEngine().version()
    assert (execution.raw, execution.job_file, execution.io_logs) == ("fio.json", "job.fio", ())
    assert (tmp_path / "step" / "job.fio").exists()
    for name in ("read", "write"):
        direction, parts = getattr(found, name), [job[name] for job in raw["jobs"]]
        assert direction.ios == sum(part["total_ios"] for part in parts) == direction.latency.samples > 0
        assert direction.bytes == sum(part["io_bytes"] for part in parts)
        assert direction.iops == pytest.approx(sum(part["iops"] for part in parts), rel=0.01)
        assert direction.bandwidth == pytest.approx(sum(part["bw_bytes"] for part in parts), rel=0.01)
    assert found.sync.samples == sum(job["sync"]["total_ios"] for job in raw["jobs"]) > 0
    assert found.read.ios / (found.read.ios + found.write.ios) == pytest.approx(0.7, abs=0.05)
    assert found.clients.name == ["job0", "job0"]
    assert found.errors == {}
    assert found.notes == []
    assert told
    assert told[-1].share == pytest.approx(1, abs=0.3)
    assert max(progress.read_iops for progress in told) > 0


def test_with_one_client_every_percentile_is_fios_own(tmp_path: Path) -> None:
    found = run(tmp_path, file_target(tmp_path), Job(bytes=16 * MIB)).measurement.read
    (raw,) = last_document(tmp_path)["jobs"]
    assert (found.iops, found.bandwidth) == (raw["read"]["iops"], raw["read"]["bw_bytes"])
    latency = raw["read"]["clat_ns"]
    assert (found.latency.mean_ns, found.latency.max_ns) == (latency["mean"], latency["max"])
    for percent, value in latency["percentile"].items():
        if supported(found.ios, float(percent)):
            assert found.latency.percentile(float(percent)) == value


def test_the_series_holds_every_io_after_the_ramp(tmp_path: Path) -> None:
    job = Job(ramp=1.0, duration=2.0, rate_iops=2000)
    found = run(tmp_path, file_target(tmp_path), job).measurement
    series = found.series
    lengths = [end - start for start, end in zip([0.0, *series.time_s], series.time_s, strict=False)]
    total = sum(rate * length for rate, length in zip(series.read_iops, lengths, strict=True))
    assert total == pytest.approx(found.read.ios)
    assert series.time_s[-1] == pytest.approx(found.runtime_s, abs=0.1)
    assert set(series.write_iops) == {0.0}


def test_every_io_is_logged_on_request(tmp_path: Path) -> None:
    execution = run(tmp_path, file_target(tmp_path), Job(bytes=64 * 4096, jobs=2), io_log=True)
    assert execution.io_logs == ("io_clat.1.log", "io_clat.2.log")
    rows = [line for name in execution.io_logs for line in (tmp_path / "step" / name).read_text().splitlines()]
    assert len(rows) == execution.measurement.read.ios == 128


def test_a_job_by_bytes_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[Progress] = []
    job = Job(bytes=6 * MIB, rate_iops=1000, jobs=1)
    run(tmp_path, file_target(tmp_path), job, on_progress=told.append)
    shares = [progress.share for progress in told if progress.share is not None]
    assert shares == sorted(shares)
    assert shares[0] < 1


def test_a_target_that_is_only_read_cannot_be_written(tmp_path: Path) -> None:
    target = file_target(tmp_path)
    (tmp_path / "target.bin").write_bytes(b"x" * MIB)
    assert run(tmp_path, target, Job(duration=0.2), read_only=True).measurement.read.ios
    assert (tmp_path / "target.bin").read_bytes() == b"x" * MIB
    assert "--readonly" not in (tmp_path / "step" / "job.fio").read_text()


def test_when_the_harness_gives_up_fio_ends_at_once(tmp_path: Path) -> None:
    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # and `run` finds no process
        run(tmp_path, file_target(tmp_path), Job(duration=60.0, jobs=2), on_progress=interrupt)


def test_fio_does_not_outlive_a_harness_that_is_killed(tmp_path: Path) -> None:
    place = tmp_path / "step"
    place.mkdir()
    target = file_target(tmp_path)
    code = (
        "from pathlib import Path\n"
        "from storbench.devices.base import Target\n"
        "from storbench.harness.engines.base import Assignment\n"
        "from storbench.harness.engines.fio.engine import FioEngine\n"
        "from storbench.workloads.job import Job\n"
        f"target = Target({target.size}, {target.options!r})\n"
        f"assignment = Assignment((Job(duration=120.0, jobs=3),), target, Path({str(place)!r}))\n"
        "FioEngine().run(assignment, lambda progress: None)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as harness:
        try:
            wait_for(lambda: any(len(process.threads()) >= 4 for process in processes_in(place)))
        finally:
            os.kill(harness.pid, signal.SIGKILL)
    wait_for(lambda: processes_in(place) == [])
