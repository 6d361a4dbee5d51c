"""A killed storbench leaves neither a process nor a folder, a mount or a namespace of its cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

GONE_S = 30.0


@pytest.mark.parametrize("url", ["gluster:local?size=16MiB", "rbd:local?size=16MiB"])
def test_after_a_kill_in_the_middle_of_a_load(url: str, tmp_path: Path) -> None:
    temporary = Path(os.environ.get("TMPDIR", "/tmp")) / f"left-{os.getpid()}-{url[:3]}"  # noqa: S108 - short, for sockets
    temporary.mkdir()
    command = [sys.executable, "-m", "storbench", "run", "randrw", "-d", url, "-s", "duration=60s", "-o"]
    try:
        process = subprocess.Popen(
            [*command, str(tmp_path / "run.h5")], env={**os.environ, "TMPDIR": str(temporary)}, cwd=tmp_path
        )
        try:
            spaces = wait_for_load(process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        deadline = time.monotonic() + GONE_S
        while time.monotonic() < deadline and (members(spaces) or folders(temporary)):
            time.sleep(0.1)
        assert members(spaces) == []
        assert folders(temporary) == []
        assert str(temporary) not in Path("/proc/self/mountinfo").read_text()
    finally:
        for left in folders(temporary):
            subprocess.run(["rm", "-rf", str(left)], check=False)
        subprocess.run(["rm", "-rf", str(temporary)], check=False)


def wait_for_load(process: subprocess.Popen[bytes]) -> set[Path]:
    """Wait until fio runs; give the network namespaces that the run has made."""
    own = Path("/proc/self/ns/net").readlink()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        found = {network_of(child.pid) for child in children} - {own, None}
        if any(name_of(child) == "fio" and network_of(child.pid) in found for child in children):
            time.sleep(3)
            return {space for space in found if space is not None}
        time.sleep(0.1)
    pytest.fail("no load began")


def members(spaces: set[Path]) -> list[str]:
    """The processes in these namespaces, whoever their parents are."""
    return [name_of(one) for one in psutil.process_iter() if network_of(one.pid) in spaces]


def network_of(process: int) -> Path | None:
    try:
        return Path(f"/proc/{process}/ns/net").readlink()
    except OSError:
        return None


def name_of(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def folders(temporary: Path) -> list[Path]:
    return [path for path in temporary.iterdir() if path.is_dir()]
