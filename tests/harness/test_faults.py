"""Fault classes on real devices, by the command line: what is seen, what is said, and with which exit status."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from storbench.common.errors import InputError
from storbench.devices.registry import resolve_device
from storbench.harness.cli import app
from storbench.reports.html import report_html
from storbench.results.faults.analysis import fault_findings
from storbench.results.faults.findings import FaultFinding
from storbench.results.run_file import open_run
from storbench.workloads.faults.names import NAMES

SHORT = [
    *("--set", "baseline=1500ms"), *("--set", "duration=1500ms"), *("--set", "recovery=2s"), *("--set", "span=8MiB"),
    *("--set", "check_span=2MiB"), *("--set", "check_duration=1s"), *("--set", "rate_iops=400"),
]  # fmt: skip
as_root = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="only root makes namespaces")


def found_by(tmp_path: Path, name: str, url: str, *more: str, status: int = 0) -> dict[str, FaultFinding]:
    path = tmp_path / "run.h5"
    done = CliRunner().invoke(app, ["run", f"faults.{name}", "-d", url, *SHORT, *more, "-o", str(path)])
    assert done.exit_code == status, done.output
    with open_run(path) as run:
        findings = fault_findings(run)
        assert findings is not None
        assert run.header.verdict == findings.overall
        return {one.fault: one for one in findings.faults}


def verdicts(finding: FaultFinding) -> dict[str, str]:
    return {cell.invariant: cell.verdict for cell in finding.cells if cell.verdict != "NOT_EVALUATED"}


def metric(finding: FaultFinding, name: str) -> float:
    value = next(one.value for one in finding.metrics if one.name == name)
    assert value is not None
    return value


def test_a_killed_replica_is_masked_and_redundancy_is_back(tmp_path: Path) -> None:
    found = found_by(tmp_path, "replica-killed", "mirror:?size=16MiB", "--set", "bound=10s")["replica-killed"]
    assert found.errors == {}
    assert {verdicts(found)[name] for name in ("I1", "I2", "I7", "I8")} == {"PASS"}
    assert found.integrity["right"] == 512
    assert "None of 512 blocks" in " ".join(found.notes)


def test_a_replica_that_hangs_is_an_outage_although_no_request_fails(tmp_path: Path) -> None:
    found = found_by(tmp_path, "hang", "mirror:?size=16MiB", status=1)["hang"]
    assert 1.3 < metric(found, "outage_s") < 2.5
    assert found.errors == {}
    assert (verdicts(found)["I5"], verdicts(found)["I7"]) == ("FAIL", "PASS")
    assert any(word.startswith("stall of") for word in found.named)
    with open_run(tmp_path / "run.h5") as run:
        page = report_html([run])
    assert 'class="window"' in page
    assert "hang, FAIL" in page
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "run.h5")]).output
    assert "FAIL" in shown
    assert "I5 FAIL: the longest stall was" in shown
    facts = json.loads(CliRunner().invoke(app, ["show", "--json", str(tmp_path / "run.h5")]).output)
    facts = facts["runs"][0] if "runs" in facts else facts
    assert facts["faults"]["faults"][0]["fault"] == "hang"
    assert "stored as" not in CliRunner().invoke(app, ["verify", str(tmp_path / "run.h5")]).output


def test_a_slow_replica_is_called_a_slow_part(tmp_path: Path) -> None:
    found = found_by(tmp_path, "slow", "mirror:?size=16MiB", "--set", "bound=10s")["slow"]
    assert any(word.startswith("slow part") for word in found.named)
    assert metric(found, "p50_ratio") > 1.5


def test_bits_that_flip_are_silent_corruption_without_redundancy_and_harmless_with_it(tmp_path: Path) -> None:
    found = found_by(tmp_path, "bit-flip", "nbd:memory?size=16MiB", status=1)["bit-flip"]
    assert verdicts(found)["I2"] == "FAIL"
    assert "corrupt" in found.named
    (tmp_path / "run.h5").unlink()
    assert found_by(tmp_path, "bit-flip", "mirror:?size=16MiB")["bit-flip"].verdict == "PASS"


def test_a_bad_region_fails_there_and_nowhere_else(tmp_path: Path) -> None:
    found = found_by(tmp_path, "bad-region", "nbd:memory?size=16MiB", "--set", "bound=10s")["bad-region"]
    assert found.errors["EIO"] > 10
    assert verdicts(found)["I6"] == "PASS"


def test_the_only_copy_is_killed_and_the_client_that_connects_again_sees_no_error(tmp_path: Path) -> None:
    found = found_by(tmp_path, "server-restarted", "nbd:memory?size=16MiB", "--set", "bound=10s")["server-restarted"]
    assert found.errors == {}
    assert metric(found, "outage_s") > 1.2


@as_root
def test_a_cut_of_the_network_is_an_outage_of_its_length_without_an_error(tmp_path: Path) -> None:
    url = f"nbd:file?path={tmp_path}/t.img&size=16MiB&link=netns"
    found = found_by(tmp_path, "network-cut", url, "--set", "bound=10s")["network-cut"]
    assert abs(metric(found, "outage_s") - 1.5) < 0.5
    assert found.errors == {}
    assert verdicts(found)["I7"] == "PASS"


@as_root
def test_a_replica_whose_link_is_cut_or_slow_fails_nobody(tmp_path: Path) -> None:
    url = "mirror:?size=16MiB&link=netns&cache=writeback"
    only = ("--set", "only=network-cut,bandwidth-loss,second-fault", "--set", "bound=10s")
    found = found_by(tmp_path, "suite", url, *only)
    assert abs(metric(found["network-cut"], "outage_s") - 1.5) < 0.5
    for name in ("network-cut", "bandwidth-loss"):
        assert found[name].errors == {}
        assert (verdicts(found[name])["I7"], verdicts(found[name])["I8"]) == ("PASS", "PASS")
    # Copied from one member to another past the vote, in the network where they are.
    assert verdicts(found["second-fault"])["I8"] == "PASS"


def test_a_mirror_without_a_network_says_so() -> None:
    device = resolve_device("mirror:?size=16MiB")
    assert "link=netns" in device.info().faults["network-cut"]


def test_the_harness_notices_what_happens_to_its_own_tools(tmp_path: Path) -> None:
    only = ("--set", "only=fio-killed,log-disk-full,client-killed,overload", "--set", "bound=10s")
    found = found_by(tmp_path, "suite", "nbd:memory?size=16MiB", *only)
    assert [found[name].verdict for name in ("fio-killed", "log-disk-full", "client-killed")] == ["PASS"] * 3
    assert "noticed" in next(cell.reason for cell in found["fio-killed"].cells if cell.verdict == "PASS")


def test_what_a_device_cannot_have_is_named_and_never_passed(tmp_path: Path) -> None:
    found = found_by(tmp_path, "suite", f"file:{tmp_path}/t.bin?size=16MiB", "--set", "only=hang,replica-killed")
    assert {one.verdict for one in found.values()} == {"NOT_EVALUATED"}
    assert "cannot be made to fail" in found["hang"].missing


def test_the_list_says_what_a_device_can_have_and_why_not_the_rest() -> None:
    every = json.loads(CliRunner().invoke(app, ["faults", "list", "--json"]).output)
    assert [one["name"] for one in every] == [f"faults.{name}" for name in NAMES]
    shown = json.loads(CliRunner().invoke(app, ["faults", "list", "--json", "-d", "mirror:?size=16MiB"]).output)
    by_name = {one["name"]: one for one in shown}
    assert by_name["faults.replica-killed"]["possible"]
    assert not by_name["faults.network-cut"]["possible"]
    assert by_name["faults.network-cut"]["reason"]
    assert "faults.hang" in CliRunner().invoke(app, ["faults", "list", "-d", "nbd:memory?size=16MiB"]).output


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("only=hangs", "there is no fault class 'hangs'"),
        ("span=1GiB", "the target has"),
        (f"skip={','.join(NAMES)}", "no fault class is left"),
    ],
)
def test_bad_input_is_refused(tmp_path: Path, setting: str, message: str) -> None:
    arguments = ["run", "faults.suite", "-d", "mirror:?size=16MiB", "--set", setting, "-o", str(tmp_path / "x.h5")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
    assert message in done.exception.problem
    assert list(tmp_path.iterdir()) == []
