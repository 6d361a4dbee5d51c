"""`--export FORMAT=FILE` of the commands that judge."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import junitparser
import pytest

FAST, SLOW = "emu:pcm-onyx?size=16MiB", "emu:pcm-onyx?size=16MiB&link_rtt=100us"
LOAD = ["-s", "queue_depth=1", "-s", "read_fraction=1.0", "-s", "duration=0.2s"]


def storbench(
    folder: Path, *arguments: str, status: int = 0, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_pairs_are_written_for_every_service_at_once(tmp_path: Path) -> None:
    sides = ["-d", FAST, "-d", SLOW, *LOAD, "--pairs", "3"]
    wanted = ["junit=j.xml", "markdown=m.md", "bencher=b.json", "otava=series.csv", "github"]
    options = [word for one in wanted for word in ("--export", one)]
    commit = {"GITHUB_SHA": "abc123", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}

    done = storbench(tmp_path, "ab", "randrw", *sides, *options, status=1, environment=commit)

    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    assert suite.failures >= 1
    assert "::error title=storage%3A randread 4KiB qd1 read latency_p50::REGRESSED" in done.stdout
    assert (tmp_path / "summary.md").read_text() == (tmp_path / "m.md").read_text()
    assert "| 🔴 REGRESSED |" in (tmp_path / "m.md").read_text()
    assert (tmp_path / "series.csv").read_text().splitlines()[1].split(",")[1] == "abc123"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("a", "b"):
        commit = {"GITHUB_SHA": "", "CI_COMMIT_SHA": f"commit-{name}"}
        storbench(folder, "run", "randrw", "-d", FAST, *LOAD, "-o", f"{name}.h5", environment=commit)
    storbench(folder, "run", "randrw", "-d", FAST, *LOAD, "-s", "jobs=2", "-o", "other.h5")
    return folder


def test_a_series_grows_by_a_row_and_keeps_its_columns(runs: Path) -> None:
    for new, old in (("a", "b"), ("b", "a")):
        storbench(runs, "compare", f"{new}.h5", "--baseline", f"{old}.h5", "--export", "otava=series.csv")
    rows = (runs / "series.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["commit", "commit-a", "commit-b"]
    (runs / "series.csv").write_text("time,commit,else\n")
    done = storbench(runs, "compare", "a.h5", "--baseline", "b.h5", "--export", "otava=series.csv", status=2)
    assert "series.csv has other columns" in done.stderr


def test_a_run_is_exported_as_a_row(runs: Path) -> None:
    done = storbench(runs, "export", "a.h5", "--format", "otava")
    assert done.stdout.splitlines()[1].split(",")[1] == "commit-a"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("junitt=x.xml", "no CI format 'junitt'"),
        ("junit", "this is not FORMAT=FILE"),
        ("junit=", "this is not FORMAT=FILE"),
        ("junit=missing/x.xml", "there is no folder missing"),
        ("junit=.", ". is a folder"),
    ],
)
def test_a_wrong_export_is_refused(runs: Path, value: str, words: str) -> None:
    done = storbench(runs, "compare", "a.h5", "--baseline", "b.h5", "--export", value, status=2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_before_anything_is_measured(tmp_path: Path) -> None:
    done = storbench(tmp_path, "ab", "randrw", "-d", FAST, *LOAD, "--export", "nonsense=x", status=2)
    assert "no CI format 'nonsense'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_without_a_judgement_there_is_nothing_to_export(runs: Path) -> None:
    done = storbench(runs, "compare", "a.h5", "b.h5", "--export", "junit=x.xml", status=2)
    assert "--export is for --baseline" in done.stderr
