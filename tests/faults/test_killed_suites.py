"""Suites that are killed at random moments, now and then together with their guardian, leave nothing behind.

Three are killed here; STORBENCH_KILLED_SUITES says another number.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from storbench.common.ownership import VARIABLE

SUITES = int(os.environ.get("STORBENCH_KILLED_SUITES", "3"))
QUICK = ["baseline=500ms", "duration=500ms", "recovery=500ms", "check_duration=500ms", "check_span=1MiB", "span=4MiB"]
STORBENCH = [sys.executable, "-m", "storbench"]


@pytest.mark.timeout(30 + 40 * SUITES)
def test_nothing_is_left_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    dice = random.Random(1)  # noqa: S311 - moments, not secrets
    decoy = Path("/tmp") / f"storbench-decoy-{os.getpid()}"  # noqa: S108 - named like ours, and not ours
    decoy.mkdir()
    temporary = Path("/tmp") / f"killed-{os.getpid()}"  # noqa: S108 - short, for sockets
    temporary.mkdir()
    namespaces = set(Path("/run/netns").glob("*"))
    sleeper = subprocess.Popen(["sleep", "100000"], env={**os.environ, "NAME": "storbench"})
    try:
        for number in range(SUITES):
            killed_at_a_random_moment(tmp_path / f"{number}.h5", dice, temporary, guardian=number % 2 == 1)
            cleaned = subprocess.run([*STORBENCH, "doctor", "--clean", "--json"], capture_output=True, text=True,
                                     check=False, timeout=120)  # fmt: skip
            assert cleaned.returncode == 0, cleaned.stderr
            assert json.loads(cleaned.stdout)["remaining"] == []
            assert marked_processes(temporary) == []
            assert str(temporary) not in Path("/proc/mounts").read_text()
            assert not list(temporary.iterdir())
            assert set(Path("/run/netns").glob("*")) == namespaces
        assert decoy.is_dir()
        assert sleeper.poll() is None
    finally:
        sleeper.kill()
        sleeper.wait()
        decoy.rmdir()
        shutil.rmtree(temporary, ignore_errors=True)


def killed_at_a_random_moment(output: Path, dice: random.Random, temporary: Path, *, guardian: bool) -> None:
    settings = [word for one in QUICK for word in ("--set", one)]
    command = [*STORBENCH, "run", "faults.suite", "-d", "mirror:?size=16MiB", *settings, "-o", str(output)]
    quiet = subprocess.DEVNULL
    places = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True, env=places) as run:
        time.sleep(dice.uniform(1.0, 12.0))
        assert run.poll() is None, "it ended before it was killed"
        if guardian:
            for child in psutil.Process(run.pid).children():
                if any("guardian" in word for word in child.cmdline()):
                    child.kill()
        os.kill(run.pid, signal.SIGKILL)


def marked_processes(temporary: Path) -> list[str]:
    """What a storbench of ours that is no longer there has started; the guardian has a moment to end it."""
    deadline = time.monotonic() + 10
    while found := [one.name() for one in psutil.process_iter() if _marked(one, temporary)]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.1)
    return []


def _marked(process: psutil.Process, temporary: Path) -> bool:
    try:
        environment = process.environ()
        owner = environment.get(VARIABLE, "")
        return (
            bool(owner)
            and environment.get("TMPDIR") == str(temporary)
            and not psutil.pid_exists(int(owner.partition(":")[0]))
        )
    except (psutil.Error, ValueError):
        return False
