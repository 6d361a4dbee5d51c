"""Purging: real files, models, servers and loop devices; drives whose tools are played with what real ones print."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from storbench.common.errors import MeasurementError, SafetyError
from storbench.devices.base import Opening, Purgeable, Target
from storbench.devices.block import BlockDevice, BlockParameters
from storbench.devices.native_library import WRITE, Model
from storbench.devices.native_shared import SharedModel
from storbench.devices.nbd_client import nbd_connection
from storbench.devices.purge_ata import Security, security_erase, security_of
from storbench.devices.purge_block import purge_disk
from storbench.devices.purge_checks import REGION, read_regions, sample_offsets, written_bytes
from storbench.devices.purge_nvme import format_namespace, layout_options, sanitize, sanitize_state
from storbench.devices.purge_plan import Asking, Cleared, Disk
from storbench.devices.registry import resolve_device
from storbench.devices.tools import ask

from .conftest import MakeOpening
from .fake_tools import FakeTools, nvme_folder, sample

MIB = 1 << 20
WRITING = Opening("run1", write=True, ioengines=frozenset({"psync", "libaio", "nbd"}))


def fill(path: Path, size: int) -> bytes:
    """Write incompressible bytes over a file and give them."""
    content = np.random.default_rng(1).bytes(size)
    with path.open("r+b") as file:
        file.write(content)
        os.fsync(file.fileno())
    return content


def purgeable(url: str) -> Purgeable:
    device = resolve_device(url)
    assert isinstance(device, Purgeable)
    return device


# --- files


def test_a_file_is_made_anew_in_place_and_stays_the_runs_own(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    device = resolve_device(f"file:{path}?size=4MiB&ioengine=psync")
    with device.open(WRITING) as target:
        inode = path.stat().st_ino
        fill(path, 4 * MIB)
        purged = purgeable_of(device).purge(target)
        assert purged.verified is True
        assert re.match(r"64 of 64 regions read as zeroes", purged.check)
        assert path.stat().st_ino == inode
        assert path.stat().st_blocks * 512 >= 4 * MIB  # allocated: a write must not have to find room
        assert not any(path.read_bytes())
        if (written := written_bytes(path, 4 * MIB)) is not None:
            assert written == 0
    assert list(tmp_path.iterdir()) == []


def test_of_a_larger_file_only_the_part_that_is_used_is_purged(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.touch()
    content = fill(path, 2 * MIB)
    device = resolve_device(f"file:{path}?size=1MiB&overwrite=true&ioengine=psync")
    with device.open(WRITING) as target:
        assert purgeable_of(device).purge(target).verified is True
    assert path.read_bytes() == bytes(MIB) + content[MIB:]


def test_a_foreign_file_is_never_purged(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.touch()
    content = fill(path, MIB)
    device = resolve_device(f"file:{path}?ioengine=psync")
    with (
        device.open(msgspec.structs.replace(WRITING, write=False)) as target,
        pytest.raises(SafetyError, match=r"was not made by this run"),
    ):
        purgeable_of(device).purge(target)
    assert path.read_bytes() == content


def test_another_files_mark_does_not_make_a_file_ours(tmp_path: Path) -> None:
    path, other = tmp_path / "t.bin", tmp_path / ".t.bin.run1.storbench"
    path.touch()
    other.touch()
    content = fill(path, MIB)
    device = purgeable(f"file:{path}?ioengine=psync")
    with pytest.raises(SafetyError, match="was not made by this run"):
        device.purge(Target(MIB, {}))
    assert path.read_bytes() == content


def test_a_link_that_came_in_between_is_not_followed(tmp_path: Path) -> None:
    path, precious = tmp_path / "t.bin", tmp_path / "precious"
    path.write_bytes(b"x" * MIB)
    precious.write_bytes(b"y" * MIB)
    device = purgeable(f"file:{path}?overwrite=true&ioengine=psync")
    path.unlink()
    path.symlink_to(precious)
    with pytest.raises(MeasurementError, match="could not be purged"):
        device.purge(Target(MIB, {}))
    assert precious.read_bytes() == b"y" * MIB


def test_a_served_file_is_purged_under_its_server(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    device = resolve_device(f"nbd:file?path={path}&size=2MiB")
    with device.open(WRITING) as target:
        fill(path, 2 * MIB)
        assert purgeable_of(device).purge(target).verified is True
        with nbd_connection(target.options["uri"]) as client:
            assert not any(client.read(0, 2 * MIB))


# --- models and servers


def test_a_flash_model_is_trimmed_and_keeps_its_wear() -> None:
    device = resolve_device("sim:flash-tlc?size=2560MiB")
    with device.open(WRITING) as target:
        model = target.model
        assert isinstance(model, Model)
        for offset in range(0, target.size, 16 * MIB):
            model.now = model.submit(WRITE, offset, 16 * MIB, model.now)
        assert model.now > 0
        purged = purgeable_of(device).purge(target)
        counters = model.counters()
    assert purged.verified is True
    assert purged.check.startswith("64 of 64 regions are unmapped")
    assert counters["host_written"].value == target.size
    assert counters["wear_max"].value > 0
    assert counters["media_read"].value == 0


def test_a_check_of_a_model_sees_what_is_still_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    device = resolve_device("sim:flash-tlc?size=2560MiB")
    monkeypatch.setattr(Model, "reset", lambda model: None)
    with device.open(WRITING) as target:
        model = target.model
        assert isinstance(model, Model)
        for offset in range(0, target.size, 16 * MIB):
            model.now = model.submit(WRITE, offset, 16 * MIB, model.now)
        model.now += 10**12  # nothing is in the write buffer any more
        purged = purgeable_of(device).purge(target)
    assert purged.verified is False
    assert int(purged.check.split()[0]) < 8  # what came last may still be in a buffer


def test_a_purge_of_a_model_is_deterministic() -> None:
    def once() -> bytes:
        device = resolve_device("sim:flash-tlc?size=2560MiB")
        with device.open(WRITING) as target:
            assert isinstance(target.model, Model)
            target.model.now = target.model.submit(WRITE, 0, MIB, 0)
            purgeable_of(device).purge(target)
            return target.model.state() + str(target.model.now).encode()

    assert once() == once()


def test_of_phase_change_memory_there_is_nothing_to_verify() -> None:
    device = resolve_device("sim:pcm-onyx?size=16MiB")
    with device.open(WRITING) as target:
        purged = purgeable_of(device).purge(target)
    assert purged.verified is None
    assert "written in place" in purged.check


@pytest.mark.parametrize("kind", ["emu:", "nbd:emu-"])
def test_an_emulated_device_is_reset_and_its_image_blank(kind: str) -> None:
    device = resolve_device(f"{kind}pcm-onyx?size=4MiB")
    with device.open(WRITING) as target:
        shared = target.emulation
        assert isinstance(shared, SharedModel)
        image = shared.path.with_name("image")
        fill(image, 4 * MIB)
        purged = purgeable_of(device).purge(target)
        assert "64 of 64 regions of the image read as zeroes" in purged.check
        assert not any(image.read_bytes())
        assert image.stat().st_blocks * 512 >= 4 * MIB


def test_a_shared_flash_model_is_trimmed_by_reset_and_idle_after_it() -> None:
    device = resolve_device("emu:flash-tlc?size=2560MiB")
    with device.open(WRITING) as target:
        purged = purgeable_of(device).purge(target)
        assert isinstance(target.emulation, SharedModel)
        assert target.emulation.counters()["host_read"].value == 64 * target.logical_block_size
        assert target.emulation.deaths == 0
    assert purged.verified is True


def test_served_memory_is_trimmed(opening: MakeOpening) -> None:
    device = resolve_device("nbd:memory?size=8MiB")
    with device.open(opening()) as target:
        uri = target.options["uri"]
        write_by_nbd(uri, 0, b"\x55" * MIB)
        with nbd_connection(uri) as client:
            assert client.size == 8 * MIB
            assert any(client.read(0, 4096))
        purged = purgeable_of(device).purge(target)
        assert purged.verified is True
        with nbd_connection(uri) as client:
            assert not any(client.read(0, MIB))


def test_memory_that_is_served_for_reading_only_is_not_purged(opening: MakeOpening) -> None:
    device = resolve_device("nbd:memory?size=8MiB")
    with device.open(opening(write=False)) as target:
        assert purgeable_of(device).purge(target).method == "none"


def test_a_server_that_is_there_already_is_not_ours_to_purge() -> None:
    assert not isinstance(resolve_device("nbd://localhost:1/x"), Purgeable)


# --- real block devices


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A real block device, and the file behind it with something in it."""
    image = tmp_path / "disk.img"
    image.touch()
    fill(image, 32 * MIB)
    try:
        command = ["losetup", "--find", "--show", str(image)]
        made = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("no losetup")
    if made.returncode:
        pytest.skip(f"no loop device can be made here: {made.stderr.strip()}")
    try:
        yield Path(made.stdout.strip()), image
    finally:
        subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True, timeout=30)


