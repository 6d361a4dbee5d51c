"""A drive with a planted defect fails exactly the limits of its datasheet that it should; a sound one passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.harness.session import Options, execute, prepare
from storbench.reports.certificate.summary import standing_of
from storbench.results.judgement import Judgement, read_verdicts
from storbench.results.limits import find_limits
from storbench.results.run_file import open_run

DRIVE = "sim:flash-sata-tlc?size=4GiB"
GIVEN = {"tests": "iops,throughput,latency", "element": "1s", "scale": "0.05"}
SPEED = {"sequential-read", "sequential-write", "random-read", "random-write"}


def judged(folder: Path, url: str) -> Judgement:
    options = Options(folder / "a.h5", limits=find_limits("example-sata-tlc").text, certify=True)
    (finished,) = execute(prepare("snia.pts", [url], GIVEN, options))
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        found = read_verdicts(run)
        standing = standing_of(run)
    assert found is not None
    assert found.overall == standing["verdict"]
    return found


def failed(judgement: Judgement) -> set[str]:
    return {one.id for one in judgement.verdicts if one.verdict == "FAIL"}


def test_a_sound_drive_passes(tmp_path: Path) -> None:
    found = judged(tmp_path, f"{DRIVE}&write_cache=off")
    assert {one.id: one.verdict for one in found.verdicts if one.verdict != "PASS"} == {}
    assert found.overall == "PASS"


@pytest.mark.parametrize(
    ("defect", "expected"),
    [
        ("write_cache=off&defect_gc_stall=20ms", {"read-tail"}),
        ("write_cache=off&defect_throughput=0.9", SPEED),
        ("write_cache=off&defect_throttle_after=10s", SPEED | {"read-tail", "read-latency", "write-latency"}),
        ("defect_write_cache=lying", {"write-cache-off"}),
        ("write_cache=off&defect_capacity=0.93", {"capacity"}),
    ],
)
def test_a_defect_fails_exactly_what_it_should(tmp_path: Path, defect: str, expected: set[str]) -> None:
    found = judged(tmp_path, f"{DRIVE}&{defect}")
    assert failed(found) == expected
    assert {one.id for one in found.verdicts if one.verdict == "NOT_EVALUATED"} == set()
