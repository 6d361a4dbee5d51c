"""No child and no scratch file outlives the harness, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from storbench.common import guardian, processes

HARNESS = """
import sys, time
from pathlib import Path
from storbench.common import processes
with processes.guarded_folder("test") as folder, processes.guarded_path(Path(sys.argv[1])) as scratch:
    scratch.write_text("x")
    child = processes.start(["sh", "-c", "sleep 300 & sleep 300"])
    print(child.pid, folder, flush=True)
    time.sleep(300)
"""


def group_members(group: int) -> list[psutil.Process]:
    members = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def until_gone(group: int | None, *paths: Path) -> bool:
    for _ in range(500):
        if not (group and group_members(group)) and not any(path.exists() for path in paths):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_harness_leaves_neither_children_nor_scratch_files(tmp_path: Path, number: signal.Signals) -> None:
    scratch = tmp_path / "scratch"
    command = [sys.executable, "-c", HARNESS, str(scratch)]
    harness = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert harness.stdout
    group, folder = harness.stdout.readline().split()
    assert Path(os.fsdecode(folder)).is_dir()
    assert group_members(int(group))
    harness.send_signal(number)
    harness.wait(30)
    harness.stdout.close()
    assert until_gone(int(group), scratch, Path(os.fsdecode(folder)))


KILLED_AT_ONCE = """
import os, signal
from pathlib import Path
from storbench.common import processes
made = Path.mkdir
def then_killed(path, *arguments, **more):
    made(path, *arguments, **more)
    os.write(1, os.fsencode(path))
    os.kill(os.getpid(), signal.SIGKILL)
Path.mkdir = then_killed
with processes.guarded_folder("test"):
    pass
"""


def test_a_folder_is_guarded_from_the_moment_it_exists() -> None:
    found = subprocess.run([sys.executable, "-c", KILLED_AT_ONCE], check=False, capture_output=True, timeout=60)
    assert found.returncode == -signal.SIGKILL
    folder = Path(os.fsdecode(found.stdout))
    assert folder.is_absolute()
    assert until_gone(None, folder)


def test_what_is_still_being_written_into_is_removed_in_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "busy"
    folder.mkdir()
    writer = "i=0; while [ $i -lt 2000 ]; do : >$0/$i; i=$((i+1)); done"
    told = f"+path {folder}\n".encode()
    busy = subprocess.Popen(["sh", "-c", writer, str(folder)], stderr=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-I", "-S", guardian.__file__], input=told, check=True, timeout=60)
    busy.wait(60)
    assert not folder.exists()


def test_ending_a_child_ends_its_children_too() -> None:
    child = processes.start(["sh", "-c", "sleep 300 & exec sleep 300"])
    assert processes.end(child) == -signal.SIGKILL
    assert until_gone(child.pid)


def test_a_child_that_ends_by_itself_keeps_its_status() -> None:
    assert processes.end(processes.start(["sh", "-c", "exit 7"]), patience=30) == 7


def test_a_missing_program_is_said_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        processes.start(["no-such-program-anywhere"])


def test_a_guarded_folder_is_gone_after_its_block() -> None:
    with processes.guarded_folder("test") as folder:
        (folder / "socket").touch()
    assert not folder.exists()


def test_waiting_for_a_file_ends_when_the_process_does(tmp_path: Path) -> None:
    child = processes.start(["sh", "-c", "exit 0"])
    assert not processes.wait_until(tmp_path / "never", child, timeout=30)
    processes.end(child)


def test_a_folder_for_sockets_is_short_also_where_the_one_for_temporary_files_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with processes.guarded_socket_folder("test") as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder / 'socket'}")
    assert not folder.exists()