def test_a_loop_device_is_discarded_and_looked_at(loop: tuple[Path, Path]) -> None:
    path, image = loop
    device = resolve_device(f"block:{path}")
    with device.open(msgspec.structs.replace(WRITING, destroy=frozenset({str(image)}))) as target:
        purged = purgeable_of(device).purge(target)
    assert purged.method == "discard of all blocks"
    assert purged.verified is True
    assert purged.check == "64 of 64 regions read as zeroes; 64 held data before"
    assert not any(image.read_bytes())


def test_a_device_that_was_opened_for_reading_is_not_purged(loop: tuple[Path, Path]) -> None:
    path, image = loop
    content = image.read_bytes()
    device = resolve_device(f"block:{path}")
    with (
        device.open(msgspec.structs.replace(WRITING, write=False)) as target,
        pytest.raises(SafetyError, match="was not opened for writing"),
    ):
        purgeable_of(device).purge(target)
    with pytest.raises(SafetyError, match="was not opened for writing"):
        purgeable_of(device).purge(target)
    assert image.read_bytes() == content


def test_the_rules_are_checked_again_right_before(loop: tuple[Path, Path], tmp_path: Path) -> None:
    path, image = loop
    content = image.read_bytes()
    root = tmp_path / "root"  # the system as the device sees it: by now the disk is mounted somewhere
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/swaps").write_text("Filename\n")
    (root / "sys").symlink_to("/sys")
    (root / "proc/self/mountinfo").write_text("")
    device = BlockDevice(f"block:{path}", path, BlockParameters(), root)
    with device.open(msgspec.structs.replace(WRITING, destroy=frozenset({str(image)}))) as target:
        (root / "proc/self/mountinfo").write_text(f"1 2 9:9 / /mnt rw - ext4 {path} rw\n")
        with pytest.raises(SafetyError, match="is mounted at /mnt"):
            device.purge(target)
        (root / "proc/self/mountinfo").write_text("")
        with pytest.raises(SafetyError, match="was opened with"):
            device.purge(msgspec.structs.replace(target, size=4096))
    assert image.read_bytes() == content


