"""Telemetry hands over whole, plain samples while it runs, and none after it."""

from __future__ import annotations

import math
import socket
import threading
import time
from pathlib import Path

import msgspec
import pytest

from storbench.harness import counters
from storbench.harness.telemetry import COLUMNS, Telemetry

SENSORLESS = {
    "cpu_temperature", "disk_temperature", "cpu_throttle_rate", "cpu_power", "memory_power", "system_power",
    "disk_power",
}  # fmt: skip


def samples_of(telemetry: Telemetry, count: int) -> list[dict[str, float]]:
    """Run telemetry until it has given `count` samples, with a generous end."""
    samples: list[dict[str, float]] = []
    enough = threading.Event()

    def take(sample: dict[str, float]) -> None:
        samples.append(sample)
        if len(samples) >= count:
            enough.set()

    telemetry.start(take)
    try:
        assert enough.wait(30)
    finally:
        telemetry.stop()
    return samples


def test_every_sample_has_the_same_described_columns() -> None:
    samples = samples_of(Telemetry(time.monotonic(), interval_s=0.05), 4)
    assert {tuple(sample) for sample in samples} == {tuple(samples[0])}
    assert set(samples[0]) <= set(COLUMNS)
    assert set(samples[0]) >= set(COLUMNS) - SENSORLESS
    assert all(unit and long_name for unit, long_name in COLUMNS.values())


def test_values_are_finite_never_negative_and_fit_into_the_journal() -> None:
    for sample in samples_of(Telemetry(time.monotonic(), interval_s=0.05), 3):
        assert all(math.isfinite(value) and value >= 0 for value in sample.values())
        assert all(sample[f"cpu_{kind}_percent"] <= 100 for kind in ("user", "system", "iowait", "steal"))
        assert msgspec.json.decode(msgspec.json.encode(sample), type=dict[str, float]) == sample


def test_samples_are_told_from_the_callers_start_and_keep_their_turns() -> None:
    before = time.monotonic()
    samples = samples_of(Telemetry(before - 100, interval_s=0.1), 8)
    times = [sample["time_s"] - 100 for sample in samples]
    assert times == sorted(times)
    # No sample comes before its turn, however late this machine wakes the sampler; the last one is taken by stop.
    assert all(t >= 0.1 * (turn + 1) - 0.001 for turn, t in enumerate(times[:-1]))


def test_a_run_shorter_than_the_interval_still_has_a_sample() -> None:
    samples: list[dict[str, float]] = []
    telemetry = Telemetry(time.monotonic(), interval_s=3600)
    telemetry.start(samples.append)
    time.sleep(0.3)
    telemetry.stop()
    assert len(samples) == 1


def test_it_ends_at_once_and_gives_nothing_afterwards() -> None:
    samples: list[dict[str, float]] = []
    telemetry = Telemetry(time.monotonic(), interval_s=0.05)
    telemetry.start(samples.append)
    time.sleep(0.2)
    telemetry.stop()
    count = len(samples)
    time.sleep(0.2)
    assert len(samples) == count
    assert not [thread for thread in threading.enumerate() if thread.name == "telemetry"]


def test_stopping_twice_or_without_a_start_is_harmless() -> None:
    telemetry = Telemetry(time.monotonic())
    telemetry.stop()
    telemetry.stop()


def test_its_own_cost_is_told_and_small() -> None:
    samples = samples_of(Telemetry(time.monotonic(), interval_s=0.05), 4)
    assert all(0 < sample["cost_s"] < 0.5 for sample in samples)


def test_a_journal_that_cannot_be_written_ends_telemetry_quietly() -> None:
    def refuse(sample: dict[str, float]) -> None:
        raise OSError(28, "No space left on device")

    telemetry = Telemetry(time.monotonic(), interval_s=0.02)
    telemetry.start(refuse)
    time.sleep(0.1)
    telemetry.stop()


