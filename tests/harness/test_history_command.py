"""`storbench history`: what it prints, draws and exports, when it ends with 1, and what it refuses."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storbench.devices import profile

DATA = Path(__file__).parents[1] / "data"
METRIC = "randread 4KiB qd1 read iops"


def storbench(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", "history", *arguments],
        capture_output=True, text=True, timeout=300, cwd=folder, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def facts(folder: Path, *arguments: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(storbench(folder, *arguments, "--json", status=status).stdout)
    return found


def write(folder: Path, *, metric: str = METRIC, rows: int = 40, step: int = 30, loss: float = 0.1) -> str:
    noise = 0.01 * np.random.default_rng(3).normal(size=rows)
    with (folder / "series.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "commit", metric])
        for row in range(rows):
            value = 10_000 * np.exp(noise[row]) * (1 - loss if row >= step else 1)
            commit = "good" if row < step else "bad"
            writer.writerow([f"2026-01-{1 + row // 24:02}T{row % 24:02}:00:00Z", commit, value])
    return "series.csv"


def test_change_points_have_metric_row_commit_size_and_interval(tmp_path: Path) -> None:
    found = facts(tmp_path, str(DATA / "ci" / "tigerbeetle.csv"), "--metric", "load_accepted")
    assert [(one["metric"], one["index"], one["commit"][:10]) for one in found["change_points"]] == [
        ("load_accepted", 15, "e88458cb2f"), ("load_accepted", 71, "7a724369d8"),
    ]  # fmt: skip
    for one, truth in zip(found["change_points"], (-0.113, 0.160), strict=True):
        low, high = one["interval"]
        assert low < one["relative_change"] < high
        assert one["relative_change"] == pytest.approx(truth, abs=0.005)
    assert found["rows"] == 365
    assert found["settings"] == {"alarm_rate": 0.02, "floor": 0.04, "seed": 1, "last": None}
    assert all(abs(one["relative_change"]) < 0.04 for one in found["smaller_changes"])


def test_a_person_sees_verdict_size_commit_and_date(tmp_path: Path) -> None:
    said = storbench(tmp_path, write(tmp_path)).stdout
    line = next(line for line in said.splitlines() if line.startswith("REGRESSED"))
    assert METRIC in line
    assert "2026-01-02" in line
    assert "40 rows, 2026-01-01 to 2026-01-02" in said


def test_only_recent_changes_fail_where_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path)
    storbench(tmp_path, path)
    storbench(tmp_path, path, "--fail-within", "15", status=1)
    storbench(tmp_path, path, "--fail-within", "5")
    storbench(tmp_path, path, "--fail-within", "15", "--lower-is-better", METRIC)


def test_the_answer_is_exported_for_ci_services_and_drawn(tmp_path: Path) -> None:
    storbench(
        tmp_path, write(tmp_path), "--fail-within", "15", "--export", "junit=out.xml", "--export", "markdown=out.md",
        "--export", "bencher=out.json", "--html", "out.html", status=1,
    )  # fmt: skip
    suite = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - our own
    assert len(suite.findall(".//failure")) == 1
    assert "REGRESSED" in (tmp_path / "out.md").read_text()
    job = METRIC.removesuffix(" iops")
    assert json.loads((tmp_path / "out.json").read_text())[job]["throughput"]["value"] == pytest.approx(9000, rel=0.02)
    page = (tmp_path / "out.html").read_text()
    assert "History of series.csv" in page
    assert METRIC in page
    # Without a recent change there is nothing to fail.
    storbench(tmp_path, write(tmp_path), "--fail-within", "2", "--export", "junit=out.xml")
    assert not ET.parse(tmp_path / "out.xml").getroot().findall(".//failure")  # noqa: S314


def test_runs_are_added_to_a_store_and_judged_from_it(tmp_path: Path) -> None:
    shutil.copy(DATA / "history_version1.db", tmp_path / "history.db")
    run = [sys.executable, "-m", "storbench", "run", "randrw", "-d", "sim:pcm-onyx?size=16MiB", "-s", "duration=20ms"]
    subprocess.run([*run, "-s", "queue_depth=1", "-o", "new.h5"], cwd=tmp_path, check=True, capture_output=True)
    found = facts(tmp_path, "history.db", "--add", "new.h5", "--commit", "v25")
    assert found["rows"] == 25
    assert [one["commit"] for one in found["change_points"] if one["metric"] == METRIC] == ["v17"]
    # The new run is of another recipe: a series of its own, too short to be looked at, and nothing is wrong with that.
    assert all("too few" in one["reason"] for one in found["skipped"])
    assert "in the store already" in storbench(tmp_path, "history.db", "--add", "new.h5", "--commit", "v25").stdout


@pytest.fixture
def drives(tmp_path: Path) -> Path:
    """Profiles of a drive at two commits, `good.toml` and `bad.toml`; a commit is brought in by copying."""
    text = (Path(profile.__file__).parent / "profiles" / "pcm-onyx.toml").read_text()
    (tmp_path / "good.toml").write_text(text)
    slower = text.partition("[expect]")[0].replace('value = "38us"', 'value = "300us"')
    (tmp_path / "bad.toml").write_text(slower)
    (tmp_path / "drive.toml").write_text(text)
    return tmp_path


RERUN = ["-w", "randrw", "-d", "emu:./drive.toml?size=16MiB", "-s", "duration=0.2s", "-s", "queue_depth=1",
         "-s", "read_fraction=1.0", "--pairs", "3"]  # fmt: skip


def test_a_change_that_measuring_again_shows_is_an_alarm(drives: Path) -> None:
    found = facts(drives, write(drives), "--confirm", "cp {commit}.toml drive.toml", *RERUN, status=1)
    (one,) = found["confirmations"]
    assert one["commits"] == ["good", "bad"]
    assert one["confirmed"]
    assert (one["verdict"], one["pairs"]) == ("REGRESSED", 3)
    assert one["ratio"] < 0.6


def test_a_change_that_measuring_again_does_not_show_is_none(drives: Path) -> None:
    shutil.copy(drives / "good.toml", drives / "bad.toml")
    done = storbench(drives, write(drives), "--confirm", "cp {commit}.toml drive.toml", "--fail-within", "20", *RERUN)
    assert "NOT CONFIRMED" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.csv"], "cannot read missing.csv"),
        (["missing.db"], "there is no store missing.db"),
        (["series.csv", "--metric", "iosp"], "no metric 'iosp'"),
        (["series.csv", "--alarm-rate", "2"], "alarm rate of 2"),
        (["series.csv", "--floor", "5"], "Write 0.04 for 4 %"),
        (["series.csv", "--last", "5"], "too few"),
        (["series.csv", "--add", "run.h5"], "--add is for a store"),
        (["series.csv", "--commit", "v1"], "--commit is for --add"),
        (["series.csv", "--confirm", "true", "-w", "randrw", "-d", "sim:pcm-onyx"], "has no {commit}"),
        (["series.csv", "--confirm", "echo {commit}"], "Name it with -w"),
        (["series.csv", "-w", "randrw"], "are for --confirm"),
        (["series.csv", "--export", "nonsense=x"], "no CI format 'nonsense'"),
        (["series.csv", "--html", "nowhere/x.html"], "nowhere"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(tmp_path: Path, arguments: list[str], words: str) -> None:
    write(tmp_path)
    done = storbench(tmp_path, *arguments, status=2)
    assert words in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,commit,iops\n" + "".join(f"{n},c,5\n" for n in range(30)), "all values are the same"),
        ("time,commit,iops\n" + "".join(f"{n},c,{n + 1}\n" for n in range(8)), "8 values are too few"),
        ("time,commit,iops\n" + "".join(f"{n},c,{n or 'nan'}\n" for n in range(30)), "line 2: iops is 'nan'"),
        (
            "time,commit,iops\n" + "".join(f"{n},c,{n + 1} {'ms' if n % 2 else 'us'}\n" for n in range(30)),
            "mixed units",
        ),
        ("time,commit,iops\n" + "".join(f"{n},{'c' if n else ''},{n + 1}\n" for n in range(30)), "commit is missing"),
        ("time,iops\n1,2\n", "no column 'commit'"),
    ],
)
def test_histories_that_cannot_be_judged_end_with_2(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "h.csv").write_text(text)
    assert words in storbench(tmp_path, "h.csv", status=2).stderr