# --- drives that are played


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return FakeTools(folder)


class Bench:
    """A drive in a made-up system: sysfs, a controller's node, and a file that holds the data."""

    def __init__(self, place: Path, tools: FakeTools, *, namespaces: int = 1) -> None:
        self.tools = tools
        folder = nvme_folder(place, namespaces=namespaces)
        (place / "dev").mkdir()
        (place / "dev/nvme0").symlink_to("/dev/null")  # 1:3, as its dev file says
        self.data = place / "dev/nvme0n1"
        self.data.touch()
        fill(self.data, 32 * MIB)
        self.allowed = 0
        self.disk = Disk(self.data, folder, "259:1", 32 * MIB, self.allow, place)

    def allow(self) -> None:
        self.allowed += 1

    def identify(self, **changed: int) -> None:
        identity = msgspec.json.decode(sample("nvme-id-ctrl.json")) | changed
        self.tools.say("nvme id-ctrl", msgspec.json.encode(identity).decode())
        self.tools.say("nvme id-ns", '{"nsze": 65536, "flbas": 0, "dps": 0}')

    @property
    def destroying(self) -> list[list[str]]:
        """The commands that destroy, among those that were given."""
        return [c for c in self.tools.asked if c[1] in ("sanitize", "format") or "--security-erase" in c]


