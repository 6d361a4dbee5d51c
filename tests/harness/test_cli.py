"""The command line as people and programs use it, on real targets."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from storbench import open_run

QUICK = (
    "--set",
    "block_size=4KiB",
    "--set",
    "queue_depth=1,16",
    "--set",
    "read_fraction=0.7",
    "--set",
    "duration=500ms",
)


def storbench(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *arguments],
        check=False, cwd=folder, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of two devices, `r-file-t.bin.h5` and `r-nbd-memory.h5`."""
    folder = tmp_path_factory.mktemp("pair")
    storbench(
        folder, "run", "randrw", "-d", "file:t.bin?size=16MiB", "-d", "nbd:memory?size=16MiB", *QUICK, "-o", "r.h5"
    )
    return folder


def test_a_run_of_two_devices_leaves_two_files_and_nothing_else(pair: Path) -> None:
    assert {path.name for path in pair.iterdir()} == {"r-file-t.bin.h5", "r-nbd-memory.h5"}


def test_show_gives_programs_every_number(pair: Path) -> None:
    shown = json.loads(storbench(pair, "show", "r-file-t.bin.h5", "--json").stdout)
    assert {"schema", "run", "workload", "device", "status", "verdict", "steps"} <= set(shown)
    assert (shown["schema"], shown["workload"], shown["status"]) == (1, "randrw", "COMPLETED")
    assert shown["device"] == "file:t.bin?size=16MiB"
    measured = [step for step in shown["steps"] if step["kind"] == "measure"]
    assert [step["job"]["queue_depth"] for step in measured] == [1, 16]
    for step in measured:
        for direction in ("read", "write"):
            numbers = step[direction]
            assert numbers["bytes"] == numbers["ios"] * 4096
            assert numbers["iops"] == pytest.approx(numbers["ios"] / step["runtime_s"], rel=0.05)
            latency = numbers["latency_ns"]
            assert latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]
            assert {"mean", "p50", "p99", "p99.9", "max"} <= set(latency)
        share = step["read"]["ios"] / (step["read"]["ios"] + step["write"]["ios"])
        assert share == pytest.approx(0.7, abs=0.05)


def test_compare_gives_programs_aligned_rows_with_both_values_and_the_ratio(pair: Path) -> None:
    compared = json.loads(storbench(pair, "compare", "r-file-t.bin.h5", "r-nbd-memory.h5", "--json").stdout)
    assert [run["device"] for run in compared["runs"]] == ["file:t.bin?size=16MiB", "nbd:memory?size=16MiB"]
    rows = {(row["labels"]["queue_depth"], row["direction"], row["metric"]): row for row in compared["rows"]}
    row = rows[(16, "read", "iops")]
    assert row["ratio"][1] == pytest.approx(row["values"][1] / row["values"][0])
    with open_run(pair / "r-file-t.bin.h5") as run:
        measurement = run.measured[1].measurement
        assert measurement is not None
        assert row["values"][0] == pytest.approx(measurement.read.iops)


def test_people_see_a_table(pair: Path) -> None:
    shown = storbench(pair, "show", "r-nbd-memory.h5").stdout
    assert "randrw 70% 4KiB qd16" in shown
    assert "IOPS" in shown
    compared = storbench(pair, "compare", "r-file-t.bin.h5", "r-nbd-memory.h5").stdout
    assert "nbd:memory" in compared
    assert "×" in compared
    assert all(len(line) <= 100 for line in (shown + compared).splitlines())


def test_the_page_and_the_exports_come_out(pair: Path, tmp_path: Path) -> None:
    files = [str(pair / "r-file-t.bin.h5"), str(pair / "r-nbd-memory.h5")]
    done = storbench(tmp_path, "report", *files, "-o", "page.html")
    assert "page.html" in done.stdout
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    table = storbench(tmp_path, "export", files[0]).stdout.splitlines()
    assert table[0].startswith("run,workload,device,step,kind,label,direction,metric,value,unit")
    whole = json.loads(storbench(tmp_path, "export", files[0], "--format", "json").stdout)
    assert sum(whole["steps"][1]["histograms"]["read"]["counts"]) == whole["steps"][1]["read"]["ios"]


