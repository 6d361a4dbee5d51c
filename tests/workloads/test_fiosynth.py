"""FioSynth's suites: every workload of the published files, with its loads and its targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import DeviceInfo
from storbench.harness.session import Options, execute, prepare
from storbench.results.analysis import findings_of
from storbench.results.conformance import conformance_of
from storbench.results.judgement import judge
from storbench.results.limits import Limit, check_limits, find_limits
from storbench.results.run_file import open_run
from storbench.workloads.dry_run import dry_run
from storbench.workloads.fiosynth.suite import suites
from storbench.workloads.registry import find_workload, source_of, workload_from_source

DATA = Path(__file__).parents[1] / "data" / "fiosynth_suites"
FILES = {
    "cache-1h22": "Cache_1H22",
    "he-flash-1h22": "HE_Flash_Short_wTRIM_1H22",
    "he-flash-1h25": "HE_Flash_Short_wTRIM_1H25",
    "search-1h22": "Search_1H22",
    "ocp-2.6-loop": "USSDT_Workload_loop_OCP2.6",
}
TERABYTE = 10**12


def published(name: str) -> Any:
    return json.loads((DATA / f"wkldsuite_{FILES[name]}.json").read_text())


@pytest.mark.parametrize("name", FILES)
def test_every_step_of_the_published_suite_is_there_in_order(name: str) -> None:
    device = DeviceInfo("block:x", "block", 2 * TERABYTE, 512)
    workload = find_workload(f"fiosynth.{name}")
    planned = dry_run(workload, device, workload.parameters()).steps
    source = published(name)
    expected = [step["alias"] for step in source["pre"]]
    expected += [step["alias"] for _ in range(source["run_cycles"]) for step in source["def"]]
    assert [step.label.split(" cycle")[0] for step in planned] == expected
    for step, values in zip(planned, [s["values"] for s in source["pre"] + source["def"]], strict=False):
        clones = 2 if source["scale_by_capacity"] == "Y" else 1
        for job in [job for job in step.jobs if job.read_fraction == 1 and job.rate_iops][:1]:
            assert job.rate_iops
            assert job.jobs in (clones, 4 * clones)
            mean = sum(share.size * share.percent for share in job.block_size_mix) / 100 or job.block_size
            each = job.rate_iops / job.jobs
            assert values["RRATE"] in (pytest.approx(each * mean / (1 << 20)), pytest.approx(each))


def test_the_suite_s_targets_are_the_limits() -> None:
    for name in ("cache-1h22", "he-flash-1h22", "he-flash-1h25", "search-1h22"):
        limits = {one.id: one for one in find_limits(f"fiosynth-{name}").limits}
        used = set()
        for step in published(name)["def"]:
            for direction, bounds in step.get("targets", {}).get("latency", {}).items():
                for percentile, microseconds in bounds.items():
                    one = limits[f"{step['alias']}-{direction}-{percentile.lower()}"]
                    assert one.at_most == microseconds * 1000
                    used.add(one.id)
            for direction, bound in step.get("targets", {}).get("throughput", {}).items():
                if direction != "scale_by_TB" and bound["MIN"]:
                    one = limits[f"{step['alias']}-{direction}-throughput"]
                    assert (one.at_least, one.per_TB) == (bound["MIN"] * 1e6, name != "search-1h22")
                    used.add(one.id)
        assert used == set(limits)


def test_the_seven_nines_of_the_source_are_read_as_six_and_say_so() -> None:
    odd = [one for one in find_limits("fiosynth-he-flash-1h22").limits if one.id.endswith("p99.99999")]
    assert [(one.metric, bool(one.note)) for one in odd] == [("latency_p99.9999", True)]


def test_a_suite_runs_on_a_simulated_drive_and_is_judged_by_its_targets(tmp_path: Path) -> None:
    device, given = "sim:flash-tlc?size=8GiB", {"scale": "0.0005"}
    (planned,) = prepare("fiosynth.he-flash-1h22", [device], given, Options(tmp_path / "a.h5"))
    limits = find_limits("fiosynth-he-flash-1h22")
    check_limits(limits, [step.labels for step in planned.rehearsal.steps if step.kind == "measure"])
    (finished,) = execute([planned])
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        judgement = judge(run, limits)
        conformance = conformance_of(run)
        findings = findings_of(run)
    assert {one.verdict for one in judgement.verdicts if one.id.endswith("read-throughput")} == {"PASS"}
    assert all(one.reason for one in judgement.verdicts if one.verdict == "NOT_EVALUATED")
    assert conformance.grade == "ADAPTED"
    assert [one.what for one in conformance.deviations] == ["scale"]
    assert [finding.test for finding in findings] == [step["alias"] for step in published("he-flash-1h22")["def"]]
    assert all(finding.grids and finding.plots for finding in findings)


def test_a_file_is_measured_without_the_trims_only(tmp_path: Path) -> None:
    device = f"file:{tmp_path / 't.bin'}?size=64MiB"
    with pytest.raises(InputError, match="cannot be trimmed"):
        prepare("fiosynth.he-flash-1h22", [device], {}, Options(tmp_path / "x.h5"))
    given = {"scale": "0.0002", "trims": "false", "precondition": "false", "cycles": "2"}
    (finished,) = execute(prepare("fiosynth.he-flash-1h22", [device], given, Options(tmp_path / "a.h5")))
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        assert {one.what for one in conformance_of(run).deviations} == {"scale", "trims", "cycles", "precondition"}
        step = run.measured[0]
        assert step.measurement is not None
        assert step.measurement.read.ios
        assert step.measurement.write.ios


@pytest.mark.parametrize("name", FILES)
def test_a_suite_is_built_again_from_its_recipe(name: str) -> None:
    workload = suites()[f"fiosynth.{name}"]
    assert workload_from_source(source_of(workload)) is workload


def test_limits_are_judged_by_their_own_direction() -> None:
    directions = {one.direction for one in find_limits("fiosynth-he-flash-1h22").limits}
    assert directions == {"read", "write", "trim"}
    assert isinstance(find_limits("fiosynth-cache-1h22").limits[0], Limit)
