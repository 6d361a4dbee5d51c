"""The pytest plug-in under the real pytest-xdist, which the other tests do not have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "harness" / "pytest_project"


def test_storage_is_not_measured_by_workers_and_everything_else_runs(tmp_path: Path) -> None:
    site, project = tmp_path / "site", tmp_path / "project"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*install, "--target", site, "pytest-xdist", "execnet"], check=True, timeout=300)
    shutil.copytree(PROJECT, project)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}

    def run(*options: str) -> str:
        command = [sys.executable, "-m", "pytest", "--storage-device", "sim:pcm-onyx?size=16MiB", *options]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=project, env={**environment, "PYTHONPATH": str(site)},
            timeout=300, check=False,
        )  # fmt: skip
        return done.stdout

    said = run("-n", "2")
    assert "1 passed, 3 errors" in said
    assert "run these tests with -n 0" in said
    assert not list(project.rglob("*.h5"))
    assert "4 passed" in run("-n", "0")
