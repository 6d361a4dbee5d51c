"""The shim under real fio: what it times, what it refuses, that all processes see one device. Judged in model time."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from storbench.common.errors import InputError
from storbench.devices.base import Opening
from storbench.devices.emu import EmuDevice, emulated_files, shim
from storbench.devices.emulated import EmulatedDevice, EmulationParameters, emulated
from storbench.devices.native_shared import SharedModel
from storbench.devices.registry import resolve_device
from storbench.results.histogram import Histogram

MIB = 1 << 20


class Emulated:
    """An emulated device, and fio on it."""

    def __init__(self, image: Path, state: Path, shared: SharedModel) -> None:
        self.image = image
        self.shared = shared
        self.keep = False
        self._environment = {
            **os.environ,
            "LD_PRELOAD": ":".join(filter(None, (os.environ.get("LD_PRELOAD"), str(shim())))),
            "STORBENCH_EMU_STATE": str(state),
            "STORBENCH_EMU_IMAGE": str(image),
        }

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start fio on the device."""
        command = ["fio", "--name=x", f"--filename={self.image}", "--allow_file_create=0", "--output-format=json"]
        return subprocess.Popen(
            [*command, "--direct=1", "--norandommap=1", "--verify_state_save=0", *options],
            env={**self._environment, **({"STORBENCH_EMU_KEEP": "1"} if self.keep else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str) -> None:
        """Run any program with the shim."""
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr

    def fio(self, *options: str) -> dict[str, Any]:
        """Run fio to its end, which must be a good one; give its first job."""
        process = self.start(*options)
        output, words = process.communicate(timeout=120)
        assert process.returncode == 0, words + output
        job: dict[str, Any] = json.loads(output[output.index("{") :])["jobs"][0]
        return job


@pytest.fixture
def profile(tmp_path: Path) -> EmulatedDevice:
    """One unit of 1 ms: whoever shares it waits for the other."""
    path = tmp_path / "slow.toml"
    path.write_text(
        'schema = 1\nkind = "pcm"\nsummary = "slow"\ncapacity = "16MiB"\nsize = "16MiB"\n[parameters]\n'
        'read_occupancy = { value = "1ms", source = "made up" }\n'
        'write_occupancy = { value = "1ms", source = "made up" }\n'
    )
    return emulated(str(path), EmulationParameters(), "emu")


@pytest.fixture
def device(profile: EmulatedDevice) -> Iterator[Emulated]:
    with emulated_files(profile) as (image, state, shared):
        yield Emulated(image, state, shared)


@pytest.mark.parametrize("engine", ["psync", "pvsync", "pvsync2", "libaio"])
@pytest.mark.parametrize("clients", ["--thread=1", "--thread=0"])
def test_every_io_takes_the_models_time(device: Emulated, engine: str, clients: str) -> None:
    job = device.fio(f"--ioengine={engine}", clients, "--rw=randread", "--bs=4k", "--number_ios=50", "--size=16m")

    timed = device.shared.statistics()["read"]
    assert timed.ios == job["read"]["total_ios"] == 50
    assert Histogram.of_dense(timed.latency).percentile(50) == pytest.approx(1e6, rel=1 / 64)
    assert timed.latency_max == pytest.approx(1e6, rel=0.01)
    # Never early, and never told otherwise.
    assert job["read"]["lat_ns"]["min"] >= 1e6


def test_what_was_not_waited_for_delays_nothing_after_it(device: Emulated) -> None:
    options = ("--ioengine=psync", "--rw=randread", "--bs=4k", "--size=16m")
    device.shared.wait(model=False)
    device.fio(*options, "--number_ios=3000")
    device.shared.wait(model=True)
    device.shared.reset_statistics()
    device.fio(*options, "--number_ios=5")

    assert device.shared.statistics()["read"].latency_max == pytest.approx(1e6, rel=0.01)


def test_depth_is_served_by_the_models_units(device: Emulated) -> None:
    device.fio("--ioengine=libaio", "--iodepth=8", "--rw=randread", "--bs=4k", "--number_ios=200", "--size=16m")

    timed = device.shared.statistics()["read"]
    # Eight in flight on one unit: each waits for the seven before it.
    assert Histogram.of_dense(timed.latency).percentile(50) == pytest.approx(8e6, rel=0.1)


def test_two_processes_see_one_device(device: Emulated) -> None:
    options = ("--ioengine=psync", "--rw=randread", "--bs=4k", "--size=16m", "--time_based", "--runtime=1")
    device.fio(*options)
    alone = device.shared.statistics()["read"]
    device.shared.reset_statistics()
    both = [device.start(*options) for _ in range(2)]
    for process in both:
        process.communicate(timeout=60)
    together = device.shared.statistics()["read"]

    assert alone.latency_sum / alone.ios == pytest.approx(1e6, rel=0.01)
    assert together.latency_sum / together.ios > 1.5e6
    assert device.shared.counters()["host_read"].value == (alone.ios + together.ios) * 4096


def test_what_is_written_is_what_is_read(device: Emulated) -> None:
    for engine in ("psync", "libaio"):
        device.fio(f"--ioengine={engine}", "--iodepth=4", "--rw=write", "--bs=64k", "--size=2m", "--verify=crc32c")

    timed = device.shared.statistics()
    assert timed["write"].ios == timed["read"].ios == 64


def test_syncs_and_trims_reach_the_model(device: Emulated) -> None:
    device.fio("--ioengine=psync", "--rw=write", "--bs=4k", "--size=64k", "--fsync=4")
    device.fio("--ioengine=psync", "--rw=write", "--bs=4k", "--size=64k", "--fdatasync=4")
    timed = device.shared.statistics()

    # Sixteen writes hold three syncs between them.
    assert timed["flush"].ios == 6
    device.run("fallocate", "--punch-hole", "--offset", "0", "--length", "1MiB", str(device.image))
    assert device.shared.counters()["host_trimmed"].value == MIB


def test_persistent_memory_takes_the_models_time_too(device: Emulated) -> None:
    options = ("--ioengine=libpmem", "--thread=1", "--bs=4k", "--size=16m", "--number_ios=50")
    device.keep = True
    read = device.fio(*options, "--rw=randread")
    written = device.fio(*options, "--rw=randwrite")
    timed = device.shared.statistics()

    # fio fills the file before each job; only the jobs' own I/Os reach the device.
    assert timed["read"].ios == read["read"]["total_ios"] == 50
    assert timed["write"].ios == written["write"]["total_ios"] == 50
    assert read["read"]["lat_ns"]["min"] >= 1e6
    assert written["write"]["lat_ns"]["min"] >= 1e6


@pytest.mark.parametrize("engine", ["sync", "vsync", "mmap", "io_uring", "posixaio"])
def test_an_engine_that_cannot_be_emulated_fails_by_name(device: Emulated, engine: str) -> None:
    process = device.start(f"--ioengine={engine}", "--rw=randread", "--bs=4k", "--size=16m", "--number_ios=4")
    output, words = process.communicate(timeout=60)

    assert process.returncode != 0
    assert "not emulated" in words + output
    assert device.shared.statistics()["read"].ios == 0


@pytest.mark.parametrize("engine", ["io_uring", "sync", "mmap", "nonsense"])
def test_such_an_engine_is_refused_before_anything_is_touched(engine: str) -> None:
    with pytest.raises(InputError, match=engine) as caught:
        resolve_device(f"emu:pcm-onyx?ioengine={engine}")
    assert "psync" in caught.value.hint


def kill_whole(process: subprocess.Popen[str]) -> None:
    """Kill fio and its jobs, which have made themselves sessions of their own."""
    for one in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
        one.kill()
    process.communicate(timeout=20)


def test_a_killed_fio_leaves_the_device_usable(device: Emulated) -> None:
    for _ in range(10):
        process = device.start(
            "--ioengine=libaio",
            "--iodepth=32",
            "--rw=randwrite",
            "--bs=4k",
            "--size=16m",
            "--time_based",
            "--runtime=60",
        )
        deadline = time.monotonic() + 20
        before = device.shared.statistics()["write"].ios
        while device.shared.statistics()["write"].ios < before + 20:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        kill_whole(process)

    device.shared.reset_statistics()
    time.sleep(0.1)
    device.fio("--ioengine=psync", "--rw=randread", "--bs=4k", "--number_ios=10", "--size=16m")
    assert device.shared.statistics()["read"].ios == 10


def test_other_files_pass_untouched(device: Emulated, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    other.write_bytes(bytes(MIB))
    device.run("fio", "--name=x", f"--filename={other}", "--rw=randread", "--ioengine=sync", "--size=1m")

    assert device.shared.statistics()["read"].ios == 0


def test_an_image_that_does_not_fit_is_refused(profile: EmulatedDevice) -> None:
    huge = EmulatedDevice(
        profile.profile, 1 << 50, {**profile.numbers, "capacity": float(1 << 44)}, 1 << 50, "write back"
    )
    with pytest.raises(InputError, match="of memory"):
        EmuDevice("emu:huge", huge, "psync").check(Opening("id", True))
