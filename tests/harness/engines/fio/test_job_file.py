"""Every field of a job reaches the job file, real fio takes it, and the load is the one that was meant."""

from __future__ import annotations

import json
import subprocess
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.base import Target
from storbench.harness.engines.fio.job_file import io_log_names, options_of, render_job_file
from storbench.workloads.job import Job, SizeShare

MIB = 1 << 20
NOWHERE = Target(16 * MIB, {"ioengine": "null"})


def fio(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "job.fio").write_text(text)
    command = ["fio", "job.fio", "--output-format=json", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)


def measured(folder: Path, *jobs: Job, target: Target = NOWHERE) -> list[dict[str, Any]]:
    """Run the jobs with real fio; give its JSON of each."""
    done = fio(folder, render_job_file(jobs, target))
    assert done.returncode == 0, done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["jobs"]
    return found


def addresses(folder: Path, *jobs: Job, size: int = MIB) -> list[list[tuple[str, str]]]:
    """Run the jobs on a file; give (direction, offset) of every I/O, client by client."""
    folder.mkdir()
    target = Target(size, {"ioengine": "psync", "filename": "data.bin"})
    (folder / "data.bin").write_bytes(bytes(size))
    done = fio(folder, render_job_file(jobs, target, io_log=True))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[line.split(", ") for line in (folder / name).read_text().splitlines()] for name in io_log_names(jobs)]
    return [[(row[2], row[4]) for row in client] for client in rows]


CHANGES: list[tuple[dict[str, Any], dict[str, str | None]]] = [
    ({}, {"rw": "randread", "bs": "4096", "iodepth": "1", "numjobs": "1", "size": str(16 * MIB), "rwmixread": None}),
    ({"pattern": "sequential"}, {"rw": "read", "norandommap": None, "random_generator": None}),
    ({"read_fraction": 0.0}, {"rw": "randwrite", "rwmixread": None}),
    ({"read_fraction": 0.7}, {"rw": "randrw", "rwmixread": "70"}),
    ({"read_fraction": 0.29}, {"rwmixread": "29"}),
    ({"read_fraction": 0.01, "pattern": "sequential"}, {"rw": "rw", "rwmixread": "1"}),
    ({"read_fraction": 0.0, "pattern": "sequential"}, {"rw": "write"}),
    ({"read_fraction": 0.0, "trim": True}, {"rw": "randtrim", "rwmixread": None, "zero_buffers": None}),
    (
        {"read_fraction": 0.0, "trim": True, "pattern": "sequential", "data": "zeroes"},
        {"rw": "trim", "zero_buffers": None},
    ),
    ({"sequential_percent": 75.0}, {"percentage_random": "25"}),
    ({"think_time": 0.0256, "think_every": 160}, {"thinktime": "25600us", "thinktime_blocks": "160"}),
    ({"think_time": 90.0, "think_every": 1, "duration": 2.0, "ramp": 1.0}, {"thinktime": "3000000us"}),
    ({"think_time": 1.0, "think_every": 1, "rate_iops": 10.0}, {"thinktime": "1000000us", "rate_iops": "10"}),
    ({"block_size": 512}, {"bs": "512"}),
    (
        {"block_size_mix": (SizeShare(4096, 60), SizeShare(65536, 40))},
        {"bssplit": "4096/60:65536/40", "bs": None},
    ),
    ({"queue_depth": 32}, {"iodepth": "32"}),
    ({"jobs": 4}, {"numjobs": "4"}),
    ({"rate_iops": 1000.0}, {"rate_iops": "1000", "rate_process": None}),
    ({"rate_iops": 1000.0, "jobs": 4}, {"rate_iops": "250"}),
    ({"rate_iops": 1000.0, "read_fraction": 0.7}, {"rate_iops": "700,300"}),
    ({"rate_iops": 1.0, "jobs": 4, "read_fraction": 0.99}, {"rate_iops": "1,1"}),
    ({"rate_iops": 1000.0, "arrival": "uniform"}, {"rate_iops": "1000", "rate_process": None}),
    ({"rate_iops": 1000.0, "arrival": "poisson"}, {"rate_process": "poisson"}),
    ({"ramp": 0.5}, {"ramp_time": "500000us"}),
    ({"duration": 1.5}, {"time_based": "1", "runtime": "1500000us", "io_size": None}),
    ({"bytes": 4 * MIB}, {"io_size": str(4 * MIB), "time_based": None}),
    ({"offset": MIB}, {"offset": str(MIB), "size": str(15 * MIB)}),
    ({"offset": MIB, "span": 2 * MIB}, {"offset": str(MIB), "size": str(2 * MIB)}),
    ({"read_fraction": 0.0, "fsync_every": 8}, {"fsync": "8"}),
    ({"read_fraction": 0.0, "fsync_every": 1, "sync_kind": "fdatasync"}, {"fdatasync": "1", "fsync": None}),
    ({"fsync_every": 8}, {"fsync": None}),
    ({"distribution": "zipf:1.2"}, {"random_distribution": "zipf:1.2"}),
    ({"distribution": "pareto:0.9"}, {"random_distribution": "pareto:0.9"}),
    ({"distribution": "normal:20"}, {"random_distribution": "normal:20"}),
    ({"distribution": "zoned:50/5:30/15:20/80"}, {"random_distribution": "zoned:50/5:30/15:20/80"}),
    ({"distribution": "zoned_abs:60/1M:40/15M"}, {"random_distribution": "zoned_abs:60/1M:40/15M"}),
    ({"read_fraction": 0.0, "data": "zeroes"}, {"zero_buffers": "1", "refill_buffers": None}),
    ({"read_fraction": 0.0, "compressible": 50.0}, {"buffer_compress_percentage": "50", "refill_buffers": "1"}),
    ({"read_fraction": 0.0, "duplicate": 25.0}, {"dedupe_percentage": "25", "refill_buffers": "1"}),
    ({"compressible": 50.0, "data": "zeroes"}, {"buffer_compress_percentage": None, "zero_buffers": None}),
    (
        {"read_fraction": 0.0, "verify": "crc32c", "bytes": MIB},
        {"verify": "crc32c", "do_verify": "1", "norandommap": None},
    ),
    ({"continue_on_error": True}, {"continue_on_error": "io"}),
    ({"seed": 7}, {"randseed": "7", "randrepeat": "0"}),
    ({"fio_options": {"thinktime": "10", "norandommap": "0"}}, {"thinktime": "10", "norandommap": "0"}),
]


