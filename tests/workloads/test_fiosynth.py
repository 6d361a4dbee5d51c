"""FioSynth's suites: every workload of the published files, with its loads and its targets."""

from __future__ import annotations

import json
import math
import re
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
from storbench.results.measurement import Direction, Measurement, Series
from storbench.results.run_file import open_run
from storbench.workloads.base import Specified
from storbench.workloads.dry_run import PlannedStep, dry_run
from storbench.workloads.fiosynth.suite import is_steady, suites
from storbench.workloads.registry import find_workload, source_of, workload_from_source
from storbench.workloads.steps import Outcome

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


def steps_on(size: int, name: str, **given: Any) -> list[PlannedStep]:
    workload = find_workload(f"fiosynth.{name}")
    return dry_run(workload, DeviceInfo("block:x", "block", size, 512), workload.parameters(**given)).steps


@pytest.mark.parametrize("name", FILES)
def test_every_step_of_the_published_suite_is_there_in_order(name: str) -> None:
    planned = steps_on(2 * TERABYTE, name)
    source = published(name)
    expected = [alias for step in source["pre"] for alias in ("purge", step["alias"])]
    expected += [step["alias"] for _ in range(source["run_cycles"]) for step in source["def"]]
    labels = [re.sub(" (cycle|window) \\d+$", "", step.label) for step in planned]
    assert ["purge" if step.kind == "purge" else label for step, label in zip(planned, labels, strict=True)] == expected


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("terabytes", [0.12, 2, 7.68])
def test_rates_and_depths_grow_and_pauses_shrink_with_the_capacity(name: str, terabytes: float) -> None:
    source = published(name)
    factor = terabytes if source["scale_by_capacity"] == "Y" else 1.0
    loads = [step for step in steps_on(round(terabytes * TERABYTE), name) if step.kind != "purge"]
    for step, values in zip(loads, [s["values"] for s in source["pre"] + source["def"]], strict=False):
        paced = [job for job in step.jobs if job.rate_iops and not job.trim]
        for job in paced[:1]:
            assert job.rate_iops
            mean = sum(share.size * share.percent for share in job.block_size_mix) / 100 or job.block_size
            each = job.rate_iops / job.jobs / factor
            assert values["RRATE"] in (pytest.approx(each * mean / (1 << 20)), pytest.approx(each))
            if "DEPTH" in values and step.label not in ("wsf-tl-heavy", "BurstTrim"):
                assert job.queue_depth == max(1, int(values["DEPTH"] * factor))
        pauses = {values[name] / 1e6 / factor for name in values if name.endswith("THINK") and values[name]}
        fixed = {30.0, 5.0} if step.label.startswith("Wildcard") else set()
        used = {job.think_time for job in step.jobs if job.think_every}
        assert all(any(pause == pytest.approx(one) for one in pauses | fixed) for pause in used)


def test_loads_that_the_job_files_set_apart_are() -> None:
    steps = {step.label: step for step in steps_on(2 * TERABYTE, "ocp-2.6-loop")}
    places = [job.offset / (2 * TERABYTE) for job in steps["wsf-tl-heavy"].jobs]
    assert places == pytest.approx([0, 0.25, 0.5, 0.75] * 3 + [0, 0.08, 0.16, 0.24], abs=1e-6)
    assert [job.sequential_percent for job in steps["4K_L2R6DWPD_wTRIM"].jobs] == [35, 75, 75, 0, 0]
    assert [job.pattern for job in steps["BurstTrim"].jobs] == ["random", "random"]
    assert steps["BurstTrim"].jobs[1].think_every == steps["BurstTrim"].jobs[1].queue_depth == 2400
    large = next(job for job in steps["Wildcard_heavy"].jobs if job.trim and job.rate_iops)
    assert large.rate_iops == pytest.approx(10)


def series(bandwidth: list[float]) -> Measurement:
    moved = Direction(len(bandwidth), int(sum(bandwidth)), bandwidth=sum(bandwidth) / len(bandwidth))
    seconds = [float(second) for second in range(1, len(bandwidth) + 1)]
    return Measurement("made up", len(bandwidth), write=moved, series=Series(time_s=seconds, write_bandwidth=bandwidth))


@pytest.mark.parametrize(("growth", "steady"), [(0.0, True), (0.0009, True), (0.0011, False), (-0.0011, False)])
def test_a_window_is_steady_while_its_slope_is_below_the_bound(growth: float, steady: bool) -> None:
    middle = 1e9
    window = [middle * (1 + growth * (second - 149.5)) for second in range(300)]
    assert is_steady(series(window), 0.1) is steady