@pytest.fixture
def bench(tmp_path: Path, tools: FakeTools) -> Bench:
    return Bench(tmp_path, tools)


def state(words: str, progress: int = 65535) -> str:
    return (f'{{"/dev/nvme0": {{"sprog": {progress}, "sstat": {{"global_erased": 0, "no_cmplted_passes": 0, '
            f'"status": "{words}"}}, "cdw10_info": 2, "time_block_erase": 4294967295}}}}')  # fmt: skip


def quickly(disk: Disk, ask_tool: Asking) -> Cleared | str:
    return sanitize(disk, ask_tool, lambda seconds: None)


def test_a_drive_that_can_sanitize_is_sanitized_and_waited_for(bench: Bench) -> None:
    bench.identify(sanicap=3)
    bench.tools.say("nvme sanitize", "")
    bench.tools.say("nvme sanitize-log", state("(2) Sanitize in progress", 1000), {"status": 1, "err": "busy"},
                    state("(2) Sanitize in progress", 30000), state("(1) Most recent sanitize succeeded"))  # fmt: skip
    outcome = quickly(bench.disk, ask)
    assert isinstance(outcome, Cleared)
    assert outcome.method == "nvme sanitize, block erase"
    assert outcome.proof == "sanitize log: (1) Most recent sanitize succeeded"
    assert bench.destroying == [["nvme", "sanitize", "/dev/nvme0", "--sanact=2"]]
    assert bench.allowed == 1


def test_a_sanitize_that_fails_says_how_to_go_on(bench: Bench) -> None:
    bench.identify(sanicap=1)
    bench.tools.say("nvme sanitize", "")
    bench.tools.say("nvme sanitize-log", state("(3) Most recent sanitize failed"))
    with pytest.raises(MeasurementError, match=r"failed\n.*--sanact=1"):
        quickly(bench.disk, ask)
    assert bench.destroying == [["nvme", "sanitize", "/dev/nvme0", "--sanact=4"]]


def test_a_drive_without_sanitize_is_formatted_in_its_own_layout(bench: Bench) -> None:
    bench.identify()
    bench.tools.say("nvme id-ns", '{"flbas": 17, "dps": 9}')
    bench.tools.say("nvme format", "Success formatting namespace:1\n")
    purged = purge_disk(bench.disk)
    assert purged.method == "nvme format, user data erase"
    assert "not taken: the drive cannot sanitize" in purged.returned
    # The played format has erased nothing, which the check sees.
    assert purged.verified is False
    assert "64 of them still hold it" in purged.check
    command = ["nvme", "format", str(bench.data), "--namespace-id=1", "--ses=1", "--lbaf=1", "--ms=1", "--pi=1",
               "--pil=1", "--force"]  # fmt: skip
    assert bench.destroying == [command]


def test_an_old_nvme_without_force_is_asked_again(bench: Bench) -> None:
    bench.identify()
    bench.tools.say("nvme format", {"status": 22, "err": "nvme: unrecognized option '--force'"}, "Success")
    assert isinstance(format_namespace(bench.disk, ask), Cleared)
    assert [command[-1] for command in bench.destroying] == ["--force", "--lbaf=0"]
    assert bench.allowed == 2


def test_other_namespaces_are_never_erased(tmp_path: Path, tools: FakeTools) -> None:
    bench = Bench(tmp_path, tools, namespaces=2)
    bench.identify(sanicap=3, nn=32, fna=0)
    bench.tools.say("nvme format", "Success")
    purged = purge_disk(bench.disk)
    assert purged.method == "nvme format, user data erase"
    assert "no sanitize, which would erase the whole drive: the kernel sees other namespaces" in purged.returned
    assert [command[1] for command in bench.destroying] == ["format"]