def test_a_rerun_repeats_the_recipe(pair: Path, tmp_path: Path) -> None:
    storbench(tmp_path, "rerun", str(pair / "r-file-t.bin.h5"), "-d", "nbd:memory?size=16MiB", "-o", "again.h5")
    with open_run(tmp_path / "again.h5") as again, open_run(pair / "r-file-t.bin.h5") as first:
        assert [step.job for step in again.measured] == [step.job for step in first.measured]


def test_repeats_give_confidence_intervals(tmp_path: Path) -> None:
    arguments = ("--set", "queue_depth=1", "--set", "duration=200ms", "--repeat", "3", "-o", "r.h5")
    storbench(tmp_path, "run", "randrw", "-d", "nbd:memory?size=4MiB", "-d", "nbd:memory?size=8MiB", *arguments)
    files = sorted(path.name for path in tmp_path.glob("*.h5"))
    assert len(files) == 6
    compared = json.loads(storbench(tmp_path, "compare", *files, "--json").stdout)
    assert [len(subject["runs"]) for subject in compared["subjects"]] == [3, 3]
    low, high = next(row for row in compared["rows"] if row["metric"] == "iops")["ratio_interval"][1]
    assert 0 < low < high


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_keep_what_is_complete(tmp_path: Path, number: signal.Signals) -> None:
    phases = ('label = "short"\nbytes = "64KiB"', 'label = "long"\nduration = "60s"')
    (tmp_path / "w.toml").write_text("".join(f"[[phase]]\n{phase}\n" for phase in phases))
    command = ["run", "w.toml", "-d", "file:t.bin?size=4MiB", "-o", "out.h5", "--json"]
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "storbench", *command], cwd=tmp_path, stdout=out, stderr=err)
    try:
        journal = tmp_path / "out.run/journal.jsonl"
        _wait_for(lambda: journal.exists() and b'"label":"long' in journal.read_bytes())
        _wait_for(lambda: any("fio" in child.name() for child in psutil.Process(process.pid).children()))
        process.send_signal(number)
        assert process.wait(30) == 3
    finally:
        process.kill()
        process.wait(30)
    said = json.loads((tmp_path / "out").read_text())
    assert said["runs"][0]["status"] == "ABORTED"
    with open_run(tmp_path / "out.h5") as run:
        assert run.header.status == "ABORTED"
        assert [step.status for step in run.steps if step.kind == "measure"] == ["COMPLETED", "ABORTED"]
        assert run.measured[0].measurement is not None
    assert {path.name for path in tmp_path.iterdir()} == {"w.toml", "out.h5", "out", "err"}


def test_fio_that_is_absent_ends_with_status_3_and_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", "run", "randrw", "-d", "file:t.bin?size=4MiB"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PATH": str(tmp_path)},
    )
    assert done.returncode == 3
    assert "fio is not installed" in done.stderr
    assert "Install it" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["workloads", "devices", "profiles", "exports"])
def test_list_names_everything(tmp_path: Path, what: str) -> None:
    entries: dict[str, list[dict[str, Any]]] = json.loads(storbench(tmp_path, "list", what, "--json").stdout)
    expected = {"workloads": "randrw", "devices": "nbd:memory", "profiles": "pcm-onyx", "exports": "csv"}[what]
    assert expected in {entry["name"] for entry in entries[what]}
    assert expected in storbench(tmp_path, "list", what).stdout


def test_doctor_prints_findings(tmp_path: Path) -> None:
    found = json.loads(storbench(tmp_path, "doctor", "--json").stdout)
    assert any("fio" in str(finding) for finding in found)
    assert "fio-" in storbench(tmp_path, "doctor").stdout


def test_plan_touches_nothing(tmp_path: Path) -> None:
    plans = json.loads(storbench(tmp_path, "plan", "users", "-d", "file:t.bin?size=16MiB", "--json").stdout)
    assert plans[0]["bytes_written"] > 0
    assert "Nothing was touched" in storbench(tmp_path, "plan", "update", "-d", "file:t.bin?size=16MiB").stdout
    assert not list(tmp_path.iterdir())


def test_every_command_has_a_help_text(tmp_path: Path) -> None:
    top = storbench(tmp_path, "--help").stdout
    for name in ("demo", "doctor", "list", "plan", "run", "resume", "recover", "rerun", "show", "compare", "report",
                 "export", "import"):  # fmt: skip
        assert name in top
        assert len(storbench(tmp_path, name, "--help").stdout.splitlines()) > 5
    assert storbench(tmp_path, "--version").stdout.startswith("storbench 0.")


def _wait_for(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