@pytest.mark.parametrize(("fields", "expected"), CHANGES, ids=lambda value: " ".join(map(str, value)))
def test_each_field_becomes_its_option_and_fio_takes_it(
    tmp_path: Path, fields: dict[str, Any], expected: dict[str, str | None]
) -> None:
    job = Job(**fields)
    options = options_of(job, NOWHERE)
    assert {name: options.get(name) for name in expected} == expected
    done = fio(tmp_path, render_job_file([job], NOWHERE, io_log=True), "--parse-only")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


jobs_of_any_shape = st.builds(
    Job,
    pattern=st.sampled_from(["random", "sequential"]),
    block_size=st.sampled_from([512, 4096, 65536]),
    read_fraction=st.integers(0, 100).map(lambda percent: percent / 100),
    queue_depth=st.integers(1, 1024),
    jobs=st.integers(1, 4),
    rate_iops=st.none() | st.floats(0.01, 1e9),
    ramp=st.floats(0, 1e4),
    duration=st.none() | st.floats(1e-6, 1e6),
    bytes=st.none() | st.integers(65536, 1 << 50),
    fsync_every=st.integers(0, 1000),
    compressible=st.integers(0, 100).map(float),
    duplicate=st.integers(0, 100).map(float),
    seed=st.integers(0, 2**70),
)


@settings(max_examples=20, deadline=None)
@given(st.lists(jobs_of_any_shape, min_size=1, max_size=3))
def test_fio_takes_any_combination_and_the_target_keeps_its_size(
    tmp_path_factory: pytest.TempPathFactory, jobs: list[Job]
) -> None:
    text = render_job_file(jobs, NOWHERE)
    assert "filesize" not in text
    done = fio(tmp_path_factory.getbasetemp(), text, "--parse-only")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_jobs_beside_one_another_run_at_the_same_time_each_with_its_own_load(tmp_path: Path) -> None:
    reader = Job(duration=0.3, jobs=2, rate_iops=1000)
    writer = Job(duration=0.3, read_fraction=0.0, block_size=65536, pattern="sequential", rate_iops=200)
    found = measured(tmp_path, reader, writer)
    assert [job["jobname"] for job in found] == ["job0", "job0", "job1"]
    assert [bool(job["read"]["total_ios"]) for job in found] == [True, True, False]
    assert found[2]["write"]["io_bytes"] == 65536 * found[2]["write"]["total_ios"]


def test_with_duration_and_bytes_the_duration_decides(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, Job(duration=0.3, bytes=MIB, rate_iops=5000))
    assert found["read"]["runtime"] >= 300
    assert found["read"]["io_bytes"] > MIB
    (found,) = measured(tmp_path, Job(bytes=MIB, rate_iops=5000))
    assert found["read"]["io_bytes"] == MIB


