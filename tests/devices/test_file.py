"""Real files: what is made, what is refused, what is left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storbench.common.errors import InputError, SafetyError
from storbench.devices.base import Surviving
from storbench.devices.owned_file import hidden_name
from storbench.devices.registry import resolve_device

from .conftest import MakeOpening

MIB = 1 << 20


def test_a_new_file_is_preallocated_while_open_and_gone_afterwards(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    device = resolve_device(f"file:{path}?size=4MiB")
    info = device.info()
    assert (info.size, info.blank) == (4 * MIB, True)
    device.check(opening())
    assert not any(tmp_path.iterdir())
    with device.open(opening()) as target:
        assert target.size == 4 * MIB
        assert target.fresh
        assert path.stat().st_size == 4 * MIB
        assert path.stat().st_blocks * 512 >= 4 * MIB
        assert target.options["filename"] == str(path)
    assert not any(tmp_path.iterdir())


def test_keep_leaves_the_file_and_nothing_else(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    with resolve_device(f"file:{path}?size=1MiB&keep=true").open(opening()):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_file_is_never_written_without_a_word(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "precious.txt"
    path.write_bytes(b"x" * 8192)
    device = resolve_device(f"file:{path}?size=4KiB")
    with pytest.raises(SafetyError, match="was not made by this run"):
        device.check(opening())
    with pytest.raises(SafetyError), device.open(opening()):
        pass
    assert path.read_bytes() == b"x" * 8192


def test_a_file_that_appears_after_the_check_is_not_taken(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    device = resolve_device(f"file:{path}?size=4KiB")
    device.check(opening())
    path.write_text("somebody was faster")
    with pytest.raises(InputError), device.open(opening()):
        pass
    assert path.read_text() == "somebody was faster"
    assert list(tmp_path.iterdir()) == [path]


def test_overwrite_uses_a_file_in_place_and_keeps_it(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"x" * 8192)
    device = resolve_device(f"file:{path}?overwrite=true")
    assert (device.info().size, device.info().blank) == (8192, False)
    with device.open(opening()) as target:
        assert (target.size, target.fresh) == (8192, False)
    assert path.stat().st_size == 8192


def test_a_file_that_is_only_read_needs_no_word_and_stays(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"x" * 8192)
    with resolve_device(f"file:{path}").open(opening(write=False)) as target:
        assert target.size == 8192
    assert path.read_bytes() == b"x" * 8192


def test_two_runs_cannot_have_one_file(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"x" * 8192)
    device = resolve_device(f"file:{path}?overwrite=true")
    with device.open(opening("a")), pytest.raises(InputError, match="in use by another run"), device.open(opening("b")):
        pass


@pytest.mark.parametrize(
    ("make", "query", "message"),
    [
        ("nothing", "", "no size is given"),
        ("file", "?size=16KiB", "exists with 8KiB, 16KiB were asked for"),
        ("empty", "", "is empty"),
        ("folder", "?size=4KiB", "is a folder"),
        ("link to a device", "?size=4KiB", "not a regular file"),
    ],
)
def test_what_is_no_target_is_refused(tmp_path: Path, make: str, query: str, message: str) -> None:
    path = tmp_path / "t.bin"
    match make:
        case "file":
            path.write_bytes(b"x" * 8192)
        case "empty":
            path.touch()
        case "folder":
            path.mkdir()
        case "link to a device":
            path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=message):
        resolve_device(f"file:{path}{query}").info()


def test_a_missing_folder_and_missing_space_are_refused(tmp_path: Path, opening: MakeOpening) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        resolve_device(f"file:{tmp_path}/none/t.bin?size=4KiB").check(opening())
    with pytest.raises(InputError, match="no space"):
        resolve_device(f"file:{tmp_path}/t.bin?size=8PiB").check(opening())
    assert not any(tmp_path.iterdir())


def test_allocation_that_fails_leaves_nothing(tmp_path: Path, opening: MakeOpening) -> None:
    # Opened without the check, as when another program takes the space meanwhile.
    device = resolve_device(f"file:{tmp_path}/t.bin?size=8PiB")
    with pytest.raises(InputError, match=r"no space|cannot hold"), device.open(opening()):
        pass
    assert not any(tmp_path.iterdir())


def test_a_resumed_run_finds_its_file_with_its_contents(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    url = f"file:{path}?size=1MiB"
    _killed_while_open(url)
    path.write_bytes(b"x" * MIB)  # stays the same inode
    with resolve_device(url).open(opening("run1", resuming=True)) as target:
        assert not target.fresh
        assert path.read_bytes()[:1] == b"x"
    assert not any(tmp_path.iterdir())


def test_what_a_killed_run_left_is_discarded_by_its_id_only(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    url = f"file:{path}?size=1MiB"
    _killed_while_open(url)
    assert {p.name for p in tmp_path.iterdir()} == {"t.bin", hidden_name(path, "run1").name}
    device = resolve_device(url)
    assert isinstance(device, Surviving)
    device.discard("run2")
    assert path.exists()
    device.discard("run1")
    assert not any(tmp_path.iterdir())


def test_discarding_spares_a_file_that_took_the_name(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    url = f"file:{path}?size=1MiB"
    _killed_while_open(url)
    path.unlink()
    path.write_text("somebody's")
    device = resolve_device(url)
    assert isinstance(device, Surviving)
    device.discard("run1")
    assert path.read_text() == "somebody's"
    assert list(tmp_path.iterdir()) == [path]


def test_direct_io_follows_the_file_system_and_the_users_word(tmp_path: Path, opening: MakeOpening) -> None:
    with resolve_device(f"file:{tmp_path}/t.bin?size=1MiB&direct=false").open(opening()) as target:
        assert target.options["direct"] == "0"
        assert any("page cache" in note or "memory" in note for note in target.notes)


def test_a_target_in_memory_says_so() -> None:
    memory = Path("/dev/shm")  # noqa: S108 - memory is the point
    if not os.access(memory, os.W_OK):
        pytest.skip("no writable /dev/shm")
    from storbench.devices.base import Opening

    path = memory / f"storbench-test-{os.getpid()}.bin"
    with resolve_device(f"file:{path}?size=1MiB").open(Opening("m", True)) as target:
        assert target.options["direct"] == "0"
        assert any("memory" in note for note in target.notes)
    assert not path.exists()


def test_facts_name_the_file_system(tmp_path: Path) -> None:
    facts = resolve_device(f"file:{tmp_path}/t.bin?size=1MiB").facts()
    assert facts["path"] == str(tmp_path / "t.bin")
    assert facts["file_system"]


def _killed_while_open(url: str) -> None:
    code = (
        "import sys, time\n"
        "from storbench.devices.base import Opening\n"
        "from storbench.devices.registry import resolve_device\n"
        f"with resolve_device({url!r}).open(Opening('run1', True)):\n"
        "    print('open', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"open\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
