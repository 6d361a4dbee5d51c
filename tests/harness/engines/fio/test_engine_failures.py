"""Whatever can go wrong with fio is its own clear error with fio's own words, and no fio is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.base import Target
from storbench.harness.engines.fio import engine
from storbench.harness.engines.fio.engine import FioEngine
from storbench.harness.engines.fio.probe import probe
from storbench.workloads.job import Job

from .engine_help import MIB, file_target, processes_in, run, stand_in, wait_for

WRITE = Job(read_fraction=0.0, duration=0.3)
SHORT = Job(duration=0.2)
HANGS = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)\n"


def failure(folder: Path, target: Target, *jobs: Job, match: str, **more: Any) -> MeasurementError:
    """Run jobs that must fail; give the error."""
    with pytest.raises(MeasurementError, match=match) as caught:
        run(folder, target, *jobs, **more)
    assert caught.value.exit_status == 3
    return caught.value


def test_an_absent_fio_is_said_before_anything_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", str(tmp_path / "absent"))
    failure(tmp_path, file_target(tmp_path), SHORT, match="STORBENCH_FIO")
    monkeypatch.delenv("STORBENCH_FIO")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MeasurementError, match="not installed"):
        FioEngine().version()


def test_an_old_fio_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, "", version="fio-2.21"))
    assert "3.33" in failure(tmp_path, file_target(tmp_path), SHORT, match=r"fio-2\.21").problem


def test_a_missing_io_engine_is_named(tmp_path: Path) -> None:
    error = failure(tmp_path, file_target(tmp_path, ioengine="nosuch"), SHORT, match="lacks the I/O engine")
    assert "nosuch" in error.problem
    assert "enghelp" in error.hint


def unreachable(folder: Path) -> Target:
    return Target(MIB, {"ioengine": "nbd", "uri": f"nbd+unix:///?socket={folder}/none.sock"})


def missing(folder: Path) -> Target:
    return Target(MIB, {"ioengine": "psync", "filename": str(folder / "none.bin"), "allow_file_create": "0"})


def a_folder(folder: Path) -> Target:
    (folder / "folder").mkdir()
    return Target(MIB, {"ioengine": "psync", "filename": str(folder / "folder"), "allow_file_create": "0"})


@pytest.mark.parametrize("target", [unreachable, missing, a_folder])
@pytest.mark.parametrize("job", [SHORT, WRITE], ids=["read", "write"])
def test_a_target_that_cannot_be_opened_is_said(tmp_path: Path, target: Callable[[Path], Target], job: Job) -> None:
    error = failure(tmp_path, target(tmp_path), job, match="could not open the target")
    assert "fio: " in error.problem
    assert not (tmp_path / "none.bin").exists()


def test_a_block_size_that_the_target_refuses_is_said(tmp_path: Path) -> None:
    target = file_target(tmp_path, direct="1")
    try:
        os.close(os.open(tmp_path / "target.bin", os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("this file system has no direct I/O")
    error = failure(tmp_path, target, Job(duration=0.2, block_size=100), match="refused the I/O")
    assert "direct=false" in error.hint


def test_a_target_without_space_is_said(tmp_path: Path) -> None:
    error = failure(tmp_path, Target(MIB, {"ioengine": "psync", "filename": "/dev/full"}), WRITE, match="out of space")
    assert "No space left on device" in error.problem
    assert "smaller" in error.hint


def test_a_file_system_that_fills_up_is_said(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        with (place / "target.bin").open("wb") as file:
            file.truncate(MIB)
        target = Target(MIB, {"ioengine": "psync", "filename": str(place / "target.bin"), "allow_file_create": "0"})
        failure(tmp_path, target, Job(pattern="sequential", read_fraction=0.0), match="out of space")
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextmanager
def nbd_server(folder: Path, *arguments: str) -> Iterator[Target]:
    """Serve 4 MiB that fail as told, on a socket in the folder."""
    if shutil.which("nbdkit") is None or "nbd" not in probe().ioengines:
        pytest.skip("needs nbdkit and an fio with its nbd engine")
    socket = folder / "s"
    command = ["nbdkit", "-f", "-U", str(socket), "--filter=error", "memory", "4M", *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(socket.exists)
            yield Target(4 * MIB, {"ioengine": "nbd", "uri": f"nbd+unix:///?socket={socket}"})
        finally:
            server.kill()


@pytest.mark.parametrize(("job", "option"), [(SHORT, "error-pread"), (WRITE, "error-pwrite")], ids=["read", "write"])
def test_an_io_error_is_named_by_its_errno(tmp_path: Path, job: Job, option: str) -> None:
    with nbd_server(tmp_path, f"{option}=EIO", f"{option}-rate=5%") as target:
        error = failure(tmp_path, target, job, match="failed with EIO")
    assert "Input/output error" in error.problem


def test_io_errors_that_are_tolerated_are_counted_and_said(tmp_path: Path) -> None:
    with nbd_server(tmp_path, "error-pread=EIO", "error-pread-rate=20%") as target:
        found = run(tmp_path, target, Job(bytes=MIB, continue_on_error=True)).measurement
    assert list(found.errors) == ["EIO"]
    assert found.read.latency.samples == found.read.ios - found.errors["EIO"] == found.read.bytes // 4096
    assert any("failed" in note for note in found.notes)


def test_a_target_on_which_every_io_fails_is_an_error_even_where_errors_are_tolerated(tmp_path: Path) -> None:
    with nbd_server(tmp_path, "error-pread=EIO", "error-pread-rate=100%") as target:
        failure(tmp_path, target, Job(duration=0.2, continue_on_error=True), match="EIO")


def test_other_data_than_was_written_is_found_by_verification(tmp_path: Path) -> None:
    # /dev/zero takes what is written and gives zeroes back.
    target = Target(MIB, {"ioengine": "psync", "filename": "/dev/zero"})
    failure(tmp_path, target, Job(read_fraction=0.0, verify="crc32c"), match="verification failed")
    assert {path.name for path in (tmp_path / "step").iterdir()} == {"job.fio", "fio.json", "fio.stderr"}


def test_words_of_a_job_that_fio_cannot_parse_are_quoted(tmp_path: Path) -> None:
    job = Job(fio_options={"rw_sequencer": "sideways"}, duration=0.2)
    failure(tmp_path, file_target(tmp_path), job, match="rw_sequencer")


def test_an_option_off_the_list_never_reaches_fio(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        run(tmp_path, file_target(tmp_path), Job(fio_options={"exec_prerun": "true"}))
    assert list((tmp_path / "step").iterdir()) == []


def test_an_fio_that_hangs_is_ended_past_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, HANGS))
    error = failure(tmp_path, file_target(tmp_path), SHORT, match="fio hung: still running .* past", grace_s=0.3)
    assert "--grace" in error.hint


def test_an_fio_that_completes_nothing_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, HANGS))
    monkeypatch.setattr(engine, "_NO_PROGRESS_S", 0.5)
    failure(tmp_path, file_target(tmp_path), Job(bytes=MIB), match="without completing a single I/O", grace_s=0.3)


def test_children_that_an_fio_leaves_end_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "import os, time\nif os.fork():\n    os._exit(0)\nos.close(1)\ntime.sleep(60)\n"
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, body))
    failure(tmp_path, file_target(tmp_path), SHORT, match="could not run the job", grace_s=0.3)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_fio_that_is_killed_from_outside_is_said(tmp_path: Path, number: signal.Signals) -> None:
    def kill() -> None:
        (process,) = wait_for(lambda: [p for p in processes_in(tmp_path / "step") if len(p.threads()) >= 3])
        process.send_signal(number)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        failure(tmp_path, file_target(tmp_path), Job(duration=30.0, jobs=2), match="killed|terminat")
    finally:
        killer.join()


def test_an_fio_that_crashes_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGBUS)\n"))
    failure(tmp_path, file_target(tmp_path), SHORT, match="fio crashed")


@pytest.mark.parametrize(
    "said", ["", "no json here", '{"fio version": "fio-3.33"}', '{\n "fio version" : "fio-3.33",\n']
)
def test_an_fio_that_ends_well_without_a_result_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv("STORBENCH_FIO", stand_in(tmp_path, f"print({said!r})\n"))
    failure(tmp_path, file_target(tmp_path), SHORT, match="fio")
