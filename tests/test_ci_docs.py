"""The CI examples of docs/ci.md: their YAML is what the services expect, and every script in it is run here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import junitparser
import pytest
import yaml

PAGE = Path(__file__).parents[1] / "docs" / "ci.md"
CHEAP = {"DEVICE": "emu:pcm-onyx?size=16MiB", "DURATION": "0.2s", "PAIRS": "3", "ROUNDS": "2"}

PROGRAM = '#!/bin/sh\nprintf "%s\\n" "$0 $*" | sed "s,.*/,," >> "$TOLD"\n'
"""A stand-in for what a test must not do: install packages, comment on a change. It writes down what it was told."""


def example(name: str) -> Any:
    """Give the YAML block of the page that begins with a file's name."""
    found = re.search(rf"^```yaml\n# {re.escape(name)}.*?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, name
    return yaml.safe_load(found[1])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "install").write_text('#!/bin/sh\necho "$1" >> builds\n')
    (folder / "install").chmod(0o755)
    (tmp_path / "bin").mkdir()
    for name in ("apt-get", "gh", "pip"):
        (tmp_path / "bin" / name).write_text(PROGRAM)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "sudo").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "bin" / "sudo").chmod(0o755)
    return folder


def run_script(script: str, folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Run a script as the services do: by bash, which ends at the first command that fails."""
    path = os.pathsep.join([str(folder.parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "TOLD": str(folder.parent / "told"), **variables}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_github_workflow_is_one_and_its_steps_run(checkout: Path) -> None:
    workflow = example("storage.yml")
    assert workflow[True] == "pull_request"  # YAML 1.1 reads `on` as true; GitHub does not mind
    (job,) = workflow["jobs"].values()
    assert {"runs-on", "steps"} <= set(job)
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    summary = checkout.parent / "summary.md"
    variables = {**job["env"], **CHEAP, "GITHUB_SHA": "abc", "GITHUB_STEP_SUMMARY": str(summary), "NUMBER": "7"}
    assert set(job["env"]) <= set(CHEAP)

    said = ""
    for step in (step for step in job["steps"] if "run" in step):
        status, output = run_script(step["run"], checkout, variables)
        # Equal builds are seldom found to differ, and then the step fails as it should.
        assert status == 0 or (status == 1 and "REGRESSED" in output), output
        said += output

    assert "::" in said
    assert sorted((checkout / "builds").read_text().split()) == ["base"] * 3 + ["head"] * 3
    assert summary.read_text() == (checkout / "comment.md").read_text()
    junitparser.JUnitXml.fromfile(str(checkout / "storage.xml"))
    assert (checkout.parent / "told").read_text().splitlines() == [
        "apt-get install --yes fio", "pip install storbench",
        "gh pr comment 7 --edit-last --create-if-none --body-file comment.md",
    ]  # fmt: skip
    upload = job["steps"][-1]["with"]["path"].split()
    assert all((checkout / path).exists() for path in upload)


def test_the_gitlab_pipeline_is_one_and_its_history_grows(checkout: Path) -> None:
    (job,) = example("gitlab-ci.yml").values()
    assert set(job["variables"]) <= set(CHEAP)
    verdicts = []
    for pipeline in ("101", "102", "103", "104"):
        variables = {**job["variables"], **CHEAP, "CI_PIPELINE_ID": pipeline, "CI_COMMIT_SHA": f"commit{pipeline}"}
        status, output = run_script("\n".join(job["script"]), checkout, variables)
        assert ("there is no earlier session" in output) is (pipeline == "101")
        assert status == 0 or (status == 1 and "REGRESSED" in output), output
        (suite,) = junitparser.JUnitXml.fromfile(str(checkout / job["artifacts"]["reports"]["junit"]))
        verdicts.append(suite.skipped == suite.tests)
    assert verdicts[:2] == [True, True]  # no earlier session, and one, decide nothing
    assert len(list((checkout / "history").glob("*.h5"))) == 8
    rows = (checkout / "series.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["commit", *(f"commit{one}" for one in (101, 102, 103, 104))]
