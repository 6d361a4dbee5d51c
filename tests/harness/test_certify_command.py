"""`certify`, `verify` and `keygen` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

DEVICE = "sim:flash-mlc?size=2GiB"
TINY = ["--set", "element=0.2s", "--set", "max_rounds=6"]
LIMITS = """
name = "mine"
revision = "1"
source = "made for a test"
[[limit]]
id = "writes"
clause = "1"
metric = "iops"
direction = "write"
where = { test = "latency", block_size = "4KiB", read_percent = 0 }
at_least = %s
"""


def storbench(*arguments: object, status: int = 0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "storbench", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)
    assert done.returncode == status, done.stderr
    return done


def certified(folder: Path, *arguments: object, bound: float = 1.0, status: int = 0) -> dict[str, Any]:
    (folder / "limits.toml").write_text(LIMITS % bound)
    places = ["--limits", folder / "limits.toml", "-o", folder / "a.h5", "--json"]
    done = storbench("certify", "snia.latency", "-d", DEVICE, *TINY, *places, *arguments, status=status)
    found: dict[str, Any] = json.loads(done.stdout)["runs"][0]
    return found


def test_from_a_device_to_a_signed_verdict(tmp_path: Path) -> None:
    storbench("keygen", "k", folder=tmp_path)
    assert (tmp_path / "k.key").stat().st_mode & 0o777 == 0o600
    found = certified(tmp_path, "--sign", tmp_path / "k.key")
    assert (found["verdict"], found["conformance"], found["simulated"]) == ("PASS", "ADAPTED", True)
    assert {one["what"] for one in found["deviations"]} >= {"element"}
    for kind in ("html", "json", "junit"):
        assert Path(found["certificate"][kind]).stat().st_size > 500
    said = storbench("verify", tmp_path / "a.h5", "--key", tmp_path / "k.pub").stdout
    assert "verified" in said
    assert found["signed_by"] in said

    drawn = storbench("report", tmp_path / "a.h5", "--certificate", "-o", tmp_path / "again.html").stdout.strip()
    assert Path(drawn).read_text() == Path(found["certificate"]["html"]).read_text()

    storbench("keygen", "other", folder=tmp_path)
    other = json.loads(
        storbench("verify", tmp_path / "a.h5", "--key", tmp_path / "other.pub", "--json", status=1).stdout
    )
    assert (other["ok"], other["signature"]) == (False, "another key")

    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["verdicts/value"][0] = 1e9
    changed = json.loads(storbench("verify", tmp_path / "a.h5", "--json", status=1).stdout)
    assert {"path": "/verdicts/value", "how": "changed"} in changed["changed"]
    assert "limit writes: stored is value 1000000000.0" in changed["verdicts"][0]


def test_a_limit_that_is_missed_ends_with_one(tmp_path: Path) -> None:
    assert certified(tmp_path, bound=1e12, status=1)["verdict"] == "FAIL"
    unsigned = storbench("verify", tmp_path / "a.h5").stdout
    assert "never signed" in unsigned
    storbench("verify", tmp_path / "a.h5", "--require-signature", status=1)


def test_devices_that_share_nothing_run_side_by_side(tmp_path: Path) -> None:
    done = storbench(
        "certify", "snia.latency", "-d", DEVICE, "-d", "sim:flash-slc?size=2GiB", *TINY, "-o", tmp_path, "--json"
    )
    runs = json.loads(done.stdout)["runs"]
    assert [run["device"] for run in runs] == [DEVICE, "sim:flash-slc?size=2GiB"]
    assert all(Path(run["certificate"]["html"]).exists() for run in runs)
    assert "sim-flash-slc: sim:flash-slc?size=2GiB: " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["randrw", "-d", DEVICE], "follows no published specification"),
        (["snia.nope", "-d", DEVICE], "no workload 'snia.nope'"),
        (["snia.latency", "-d", DEVICE, "--limits", "nope"], "no limits 'nope'"),
        (["snia.throughput", "-d", DEVICE, "--limits", "limits.toml"], "does not measure"),
        (["snia.latency", "-d", DEVICE, "--sign", "nope.key"], "cannot read nope.key"),
        (["snia.latency", "-d", DEVICE, "--sign", "limits.toml"], "no private key"),
        (["snia.throughput", "-d", "sim:flash-mlc?size=2GiB", "-s", "active_range=0.0001"], "needs 1MiB"),
    ],
)
def test_what_cannot_be_certified_is_refused_before_anything_is_written(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "limits.toml").write_text(LIMITS % 1)
    done = storbench("certify", *arguments, "-o", "x.h5", status=2, folder=tmp_path)
    assert words in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"limits.toml"}


def test_keys_and_certificates_are_never_overwritten(tmp_path: Path) -> None:
    storbench("keygen", "k", folder=tmp_path)
    assert "k.key exists" in storbench("keygen", "k", status=2, folder=tmp_path).stderr
    (tmp_path / "k.key").chmod(0o644)
    refused = storbench(
        "certify", "snia.latency", "-d", DEVICE, "--sign", "k.key", "-o", "a.h5", status=2, folder=tmp_path
    )
    assert "chmod 600" in refused.stderr
    (tmp_path / "a.certificate.html").write_text("mine")
    refused = storbench("certify", "snia.latency", "-d", DEVICE, *TINY, "-o", "a.h5", status=2, folder=tmp_path)
    assert "a.certificate.html exists" in refused.stderr
    assert (tmp_path / "a.certificate.html").read_text() == "mine"


def test_a_key_with_a_passphrase_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_PASSPHRASE", "open sesame")
    storbench("keygen", "k", folder=tmp_path)
    arguments = ["certify", "snia.latency", "-d", DEVICE, *TINY, "--sign", "k.key", "-o", "a.h5"]
    monkeypatch.setenv("STORBENCH_PASSPHRASE", "wrong")
    assert "passphrase" in storbench(*arguments, status=2, folder=tmp_path).stderr
    monkeypatch.delenv("STORBENCH_PASSPHRASE")
    assert "STORBENCH_PASSPHRASE" in "".join(storbench(*arguments, status=2, folder=tmp_path).stderr)
    monkeypatch.setenv("STORBENCH_PASSPHRASE", "open sesame")
    storbench(*arguments, folder=tmp_path)