def test_bytes_over_loopback_are_seen() -> None:
    # One datagram of 32 KiB every few milliseconds to a socket of this process.
    telemetry = Telemetry(time.monotonic(), interval_s=0.1)
    samples: list[dict[str, float]] = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        telemetry.start(samples.append)
        for _ in range(100):
            sender.sendto(bytes(32768), receiver.getsockname())
            time.sleep(0.003)
        telemetry.stop()
    assert max(sample["loopback_bandwidth"] for sample in samples) > 32768


def test_a_busy_processor_is_seen() -> None:
    samples: list[dict[str, float]] = []
    telemetry = Telemetry(time.monotonic(), interval_s=60)
    telemetry.start(samples.append)
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    telemetry.stop()
    assert samples[0]["cpu_user_percent"] + samples[0]["cpu_system_percent"] > 0


def test_an_unknown_disk_leaves_its_columns_out_and_the_others_in() -> None:
    sample = samples_of(Telemetry(time.monotonic(), disk="no-such-disk", interval_s=0.05), 1)[0]
    assert "disk_read_iops" not in sample
    assert "memory_available" in sample


def sensor(root: Path, number: int, name: str, *millidegrees: int) -> Path:
    folder = root / f"sys/class/hwmon/hwmon{number}"
    (folder / "device").mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    for index, value in enumerate(millidegrees):
        (folder / f"temp{index + 1}_input").write_text(f"{value}\n")
    return folder


def test_the_hottest_sensor_of_each_kind_is_told(tmp_path: Path) -> None:
    sensor(tmp_path, 0, "coretemp", 41000, 47500)
    sensor(tmp_path, 1, "nvme", 33850)
    sensor(tmp_path, 2, "acpitz", 99000)
    sample = samples_of(Telemetry(time.monotonic(), interval_s=0.05, root=tmp_path), 1)[0]
    assert (sample["cpu_temperature"], sample["disk_temperature"]) == (47.5, 33.85)


def test_a_known_disk_has_its_own_sensor(tmp_path: Path) -> None:
    (sensor(tmp_path, 0, "nvme", 70000) / "device/nvme0n1").mkdir()
    (sensor(tmp_path, 1, "drivetemp", 30000) / "device/block/sdb").mkdir(parents=True)
    assert counters.hottest(counters.drive_sensors("sdb", tmp_path)) == 30
    assert counters.hottest(counters.drive_sensors("nvme0n1", tmp_path)) == 70
    assert counters.hottest(counters.drive_sensors(None, tmp_path)) == 70
    assert counters.drive_sensors("sdc", tmp_path) == []


def test_a_sensor_that_fails_later_only_misses_in_that_sample(tmp_path: Path) -> None:
    folder = sensor(tmp_path, 0, "k10temp", 40000)
    telemetry = Telemetry(time.monotonic(), interval_s=0.05, root=tmp_path)
    (folder / "temp1_input").write_text("not now\n")
    sample = samples_of(telemetry, 1)[0]
    assert "cpu_temperature" not in sample
    assert "load_1min" in sample


def test_only_disks_with_hardware_of_their_own_are_summed() -> None:
    everything = counters.disk_counters()
    real = [path.name for path in Path("/sys/block").glob("*") if (path / "device").exists()]
    if not real:
        pytest.skip("this machine shows no disk")
    apart = [counters.disk_counters(name) for name in real]
    # Counters only grow, and the sum was taken first.
    assert everything["disk_write_iops"] <= sum(disk["disk_write_iops"] for disk in apart)


def test_shares_of_the_processors_add_up_even_when_a_counter_goes_back() -> None:
    percents = counters.cpu_percents(
        {"user": 1.0, "iowait": 5.0, "idle": 1.0}, {"user": 2.0, "iowait": 4.0, "idle": 4.0}
    )
    assert percents == {"user": 25.0, "iowait": 0.0, "idle": 75.0}