@pytest.mark.parametrize("fna", [1, 2, 3])
def test_a_format_that_reaches_all_namespaces_is_not_made_either(tmp_path: Path, tools: FakeTools, fna: int) -> None:
    bench = Bench(tmp_path, tools, namespaces=2)
    bench.identify(sanicap=3, nn=32, fna=fna)
    purged = purge_disk(bench.disk)
    assert purged.method == "none"
    assert "in this drive erases all namespaces" in purged.returned
    assert bench.destroying == []


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ('{"nsid_list": [{"nsid": 1}, {"nsid": 7}]}', "also holds the namespaces 7"),
        ('{"nsid_list": [{"nsid": 2}]}', "also holds the namespaces 2"),
        ('{"nsid_list": []}', "does not list this namespace"),
        ("gibberish", "could not be listed"),
    ],
)
def test_a_namespace_that_is_attached_nowhere_counts(bench: Bench, listed: str, why: str) -> None:
    bench.identify(sanicap=2, nn=32)
    bench.tools.say("nvme list-ns /dev/nvme0 --all", listed)
    bench.tools.say("nvme format", {"status": 1, "err": "NVMe status: Access Denied"})
    purged = purge_disk(bench.disk)
    assert purged.method == "none"
    assert why in purged.returned
    assert "Access Denied" in purged.returned
    assert "sanitize" not in [command[1] for command in bench.destroying]


def test_the_only_namespace_of_many_possible_ones_is_sanitized(bench: Bench) -> None:
    bench.identify(sanicap=2, nn=32)
    bench.tools.say("nvme list-ns /dev/nvme0 --all", '{"nsid_list": [{"nsid": 1}]}')
    bench.tools.say("nvme sanitize", "")
    bench.tools.say("nvme sanitize-log", state("(1) Done"))
    assert isinstance(quickly(bench.disk, ask), Cleared)


def test_a_node_that_is_another_controller_is_refused(bench: Bench) -> None:
    bench.identify(sanicap=2)
    node = bench.disk.root / "dev/nvme0"
    node.unlink()
    node.symlink_to("/dev/zero")
    with pytest.raises(SafetyError, match="is not the controller of"):
        purge_disk(bench.disk)
    assert bench.tools.asked == []


def test_what_became_forbidden_meanwhile_stops_before_the_command(bench: Bench) -> None:
    bench.identify(sanicap=2)
    asked = 0

    def allow() -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise SafetyError("it is mounted now")

    with pytest.raises(SafetyError, match="mounted now"):
        purge_disk(msgspec.structs.replace(bench.disk, allowed=allow))
    assert bench.destroying == []


def test_without_tools_and_discard_nothing_is_done_and_said(bench: Bench) -> None:
    content = bench.data.read_bytes()
    purged = purge_disk(bench.disk)
    assert purged.method == "none"
    assert purged.returned == "nvme is not installed; the device does not take discards"
    assert purged.verified is None
    assert bench.data.read_bytes() == content


@pytest.mark.parametrize(
    ("space", "options"),
    [
        ({"flbas": 0, "dps": 0}, ("--lbaf=0",)),
        ({"flbas": 0b0100011, "dps": 0}, ("--lbaf=19",)),
        ({"flbas": 0b10010, "dps": 0b1010}, ("--lbaf=2", "--ms=1", "--pi=2", "--pil=1")),
    ],
)
def test_a_format_keeps_the_layout(space: dict[str, object], options: tuple[str, ...]) -> None:
    assert layout_options(space) == options


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (state("(1) Most Recent Sanitize Command Completed Successfully."), 1),
        ('{"nvme0": {"sprog": 5, "sstat": {"global_erased": 1, "in progress": "(2) in progress"}}}', 2),
        ("{}", None),
        ("", None),
    ],
)
def test_a_sanitize_log_is_read_from_each_version(text: str, status: int | None) -> None:
    assert sanitize_state(text)[0] == status


HDPARM = """
/dev/sda:

ATA device, with non-removable media
Security:
\tMaster password revision code = 65534
\t\tsupported
\tnot\tenabled
\tnot\tlocked
\t{frozen}\tfrozen
\tnot\texpired: security count
\t\tsupported: enhanced erase
\t2min for SECURITY ERASE UNIT. 4min for ENHANCED SECURITY ERASE UNIT.
Logical Unit WWN Device Identifier: 5001517958f99708
"""


