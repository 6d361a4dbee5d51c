"""Exports of servers that are there already."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.common.errors import InputError, SafetyError
from storbench.devices.nbd import precious
from storbench.devices.nbdkit import ServerParameters, nbdkit
from storbench.devices.registry import resolve_device

from .conftest import MakeOpening

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A raw image and the URL of its export."""
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4 * MIB))
    with nbdkit(["file", str(image)], ServerParameters(), read_only=False) as uri:
        yield image, uri


def test_an_export_tells_its_size_and_is_not_taken_for_blank(disk: tuple[Path, str], opening: MakeOpening) -> None:
    device = resolve_device(disk[1])
    info = device.info()
    assert (info.size, info.blank, info.scheme) == (4 * MIB, False, "nbd")
    device.check(opening())
    with device.open(opening()) as target:
        assert target.options == {"ioengine": "nbd", "uri": disk[1]}
    assert device.facts()["protocol"] == "newstyle-fixed"


def test_an_export_over_tcp(tmp_path: Path, opening: MakeOpening) -> None:
    port = 20809
    command = [
        "nbdkit",
        "--foreground",
        "--ipaddr=127.0.0.1",
        f"--port={port}",
        "-P",
        str(tmp_path / "pid"),
        "memory",
        "4M",
    ]
    server = subprocess.Popen(command)
    try:
        for _ in range(200):
            if (tmp_path / "pid").exists():
                break
            time.sleep(0.02)
        assert resolve_device(f"nbd://127.0.0.1:{port}").info().size == 4 * MIB
        assert resolve_device(f"nbd://127.0.0.1:{port}/").info().size == 4 * MIB
    finally:
        server.kill()
        server.wait()


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot reach .*none.sock"):
        resolve_device(f"nbd+unix:///?socket={tmp_path}/none.sock").info()
    with pytest.raises(InputError, match=r"cannot reach nbd://127.0.0.1:1"):
        resolve_device("nbd://127.0.0.1:1/").info()


def test_a_partition_table_is_written_only_when_the_url_was_typed(disk: tuple[Path, str], opening: MakeOpening) -> None:
    image, url = disk
    with image.open("r+b") as file:
        file.seek(446)
        file.write(bytes.fromhex("80202100830a1a000008000000f80000") + bytes(48) + b"\x55\xaa")
    device = resolve_device(url)
    with pytest.raises(SafetyError, match=r"holds .*boot sector.*\n.*--destroy"):
        device.check(opening())
    with pytest.raises(SafetyError), device.open(opening()):
        pass
    device.check(opening(write=False))
    device.check(opening(destroy=(url,)))


def test_a_read_only_export_is_not_written(tmp_path: Path, opening: MakeOpening) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(MIB))
    with nbdkit(["file", str(image)], ServerParameters(), read_only=True) as uri:
        with pytest.raises(SafetyError, match="read-only"):
            resolve_device(uri).check(opening())
        resolve_device(uri).check(opening(write=False))


@pytest.mark.parametrize(
    "content",
    [
        "DOS/MBR boot sector",
        "Linux rev 1.0 ext4 filesystem data",
        "SGI XFS filesystem data",
        "LVM2 PV",
        "QEMU QCOW Image (v3)",
        "LUKS encrypted file",
        "BTRFS Filesystem",
        None,
    ],
)
def test_contents_that_somebody_will_miss_are_recognised(content: str | None) -> None:
    assert precious(content)


@pytest.mark.parametrize("content", ["data", "", "OpenPGP Secret Key", "Motorola S-Record; binary data in text format"])
def test_plain_data_is_not_taken_for_precious(content: str) -> None:
    assert not precious(content)