def precondition_windows(bandwidth: list[list[float]]) -> list[str]:
    """Carry out the plan up to the step after T6_precondition2; the last of the measurements repeats."""
    workload, device = find_workload("fiosynth.ocp-2.6-loop"), DeviceInfo("block:x", "block", 10**11, 512)
    plan, labels = workload.plan(device, workload.parameters(purge=False)), []
    step, left = next(plan), list(bandwidth)
    while not step.label.startswith("4K_L2R6"):
        labels.append(step.label)
        measured = series(left[0]) if "window" in step.label else None
        if measured is not None and len(left) > 1:
            left.pop(0)
        step = plan.send(Outcome(measurement=measured))
    plan.close()
    return [label.removeprefix("T6_precondition2 window ") for label in labels[1:]]


def test_the_drive_is_written_until_it_is_steady_or_often_enough() -> None:
    falling = [1e9 * (1 - second / 400) for second in range(300)]
    assert precondition_windows([[1e9] * 300]) == ["1"]
    assert precondition_windows([falling, falling, [5e8] * 300]) == ["1", "2", "3"]
    # Two loads of 90 % each, 20 times over, at an average of 0.63 GB/s and 300 s a window.
    assert len(precondition_windows([falling])) == math.ceil(2 * 0.9 * 20 * 1e11 / sum(falling))


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
    device, given = "sim:flash-tlc?size=8GiB", {"scale": "0.0005", "terabytes": "1"}
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
    assert [one.what for one in conformance.deviations] == ["scale", "terabytes"]
    assert [finding.test for finding in findings] == [step["alias"] for step in published("he-flash-1h22")["def"]]
    assert all(finding.grids and finding.plots for finding in findings)


def test_a_file_is_measured_without_the_trims_only(tmp_path: Path) -> None:
    device = f"file:{tmp_path / 't.bin'}?size=64MiB"
    with pytest.raises(InputError, match="cannot be trimmed"):
        prepare("fiosynth.search-1h22", [device], {}, Options(tmp_path / "x.h5"))
    given = {"scale": "0.0002", "trims": "false", "precondition": "false", "cycles": "2", "terabytes": "0.5"}
    (finished,) = execute(prepare("fiosynth.search-1h22", [device], given, Options(tmp_path / "a.h5")))
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        assert {one.what for one in conformance_of(run).deviations} == set(given)
        step = run.measured[0]
        assert step.measurement is not None
        assert step.measurement.read.ios
        assert step.measurement.write.ios


def test_fio_trims_over_nbd(tmp_path: Path) -> None:
    given = {"scale": "0.0002", "precondition": "false", "terabytes": "1"}
    (finished,) = execute(
        prepare("fiosynth.he-flash-1h22", ["nbd:memory?size=256MiB"], given, Options(tmp_path / "a.h5"))
    )
    assert finished.status == "COMPLETED", finished.reason
    with open_run(finished.path) as run:
        # The only one without a ramp: of the others all trims of so short a run are over before it ends.
        (step,) = [step for step in run.measured if step.labels["test"] == "MyRocks_Heavy_wTRIM"]
        assert step.measurement is not None
        assert step.measurement.trim.bytes
        verdicts = {one.id: one for one in judge(run, find_limits("fiosynth-he-flash-1h22")).verdicts}
    assert verdicts["MyRocks_Heavy_wTRIM-trim-throughput"].value == step.measurement.trim.bandwidth


def test_a_suite_without_trims_takes_a_file_as_it_is() -> None:
    workload, device = find_workload("fiosynth.cache-1h22"), DeviceInfo("file:x", "file", TERABYTE, 512)
    assert dry_run(workload, device, workload.parameters()).steps
    assert isinstance(workload, Specified)
    assert "trims" not in workload.specification(device, workload.parameters()).required


@pytest.mark.parametrize("name", FILES)
def test_a_suite_is_built_again_from_its_recipe(name: str) -> None:
    workload = suites()[f"fiosynth.{name}"]
    assert workload_from_source(source_of(workload)) is workload


def test_limits_are_judged_by_their_own_direction() -> None:
    directions = {one.direction for one in find_limits("fiosynth-he-flash-1h22").limits}
    assert directions == {"read", "write", "trim"}
    assert isinstance(find_limits("fiosynth-cache-1h22").limits[0], Limit)