@pytest.fixture
def ata(tmp_path: Path, tools: FakeTools) -> Disk:
    folder = tmp_path / "sys/sda"
    for name, text in {"device/vendor": "ATA     ", "size": "2048", "queue/discard_max_bytes": "0"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    path = tmp_path / "sda"
    path.touch()
    fill(path, MIB)
    return Disk(path, folder, "8:0", MIB, lambda: None, tmp_path)


def test_the_security_of_a_disk_is_read() -> None:
    assert security_of(HDPARM.format(frozen="not")) == Security(supported=True, minutes=2)
    assert security_of(HDPARM.format(frozen="")).frozen is True
    assert security_of("Security: \n\tnot\tsupported\n") == Security()
    assert security_of("no such section") == Security()


def test_an_ata_disk_is_erased_with_a_password_that_is_gone_afterwards(ata: Disk, tools: FakeTools) -> None:
    tools.say("hdparm -I", HDPARM.format(frozen="not"))
    tools.say("hdparm --user-master u", "security_password=\n")
    purged = purge_disk(ata)
    assert purged.method == "ATA security erase"
    assert "its password is gone" in purged.check
    given = [command for command in tools.asked if command[1] == "--user-master"]
    path = str(ata.path)
    assert given == [
        ["hdparm", "--user-master", "u", "--security-set-pass", "storbench", path],
        ["hdparm", "--user-master", "u", "--security-erase", "storbench", path],
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HDPARM.format(frozen=""), "frozen by the firmware"),
        (HDPARM.format(frozen="not").replace("not\tenabled", "\tenabled"), "has a password already"),
        (HDPARM.format(frozen="not").replace("\t\tsupported\n", "\tnot\tsupported\n", 1), "no security erase"),
    ],
)
def test_a_disk_that_cannot_be_erased_gets_no_password(ata: Disk, tools: FakeTools, text: str, why: str) -> None:
    tools.say("hdparm -I", text)
    purged = purge_disk(ata)
    assert purged.method == "none"
    assert why in purged.returned
    assert [command[1] for command in tools.asked] == ["-I"]


def test_a_failed_erase_takes_its_password_back(ata: Disk, tools: FakeTools) -> None:
    tools.say("hdparm -I", HDPARM.format(frozen="not"))
    tools.say("hdparm --user-master u", "")
    tools.say("hdparm --user-master u --security-erase", {"status": 5, "err": "SECURITY_ERASE: Input/output error"})
    assert "Input/output error" in str(security_erase(ata, ask))
    assert "--security-disable" in tools.asked[-1]


def test_a_disk_that_stays_locked_is_an_error_with_the_way_out(ata: Disk, tools: FakeTools) -> None:
    tools.say("hdparm -I", HDPARM.format(frozen="not"))
    tools.say("hdparm --user-master u", {"status": 5, "err": "Input/output error"})
    tools.say("hdparm --user-master u --security-set-pass", "")
    with pytest.raises(MeasurementError, match=r"could not be removed(.|\n)*--security-disable storbench"):
        security_erase(ata, ask)


# --- looking


def test_sampled_regions_lie_in_the_device_and_cover_both_ends() -> None:
    for size in (1, 4096, 4097, 100 * 4096, 10**12):
        offsets = sample_offsets(size)
        assert offsets[0] == 0
        assert offsets == sorted(set(offsets))
        assert offsets[-1] == max(0, size // REGION - 1) * REGION
        assert len(offsets) <= 64


def test_one_region_with_data_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(bytes(64 * REGION))
    before = read_regions(path, 64 * REGION)
    with path.open("r+b") as file:
        file.seek(63 * REGION)
        file.write(b"x")
    after = read_regions(path, 64 * REGION)
    assert (before.zero, after.zero) == (64, 63)
    assert after.kept(after) == 1
    assert before.kept(after) == 0


def purgeable_of(device: object) -> Purgeable:
    assert isinstance(device, Purgeable)
    return device


def write_by_nbd(uri: str, offset: int, content: bytes) -> None:
    """Write what the client itself has no use for."""
    with nbd_connection(uri) as client:
        client._connection.sendall(struct.pack(">LHHQQL", 0x25609513, 0, 1, 0, offset, len(content)) + content)
        magic, error, _ = struct.unpack(">LLQ", client._connection.recv(16))
        assert (magic, error) == (0x67446698, 0)
