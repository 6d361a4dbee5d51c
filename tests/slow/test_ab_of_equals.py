"""A device against itself, twenty times: never a regression. Half an hour of real I/O."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DEVICE = "emu:pcm-onyx?size=16MiB"
LOAD = ["-s", "queue_depth=1", "-s", "read_fraction=1.0", "-s", "duration=0.5s", "--pairs", "10", "--json"]


@pytest.mark.parametrize("number", range(20))
def test_a_device_did_not_get_slower_than_itself(tmp_path: Path, number: int) -> None:
    command = ["ab", "randrw", "-d", DEVICE, *LOAD, "--seed", str(number), "-o", "f"]
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *command],
        capture_output=True, text=True, timeout=900, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = [one["verdict"] for one in json.loads(done.stdout)["verdicts"]]
    assert len(verdicts) >= 3
    assert "REGRESSED" not in verdicts
