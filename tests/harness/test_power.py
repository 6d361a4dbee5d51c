"""Power and throttling, as a machine would show them: on a made-up /sys, since few machines show all of it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.harness import counters, power
from storbench.harness.telemetry import COLUMNS, Telemetry

RANGE = 262_143_328_850


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")
    return path


def zone(root: Path, name: str, what: str, energy: int, *, most: int | None = RANGE) -> Path:
    folder = root / "sys/class/powercap" / name
    write(folder / "name", what)
    if most is not None:
        write(folder / "max_energy_range_uj", most)
    return write(folder / "energy_uj", energy)


def test_packages_are_added_up_and_memory_stays_apart(tmp_path: Path) -> None:
    first, second = zone(tmp_path, "intel-rapl:0", "package-0", 0), zone(tmp_path, "intel-rapl:1", "package-1", 0)
    memory = zone(tmp_path, "intel-rapl:0:1", "dram", 0)
    zone(tmp_path, "intel-rapl:0:0", "core", 0)
    zone(tmp_path, "intel-rapl:2", "psys", 0)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 0)
    meters = power.EnergyMeters(tmp_path)
    before = meters.read()
    for file, used in ((first, 30_000_000), (second, 10_000_000), (memory, 4_000_000)):
        write(file, used)
    assert meters.columns == {"cpu_power", "memory_power"}
    assert meters.watts(before, meters.read(), 2.0) == {"cpu_power": 20.0, "memory_power": 2.0}


def test_a_counter_that_starts_again_loses_nothing(tmp_path: Path) -> None:
    file = zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 5_000_000)
    meters = power.EnergyMeters(tmp_path)
    before = meters.read()
    write(file, 15_000_000)
    assert meters.watts(before, meters.read(), 1.0) == {"cpu_power": pytest.approx(20.0)}


@given(st.integers(1, 10**12), st.data())
def test_energy_is_what_was_used_wherever_the_counter_stood(most: int, data: st.DataObject) -> None:
    start, used = data.draw(st.integers(0, most - 1)), data.draw(st.integers(0, most - 1))
    assert power.energy_between(start, (start + used) % most, most) == used


def test_a_reset_counter_of_unknown_range_and_a_missing_one_are_left_out(tmp_path: Path) -> None:
    assert power.energy_between(5.0, 3.0, None) is None
    assert power.energy_between(None, 3.0, RANGE) is None
    zone(tmp_path, "intel-rapl:0", "package-0", 1)
    other = zone(tmp_path, "intel-rapl:1", "package-1", 1)
    meters = power.EnergyMeters(tmp_path)
    before = meters.read()
    other.unlink()  # half of the packages are no power of the processors
    assert meters.watts(before, meters.read(), 1.0) == {}


def test_what_may_not_be_read_is_not_there(tmp_path: Path) -> None:
    write(zone(tmp_path, "intel-rapl:0", "package-0", 1), "")
    meters = power.EnergyMeters(tmp_path)
    assert meters.columns == set()
    assert meters.read() == {}


def test_only_meters_of_the_whole_machine_and_of_the_disk_are_taken(tmp_path: Path) -> None:
    hwmon = tmp_path / "sys/class/hwmon"
    write(hwmon / "hwmon0/name", "power_meter")
    average = write(hwmon / "hwmon0/power1_average", 150_000_000)
    write(hwmon / "hwmon0/power1_input", 1)
    write(hwmon / "hwmon1/name", "amdgpu")
    write(hwmon / "hwmon1/power1_average", 33_000_000)
    write(hwmon / "hwmon2/name", "nvme")
    (hwmon / "hwmon2/device/nvme0n1").mkdir(parents=True)
    own = write(hwmon / "hwmon2/power1_input", 7_500_000)
    assert power.system_power_meters(tmp_path) == [average]
    assert power.disk_power_meters("nvme0n1", tmp_path) == [own]
    assert power.disk_power_meters("sda", tmp_path) == power.disk_power_meters(None, tmp_path) == []
    assert power.watts_of([average]) == 150


def test_throttling_is_counted_once_for_each_core(tmp_path: Path) -> None:
    for cpu, siblings, count in ((0, "0,2", 5), (1, "1,3", 7), (2, "0,2", 5), (3, "1,3", 7)):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}"
        write(folder / "topology/thread_siblings_list", siblings)
        write(folder / "thermal_throttle/core_throttle_count", count)
    files = counters.throttle_files(tmp_path)
    assert [file.parents[1].name for file in files] == ["cpu0", "cpu1"]
    assert counters.throttle_count(files) == {"cpu_throttle_rate": 12.0}


def test_telemetry_shows_what_the_machine_shows(tmp_path: Path) -> None:
    energy = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    write(tmp_path / "sys/class/hwmon/hwmon0/name", "power_meter")
    write(tmp_path / "sys/class/hwmon/hwmon0/power1_average", 99_000_000)
    throttled = write(tmp_path / "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", 0)
    samples: list[dict[str, float]] = []
    enough = threading.Event()

    def take(sample: dict[str, float]) -> None:
        samples.append(sample)
        write(energy, len(samples) * 1_000_000)
        write(throttled, len(samples))
        if len(samples) >= 4:
            enough.set()

    telemetry = Telemetry(time.monotonic(), interval_s=0.05, root=tmp_path)
    telemetry.start(take)
    assert enough.wait(30)
    telemetry.stop()
    assert all({"cpu_power", "system_power", "cpu_throttle_rate"} <= set(sample) <= set(COLUMNS) for sample in samples)
    assert samples[0]["system_power"] == 99
    assert samples[2]["cpu_power"] > 0
    assert samples[2]["cpu_throttle_rate"] > 0
