"""Devices run side by side only where they share nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.devices.base import DeviceInfo
from storbench.devices.registry import resolve_device
from storbench.harness.lanes import PROCESSOR, hardware_of, lanes

A, B, C, CPU = frozenset({"disk a"}), frozenset({"disk b"}), frozenset({"disk a", "disk c"}), frozenset({PROCESSOR})


@pytest.mark.parametrize(
    ("hardware", "expected"),
    [
        ([A], [[0]]),
        ([A, B], [[0], [1]]),
        ([A, B, C], [[0, 2], [1]]),
        ([A, B, frozenset({"disk a", "disk b"})], [[0, 1, 2]]),
        ([frozenset(), frozenset()], [[0], [1]]),
        ([A, CPU, frozenset()], [[0, 1, 2]]),
    ],
)
def test_a_lane_holds_what_shares_hardware(hardware: list[frozenset[str]], expected: list[list[int]]) -> None:
    assert lanes(hardware) == expected


def test_a_simulated_device_shares_nothing_and_a_local_server_needs_the_processor(tmp_path: Path) -> None:
    simulated, server = resolve_device("sim:flash-mlc?size=1GiB"), resolve_device("nbd:memory?size=16MiB")
    assert hardware_of(simulated, simulated.info()) == frozenset()
    assert hardware_of(server, server.info()) == {PROCESSOR}


def test_two_files_on_one_disk_share_it(tmp_path: Path) -> None:
    found = [
        hardware_of(device, device.info())
        for device in (resolve_device(f"file:{tmp_path / name}?size=1MiB") for name in ("a", "b"))
    ]
    assert found[0] == found[1] != frozenset()
    assert len(lanes(found)) == 1


def test_volumes_on_one_disk_share_it(tmp_path: Path) -> None:
    disks = tmp_path / "sys/devices/sda"
    for partition in ("sda1", "sda2"):
        (disks / partition).mkdir(parents=True)
        (disks / partition / "partition").write_text("1")
    for volume, part in (("dm-0", "sda1"), ("dm-1", "sda2")):
        slaves = tmp_path / "sys/class/block" / volume / "slaves"
        slaves.mkdir(parents=True)
        (slaves / part).symlink_to(disks / part)

    class Volume:
        def __init__(self, name: str) -> None:
            self.name = name

        def facts(self) -> dict[str, str]:
            return {"name": self.name}

    info = DeviceInfo("block:/dev/dm-0", "block", 1 << 30, 512)
    found = [hardware_of(Volume(name), info, tmp_path) for name in ("dm-0", "dm-1")]  # type: ignore[arg-type]
    assert found == [{"disk sda"}, {"disk sda"}]
