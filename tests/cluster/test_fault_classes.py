"""Fault classes on clusters of our own, by the command line: what a person gets who types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from storbench.results.faults.analysis import fault_findings
from storbench.results.faults.findings import FaultFinding
from storbench.results.run_file import open_run

QUICK = ["rate_iops=200", "span=32MiB", "check_span=4MiB", "check_duration=3s"]
HANG_S = 3.0


def run(folder: Path, url: str, only: str, *settings: str) -> dict[str, FaultFinding]:
    """Run classes on a device; a verdict of FAIL ends with 1, which is no trouble here."""
    words = [word for one in (f"only={only}", *QUICK, *settings) for word in ("-s", one)]
    done = subprocess.run(
        [sys.executable, "-m", "storbench", "run", "faults.suite", "-d", url, *words, "-o", "run.h5"],
        cwd=folder, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    with open_run(folder / "run.h5") as found:
        assert found.header.status == "COMPLETED"
        findings = fault_findings(found)
    assert findings is not None
    print(done.stdout)
    return {one.fault: one for one in findings.faults}


def verdicts(finding: FaultFinding) -> dict[str, str]:
    return {cell.invariant: cell.verdict for cell in finding.cells}


def numbers(finding: FaultFinding) -> dict[str, float]:
    return {metric.name: metric.value for metric in finding.metrics if metric.value is not None}


@pytest.mark.parametrize("url", ["gluster:local?size=64MiB&ping_timeout=10s", "rbd:local?size=64MiB&grace=10s"])
def test_members_that_are_killed_or_hang_cost_time_and_nothing_else(tmp_path: Path, url: str) -> None:
    found = run(tmp_path, url, "replica-killed,hang")
    for name in ("replica-killed", "hang"):
        seen = verdicts(found[name])
        # Nothing lost, no request failed, and all members hold the same again.
        assert {key: seen[key] for key in ("I1", "I2", "I3", "I4", "I7", "I8")} == dict.fromkeys(
            ("I1", "I2", "I3", "I4", "I7", "I8"), "PASS"
        )
        assert numbers(found[name]).get("errors", 0.0) == 0
    # Nobody gives it up before it goes on, so everybody who needs it waits as long as it hangs.
    assert HANG_S - 0.5 < numbers(found["hang"])["outage_s"] < HANG_S + 2.0
    assert verdicts(found["hang"])["I5"] == "FAIL"


def test_what_a_cluster_can_have_is_listed(tmp_path: Path) -> None:
    for url in ("gluster:local", "rbd:local"):
        done = subprocess.run(
            [sys.executable, "-m", "storbench", "faults", "list", "-d", url, "--json"],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        possible = {one["name"].removeprefix("faults.") for one in json.loads(done.stdout) if one["possible"]}
        assert {"replica-killed", "hang", "rebuild", "second-fault", "stale-replica", "overload"} <= possible
        assert "power-cut" not in possible