def test_without_duration_and_bytes_a_job_is_one_pass_over_its_span(tmp_path: Path) -> None:
    (found,) = measured(tmp_path, Job(pattern="sequential", span=2 * MIB, block_size=65536))
    assert found["read"]["io_bytes"] == 2 * MIB


@pytest.mark.parametrize("distribution", ["uniform", "zipf:1.2"])
def test_the_seed_decides_the_addresses(tmp_path: Path, distribution: str) -> None:
    def run(name: str, seed: int) -> list[list[tuple[str, str]]]:
        job = Job(seed=seed, jobs=2, read_fraction=0.5, bytes=64 * 4096, distribution=distribution)
        return addresses(tmp_path / name, job)

    first = run("first", 1)
    assert run("again", 1) == first
    other = run("other", 2)
    assert all([o for _, o in mine] != [o for _, o in its] for mine, its in zip(first, other, strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 2, 2**62, 2**70])
def test_every_client_has_addresses_of_its_own_whatever_the_seed(tmp_path: Path, seed: int) -> None:
    job = Job(seed=seed, jobs=3, bytes=64 * 4096, distribution="zipf:1.2")
    streams = addresses(tmp_path / "run", job, job)
    assert len(streams) == 6
    assert all(one != other for one, other in pairwise(sorted(streams)))


def test_the_offset_and_the_span_bound_every_address(tmp_path: Path) -> None:
    job = Job(read_fraction=0.0, offset=256 << 10, span=128 << 10, bytes=MIB, block_size=8192)
    offsets = {int(offset) for _, offset in addresses(tmp_path / "run", job)[0]}
    assert offsets == set(range(256 << 10, 384 << 10, 8192))


def test_a_mix_of_block_sizes_comes_in_its_shares(tmp_path: Path) -> None:
    mix = (SizeShare(4096, 75), SizeShare(16384, 25))
    (found,) = measured(tmp_path, Job(block_size_mix=mix, bytes=128 * MIB))
    assert found["read"]["io_bytes"] / found["read"]["total_ios"] == pytest.approx(7168, rel=0.03)


def test_what_was_written_is_verified(tmp_path: Path) -> None:
    target = Target(MIB, {"ioengine": "psync", "filename": "data.bin"})
    for name, extra in (("random", {}), ("sequential", {"block_size": 65536})):
        job = Job(pattern=name, read_fraction=0.0, verify="crc32c", jobs=1, **extra)  # type: ignore[arg-type]
        (found,) = measured(tmp_path, job, target=target)
        assert found["write"]["io_bytes"] == MIB
        assert found["read"]["io_bytes"] == MIB
        assert found["error"] == 0


def test_data_is_as_compressible_as_asked(tmp_path: Path) -> None:
    target = Target(MIB, {"ioengine": "psync", "filename": "data.bin"})

    def share(**fields: Any) -> float:
        measured(tmp_path, Job(pattern="sequential", read_fraction=0.0, block_size=65536, **fields), target=target)
        content = (tmp_path / "data.bin").read_bytes()
        return len(zlib.compress(content, 1)) / len(content)

    assert share(data="zeroes") < 0.01
    assert share() > 0.9
    assert 0.3 < share(compressible=50.0) < 0.7


@pytest.mark.parametrize(
    "options", [{"filename": "/dev/sda"}, {"exec_prerun": "true"}, {"filesize": "1g"}, {"thinktime": "1\nfilename=x"}]
)
def test_an_option_that_does_more_than_shape_the_load_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="is refused"):
        render_job_file([Job(fio_options=options)], NOWHERE)


@pytest.mark.parametrize("name", ["a#1.bin", "a;1.bin", "a$ncpus.bin", "a${HOME}", "a\nexec_prerun=true", "a ", " a"])
def test_a_target_whose_name_fio_would_misread_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="misread") as caught:
        render_job_file([Job()], Target(MIB, {"ioengine": "psync", "filename": name}))
    assert "Rename" in caught.value.hint


def test_an_ordinary_name_reaches_fio_unchanged(tmp_path: Path) -> None:
    name = 'größe, "q" 100%\'(1)&~!.bin'
    measured(tmp_path, Job(pattern="sequential"), target=Target(MIB, {"ioengine": "psync", "filename": name}))
    assert {path.name for path in tmp_path.iterdir()} == {"job.fio", name}


def test_the_io_log_has_a_file_for_every_client() -> None:
    assert io_log_names([Job(jobs=2), Job()]) == ("io_clat.1.log", "io_clat.2.log", "io_clat.3.log")
    text = render_job_file([Job()], NOWHERE, io_log=True)
    assert {"write_lat_log=io", "log_offset=1", "log_prio=1"} <= set(text.splitlines())
    assert "log" not in render_job_file([Job()], NOWHERE)
