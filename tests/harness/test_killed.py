"""The harness is killed with SIGKILL, a hundred times, at random moments of a run of ten steps.

Whatever the moment: what was journalled is there, a recovered file holds it, a resumed run completes, nothing is left.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from storbench import open_run
from storbench.common.errors import InputError
from storbench.harness.journal import read_journal

KILLS = 100
STEPS = 10
CHAINS = 5
"""So many at the same time: mostly they wait."""

WORKLOAD = """
summary = "ten short steps"
[defaults]
block_size = "4KiB"
bytes = "256KiB"
read_fraction = 0.0
[[phase]]
queue_depth = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"""


@pytest.mark.parametrize("scheme", ["file", "nbd"])
def test_nothing_is_lost_and_nothing_is_left_by_a_kill_at_any_moment(tmp_path: Path, scheme: str) -> None:
    kills = KILLS // 2 // CHAINS
    with ThreadPoolExecutor(CHAINS) as pool:
        list(pool.map(lambda seed: _chain(tmp_path / f"chain{seed}", scheme, seed, kills), range(CHAINS)))
    _wait_for_nothing(tmp_path)


def _chain(folder: Path, scheme: str, seed: int, kills: int) -> None:
    """Run, kill, then resume or recover, until `kills` processes were killed; at the end let one complete."""
    folder.mkdir()
    (folder / "ten.toml").write_text(WORKLOAD)
    dice = random.Random(f"{scheme}{seed}")  # noqa: S311 - moments, not secrets
    target, run = folder / "t.bin", folder / "out.run"
    device = f"file:{target}?size=1MiB" if scheme == "file" else f"nbd:file?path={target}&size=1MiB"
    known: set[int] = set()
    killed = 0
    while killed < kills:
        command = ["resume", str(run)] if run.exists() else _run_command(folder, device)
        if _killed(folder, command, dice.uniform(0.05, 4.5)):
            killed += 1
            known = _check_what_is_left(folder, known, recover=dice.random() < 0.3)
        else:
            _check_complete(folder)
            known = set()
    _complete(folder, ["resume", str(run)] if run.exists() else _run_command(folder, device))
    _check_complete(folder)


def _run_command(folder: Path, device: str) -> list[str]:
    return ["run", str(folder / "ten.toml"), "-d", device, "-o", str(folder / "out.h5")]


def _killed(folder: Path, command: list[str], after_s: float) -> bool:
    """Kill the command after a while; False if it had ended before."""
    process = _start(folder, command)
    try:
        assert process.wait(after_s) == 0, (folder / "stderr").read_text()
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        return True
    return False


def _complete(folder: Path, command: list[str]) -> None:
    process = _start(folder, command)
    try:
        assert process.wait(120) == 0, (folder / "stderr").read_text()
    finally:
        process.kill()
        process.wait(30)


def _start(folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / "stderr").open("wb") as stderr, (folder / "stdout").open("wb") as stdout:
        scratch = folder / "s"  # sockets and the like go here; the kernel takes short paths only
        scratch.mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "storbench", *command],
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, "TMPDIR": str(scratch)},
        )


def _check_what_is_left(folder: Path, known: set[int], *, recover: bool) -> set[int]:
    """Check that servers end by themselves and that the journal holds what it held; give the completed steps."""
    _wait_for_nothing(folder)
    run, sealed = folder / "out.run", folder / "out.h5"
    if not run.exists():  # killed before it began, or after it had been sealed
        if sealed.exists():
            _check_complete(folder)
        else:
            assert not known
            _check_clean(folder)
        return set()
    completed = _completed(run)
    assert known <= completed
    if not recover:
        return completed
    _complete(folder, ["recover", str(run)])
    with open_run(sealed) as opened:
        assert opened.header.status in ("INTERRUPTED", "COMPLETED")
        assert {step.index for step in opened.steps if step.status == "COMPLETED"} == completed
        assert all(step.measurement is not None and step.raw for step in opened.steps)
    _check_clean(folder)
    sealed.unlink()
    return set()


def _completed(run: Path) -> set[int]:
    return {index for index, ends in read_journal(run).outcomes().items() if ends.status == "COMPLETED"}


def _check_complete(folder: Path) -> None:
    sealed = folder / "out.h5"
    with open_run(sealed) as opened:
        assert opened.header.status == "COMPLETED"
        assert [step.index for step in opened.steps] == list(range(STEPS))
        assert all(step.status == "COMPLETED" and step.measurement for step in opened.steps)
    _check_clean(folder)
    sealed.unlink()


def _check_clean(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} <= {"ten.toml", "out.h5", "stdout", "stderr", "s"}


def _wait_for_nothing(folder: Path) -> None:
    """Wait until no process works in or on the folder and nothing half made is in it; the guardian needs a moment."""
    deadline = time.monotonic() + 20
    while left := [*_processes_of(folder), *folder.glob("**/s/*"), *folder.glob("**/.out.run.*")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def _processes_of(folder: Path) -> Iterator[str]:
    for process in psutil.process_iter(["pid", "name", "cmdline", "cwd"]):
        if process.pid == os.getpid():
            continue
        text = " ".join([*(process.info["cmdline"] or []), process.info["cwd"] or ""])
        if f"{folder}" in text and process.info["name"] in ("fio", "nbdkit", "python", "python3"):
            yield text


def test_a_folder_with_a_changed_journal_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "ten.toml").write_text(WORKLOAD)
    device = f"file:{tmp_path / 't.bin'}?size=1MiB"
    run = tmp_path / "out.run"
    process = _start(tmp_path, _run_command(tmp_path, device))
    deadline = time.monotonic() + 60
    # The next line holds the hash of the one that is changed.
    while time.monotonic() < deadline and not (run.exists() and len(_completed(run)) > 1):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    _wait_for_nothing(tmp_path)
    journal = run / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole.replace(b'"iops":', b'"iops":1', 1))
    with pytest.raises(InputError, match="the journal was changed"):
        read_journal(run)
    refused = _start(tmp_path, ["recover", str(run)])
    assert refused.wait(60) == 2
    assert "the journal was changed" in (tmp_path / "stderr").read_text()
    assert run.exists()
    journal.write_bytes(whole)
    _complete(tmp_path, ["recover", str(run)])
    shutil.rmtree(tmp_path)
