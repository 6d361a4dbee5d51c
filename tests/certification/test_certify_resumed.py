"""A certification that is killed and resumed gives the certificate of one that was not; a real file is certified."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from storbench.harness.certification import write_certificate
from storbench.harness.session import Options, execute, prepare
from storbench.results.run_file import open_run

DEVICE = "sim:flash-mlc?size=2GiB"
GIVEN = ["--set", "element=1s", "--set", "scale=0.1", "--set", "tests=wsat,latency,throughput", "--set", "max_rounds=8"]
LIMITS = """
name = "mine"
revision = "1"
source = "made for a test"
[[limit]]
id = "writes"
clause = "1"
metric = "latency_p99"
direction = "write"
where = { test = "latency", read_percent = 0 }
at_most = "20ms"
"""


def start(folder: Path, *arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "storbench", *map(str, arguments)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def certified(folder: Path, kills: int) -> dict[str, Any]:
    """Certify, killed so many times at any moment; give what the certificate says, apart from times and names."""
    folder.mkdir()
    (folder / "limits.toml").write_text(LIMITS)
    command = ["certify", "snia.pts", "-d", DEVICE, *GIVEN, "--limits", "limits.toml", "-o", "a.h5"]
    dice = random.Random(kills)  # noqa: S311 - moments, not secrets
    while True:
        process = start(folder, *(["resume", "a.run"] if (folder / "a.run").exists() else command))
        try:
            process.wait(dice.uniform(0.6, 2.5) if kills else 200)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(30)
            kills -= 1
    if not (folder / "a.certificate.json").exists():  # killed between the sealed file and its certificate
        with open_run(folder / "a.h5") as run:
            write_certificate(run, pdf=False)
    document: dict[str, Any] = json.loads((folder / "a.certificate.json").read_text())
    told = [note for note in document["conformance"].pop("notes") if "resumed" not in note and "its state" not in note]
    kept = ("headline", "specification", "conformance", "judgement", "findings", "evidence")
    return {**{name: document[name] for name in kept}, "notes": told, "header": document["header"]["Device under test"]}


def test_a_killed_certification_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = certified(tmp_path / "whole", 0)
    assert whole["judgement"]["overall"] in ("PASS", "FAIL")
    assert certified(tmp_path / "killed", 6) == whole


def test_the_same_plan_on_a_real_file_ends_adapted_with_its_deviations(tmp_path: Path) -> None:
    given = {"element": "0.3s", "max_rounds": "5", "scale": "0.02", "tests": "throughput"}
    device = f"file:{tmp_path / 't.bin'}?size=64MiB"
    (finished,) = execute(prepare("snia.pts", [device], given, Options(tmp_path / "a.h5", certify=True)))
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        json_path = next(d.path for d in write_certificate(run, pdf=False) if d.kind == "json")
    document = json.loads(json_path.read_text())
    assert document["conformance"]["grade"] == "ADAPTED"
    assert {one["what"] for one in document["conformance"]["deviations"]} >= {"element", "scale", "max rounds"}
    assert not document["conformance"]["simulated"]
    purges = document["evidence"]["purges"]
    assert [purge["where"] for purge in purges] == ["throughput 128KiB", "throughput 1MiB"]
    assert all(purge["method"] != "none" and purge["verified"] for purge in purges)
    assert not (tmp_path / "t.bin").exists()
