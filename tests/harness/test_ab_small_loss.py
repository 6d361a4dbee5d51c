"""`ab` on real I/O: 5 % more read latency is found on a machine that others use at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DEVICE = "emu:pcm-onyx?size=16MiB"
SLOWER = f"{DEVICE}&link_rtt=1800ns"
"""A read takes about 36 us, so this is 5 % more."""
LOAD = ["-s", "queue_depth=1", "-s", "read_fraction=1.0", "-s", "duration=0.4s", "--pairs", "10", "-o", "f", "--json"]


def test_five_percent_more_read_latency_is_a_regression(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", "ab", "randrw", "-d", DEVICE, "-d", SLOWER, *LOAD],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    median = next(one for one in json.loads(done.stdout)["verdicts"] if one["metric"] == "latency_p50")
    assert median["verdict"] == "REGRESSED"
    assert 1.02 < median["ratio"] < 1.10
