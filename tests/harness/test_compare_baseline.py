"""`compare --baseline`: a new run judged by those before it, on emulated devices and by their files alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FAST, SLOW = "emu:pcm-onyx?size=16MiB", "emu:pcm-onyx?size=16MiB&link_rtt=100us"
LOAD = ["-s", "queue_depth=1", "-s", "read_fraction=1.0", "-s", "duration=0.3s"]


def storbench(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three sessions of a device, and beside it a new run of it and of a slower one."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "old").mkdir()
    for number in range(3):
        storbench(folder, "run", "randrw", "-d", FAST, *LOAD, "-o", f"old/{number}.h5", "--repeat", "2")
    storbench(folder, "run", "randrw", "-d", FAST, *LOAD, "-o", "same.h5")
    storbench(folder, "run", "randrw", "-d", SLOW, *LOAD, "-o", "slow.h5")
    storbench(folder, "run", "randrw", "-d", SLOW, *LOAD, "-s", "jobs=2", "-o", "other.h5")
    return folder


def test_a_slower_device_is_found_by_its_history(measured: Path) -> None:
    done = storbench(measured, "compare", "slow.h5", "--baseline", "old", "--json", status=1)
    found = json.loads(done.stdout)
    verdicts = {one["metric"]: one for one in found["verdicts"]}
    assert verdicts["latency_p50"]["verdict"] == "REGRESSED"
    assert verdicts["latency_p50"]["ratio"] > 2
    assert verdicts["latency_p50"]["sessions"] == 3
    assert [len(session) for session in found["sessions"]] == [2, 2, 2]


def test_the_same_device_is_not_and_what_could_have_been_seen_is_said(measured: Path) -> None:
    done = storbench(measured, "compare", "same.h5", "--baseline", "old")
    assert "REGRESSED" not in done.stdout
    assert "1 run against 3 earlier sessions" in done.stdout
    assert "detectable" in done.stdout


def test_without_a_history_the_answer_is_open(measured: Path) -> None:
    done = storbench(measured, "compare", "slow.h5", "--baseline", "old/0-r1.h5")
    assert "INCONCLUSIVE" in done.stdout
    assert "the history is too short" in done.stdout
    done = storbench(measured, "compare", "other.h5", "--baseline", "old")
    assert "there is no earlier session of this recipe" in done.stdout
    assert "6 files of the folder are left out" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["other.h5", "--baseline", "old/0-r1.h5"], "the recipe differs"),
        (["slow.h5", "--baseline", "missing.h5"], "there is no file missing.h5"),
        (["slow.h5", "--baseline", "missing"], "there is no file missing"),
        (["slow.h5", "--baseline", "old", "--ignore-difference", "luck"], "there is no difference 'luck'"),
        (["slow.h5", "same.h5", "--ignore-difference", "wear"], "--ignore-difference is for --baseline"),
        (["slow.h5"], "one run cannot be compared"),
        (["slow.h5", "--baseline", "old", "--confidence", "2"], "less than or equal to 0.9999"),
    ],
)
def test_bad_input_is_refused_by_a_text(measured: Path, arguments: list[str], words: str) -> None:
    done = storbench(measured, "compare", *arguments, status=2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_is_always_the_same_has_no_interval(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "new"):
        storbench(tmp_path, "run", "randrw", "-d", "sim:pcm-onyx?size=16MiB", *LOAD, "-o", f"{name}.h5")
    old = [word for name in "abc" for word in ("--baseline", f"{name}.h5")]
    done = storbench(tmp_path, "compare", "new.h5", *old, status=2)
    assert "same value, to the last digit" in done.stderr
