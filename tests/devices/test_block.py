"""The rules by which a block device is written or not: on a made-up /sys, and on real loop devices where root."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.common.errors import InputError, SafetyError
from storbench.devices.block import refuse_unless_named, refuse_use
from storbench.devices.block_sysfs import block_facts, serial_of
from storbench.devices.mounts import Mount
from storbench.devices.registry import resolve_device

from .conftest import MakeOpening

MIB = 1 << 20


@pytest.fixture
def nvme(tmp_path: Path) -> Path:
    """The folder that the kernel shows for an NVMe drive with one partition."""
    folder = tmp_path / "nvme0n1"
    for name, text in {
        "dev": "259:0", "size": "2097152", "ro": "0", "removable": "0",
        "device/model": "ACME 9000     ", "device/serial": "S4EVNX0R ", "device/firmware_rev": "2B2Q",
        "queue/rotational": "0", "queue/scheduler": "[none] mq-deadline", "queue/write_cache": "write back",
        "queue/logical_block_size": "4096", "queue/physical_block_size": "4096", "queue/discard_max_bytes": "1048576",
        "nvme0n1p1/dev": "259:1", "nvme0n1p1/partition": "1", "nvme0n1p1/size": "2048", "nvme0n1p1/ro": "0",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    (folder / "holders").mkdir()
    (folder / "nvme0n1p1/holders").mkdir()
    return folder


def test_facts_of_a_drive_are_the_kernels(nvme: Path) -> None:
    facts = block_facts(nvme)
    assert facts["model"] == "ACME 9000"
    assert facts["serial"] == "S4EVNX0R"
    assert facts["firmware"] == "2B2Q"
    assert facts["size"] == 1 << 30
    assert facts["rotational"] is False
    assert facts["scheduler"] == "none"
    assert facts["write_cache"] == "write back"
    assert facts["logical_block_size"] == 4096


def test_the_serial_of_a_scsi_disk_is_in_page_80h(tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device/vpd_pg80").write_bytes(b"\x00\x80\x00\x08WD-12345")
    assert serial_of(tmp_path) == "WD-12345"


def test_udev_knows_serials_that_the_kernel_does_not_show(tmp_path: Path) -> None:
    (tmp_path / "dev").write_text("8:0\n")
    (tmp_path / "run/udev/data").mkdir(parents=True)
    (tmp_path / "run/udev/data/b8:0").write_text("S:disk/by-id/x\nE:ID_SERIAL=Disk_ABC\nE:ID_SERIAL_SHORT=ABC\n")
    assert serial_of(tmp_path, tmp_path) == "ABC"


def test_an_unused_disk_may_be_written_when_its_serial_was_typed(nvme: Path) -> None:
    refuse_use(Path("/dev/nvme0n1"), nvme, [], set())
    refuse_unless_named(Path("/dev/nvme0n1"), nvme, frozenset({"S4EVNX0R"}))


@pytest.mark.parametrize(
    "typed", [frozenset(), frozenset({"S4EVNX0"}), frozenset({"s4evnx0r"}), frozenset({"nvme0n1"})]
)
def test_any_other_word_than_the_serial_is_refused(nvme: Path, typed: frozenset[str]) -> None:
    with pytest.raises(SafetyError, match=r"everything on it would be lost(.|\n)*--destroy S4EVNX0R"):
        refuse_unless_named(Path("/dev/nvme0n1"), nvme, typed)


def test_a_disk_without_a_serial_cannot_be_named(nvme: Path) -> None:
    (nvme / "device/serial").unlink()
    with pytest.raises(SafetyError, match="no serial"):
        refuse_unless_named(Path("/dev/nvme0n1"), nvme, frozenset({""}))


@pytest.mark.parametrize(
    "mount",
    [
        Mount("259:0", Path("/mnt"), "ext4", "/dev/nvme0n1", "rw"),
        Mount("259:1", Path("/"), "ext4", "/dev/nvme0n1p1", "rw"),
        Mount("0:45", Path("/data"), "btrfs", "/dev/nvme0n1p1", "rw"),  # btrfs shows a number of its own
    ],
)
def test_a_mounted_disk_is_refused_by_any_of_its_parts(nvme: Path, mount: Mount) -> None:
    with pytest.raises(SafetyError, match="is mounted at"):
        refuse_use(Path("/dev/nvme0n1"), nvme, [mount], set())


@pytest.mark.parametrize("part", ["holders", "nvme0n1p1/holders"])
def test_a_disk_in_a_raid_or_volume_group_is_refused(nvme: Path, part: str) -> None:
    (nvme / part / "md0").mkdir()
    with pytest.raises(SafetyError, match="in use by md0"):
        refuse_use(Path("/dev/nvme0n1"), nvme, [], set())


def test_swap_partitions_and_read_only_disks_are_refused(nvme: Path) -> None:
    with pytest.raises(SafetyError, match="is swap space"):
        refuse_use(Path("/dev/nvme0n1"), nvme, [], {"nvme0n1p1"})
    with pytest.raises(SafetyError, match="is a partition of nvme0n1"):
        refuse_use(Path("/dev/nvme0n1p1"), nvme / "nvme0n1p1", [], set())
    (nvme / "ro").write_text("1\n")
    with pytest.raises(SafetyError, match="is read-only"):
        refuse_use(Path("/dev/nvme0n1"), nvme, [], set())


def test_what_is_no_block_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(InputError, match=r"not a block device\n.*file:"):
        resolve_device(f"block:{tmp_path}/x").info()
    with pytest.raises(InputError, match="cannot look at"):
        resolve_device(f"block:{tmp_path}/none").info()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A real block device and the file behind it."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(32 * MIB)
    try:
        command = ["losetup", "--find", "--show", str(image)]
        made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("no losetup")
    if made.returncode:
        pytest.skip(f"no loop device can be made here: {made.stderr.strip()}")
    device = Path(made.stdout.strip())
    try:
        yield device, image
    finally:
        subprocess.run(["losetup", "--detach", str(device)], check=True, timeout=30)


def test_a_loop_device_is_named_by_the_file_behind_it(loop: tuple[Path, Path], opening: MakeOpening) -> None:
    path, image = loop
    device = resolve_device(f"block:{path}")
    assert device.info().size == 32 * MIB
    assert device.facts()["serial"] == str(image)
    with pytest.raises(SafetyError, match=str(image)):
        device.check(opening())
    device.check(opening(write=False))
    with device.open(opening(destroy=(str(image),))) as target:
        assert target.options["filename"] == str(path)
        with pytest.raises(OSError, match="busy"):
            os.open(path, os.O_RDWR | os.O_EXCL)


def test_a_device_that_somebody_holds_is_refused(loop: tuple[Path, Path], opening: MakeOpening) -> None:
    path, image = loop
    holder = os.open(path, os.O_RDWR | os.O_EXCL)
    try:
        with (
            pytest.raises(SafetyError, match="in use"),
            resolve_device(f"block:{path}").open(opening(destroy=(str(image),))),
        ):
            pass
    finally:
        os.close(holder)


def test_a_mounted_device_is_refused_and_untouched(
    loop: tuple[Path, Path], tmp_path: Path, opening: MakeOpening
) -> None:
    path, image = loop
    point = tmp_path / "mounted"
    point.mkdir()
    if subprocess.run(["mkfs.ext4", "-q", str(path)], check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("no mkfs.ext4")
    if subprocess.run(["mount", str(path), str(point)], check=False, capture_output=True, timeout=60).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (point / "file").write_text("still here")
        device = resolve_device(f"block:{path}")
        with pytest.raises(SafetyError, match=f"mounted at {point}"):
            device.check(opening(destroy=(str(image),)))
        assert (point / "file").read_text() == "still here"
    finally:
        subprocess.run(["umount", str(point)], check=True, timeout=60)
