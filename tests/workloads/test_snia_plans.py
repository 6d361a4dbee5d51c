"""What all tests of the specification have in common: labels, seeds, editions, scaling, refusals, the whole suite."""

from __future__ import annotations

from itertools import groupby
from types import ModuleType

import msgspec
import pytest

from storbench.common.errors import InputError
from storbench.common.parameters import describe_parameters, parse_parameters
from storbench.results.steady_state import RULES
from storbench.workloads.base import Specified
from storbench.workloads.dry_run import dry_run
from storbench.workloads.phases import MAX_STEPS
from storbench.workloads.registry import find_workload, source_of, workload_from_source, workloads
from storbench.workloads.snia.editions import EditionName, edition_named, parse_edition
from storbench.workloads.snia.pts import PtsParameters
from storbench.workloads.snia.resolved import TESTS, flat, resolved

MIB, GIB = 1 << 20, 1 << 30
NAMES = [f"snia.{test}" for test in TESTS]
EDITIONS: list[EditionName] = ["pts-e-2.0", "pts-c-2.0", "pts-e-1.1"]
SMALL = {"element": "1s", "scale": "0.01"}
PHASES = {
    "iops": ["purge", "wipc", "round"],
    "throughput": ["purge", "wipc", "round", "purge", "wipc", "round"],
    "latency": ["purge", "wipc", "round", "histogram"],
    "wsat": ["purge", "minute", "histogram"],
    "hir": ["purge", "precondition", *[*["access", "idle"] * 4, "minute"] * 5],
    "xsr": ["purge", "minute"],
    "cbw": ["purge", "precondition", *["prewrite", "round"] * 5, *["prewrite", "histogram"] * 3],
    "dirth": ["purge", "precondition", *["prewrite", "round"] * 5, *["prewrite", "histogram"] * 3],
}


@pytest.mark.parametrize("name", [*NAMES, "snia.pts"])
def test_every_test_is_found_listed_and_built_again_from_a_recipe(name: str) -> None:
    workload = find_workload(name)
    assert workload.name == name
    assert name in {listed.name for listed in workloads()}
    assert workload_from_source(source_of(workload)) is workload
    assert isinstance(workload, Specified)


@pytest.mark.parametrize("test", TESTS)
def test_phases_follow_one_another_and_labels_say_what_was_done(snia_runs: ModuleType, test: str) -> None:
    run = snia_runs.perform(f"snia.{test}", snia_runs.device(), **SMALL)
    steps = [step for step in run.steps if step.kind != "note"]
    assert [phase for phase, _ in groupby(step.labels["phase"] for step in steps)] == PHASES[test]
    assert {step.labels["test"] for step in steps} == {test}
    assert len({step.label for step in steps}) == len(steps)
    for step in (step for step in steps if step.job):
        job, labels = step.job, step.labels
        size = 0 if job["block_size_mix"] else job["block_size"]
        assert (labels["block_size"], labels["read_percent"]) == (size, round(job["read_fraction"] * 100))
        assert labels["queue_depth"] == job["queue_depth"]
        assert labels["threads"] == (job["jobs"] if labels["phase"] != "wipc" else 1 + len(step.step["beside"]))
        assert job["data"] == "random"


@pytest.mark.parametrize("name", [*NAMES, "snia.pts"])
def test_the_same_inputs_give_the_same_steps_and_every_job_has_its_own_seed(snia_runs: ModuleType, name: str) -> None:
    first, second = (snia_runs.perform(name, snia_runs.device(), **SMALL) for _ in range(2))
    assert [step.step for step in first.steps] == [step.step for step in second.steps]
    seeds = [job["seed"] for s in first.steps if s.job for job in (s.job, *s.step["beside"])]
    assert len(set(seeds)) == len(seeds)
    other = snia_runs.perform(name, snia_runs.device(), **SMALL, seed=2)
    assert {s.job["seed"] for s in other.steps if s.job}.isdisjoint(seeds)


@pytest.mark.parametrize("edition", EDITIONS)
def test_the_whole_suite_can_be_planned_at_full_size(snia_runs: ModuleType, edition: str) -> None:
    workload = find_workload("snia.pts")
    planned = dry_run(workload, snia_runs.device(64 * GIB), workload.parameters(edition=edition))
    assert 5000 < len(planned.steps) < MAX_STEPS
    assert planned.seconds > 60 * 3600
    assert planned.bytes_written > 8 * 0.75 * 64 * GIB


def test_the_suite_is_the_tests_one_after_the_other(snia_runs: ModuleType) -> None:
    def bare(run: object) -> list[object]:
        steps = msgspec.to_builtins([step.step for step in run.steps])  # type: ignore[attr-defined]
        for step in steps:
            for job in [step.get("job", {}), *step.get("beside", ())]:
                job.pop("seed", None)
        return list(steps)

    device = snia_runs.device()
    one_by_one = [bare(snia_runs.perform(name, device, **SMALL)) for name in ("snia.latency", "snia.xsr")]
    together = snia_runs.perform("snia.pts", device, **SMALL, tests="latency,xsr")
    assert bare(together) == one_by_one[0] + one_by_one[1]
    assert together.recipe["specification"]["tests"] == ["latency", "xsr"]
    every = snia_runs.perform("snia.pts", device, **SMALL)
    assert list(dict.fromkeys(s.labels["test"] for s in every.steps if s.labels)) == list(TESTS)


def test_the_suite_has_the_parameters_of_all_tests() -> None:
    own = {p.name: p for name in NAMES for p in describe_parameters(find_workload(name).parameters)}
    suite = {p.name: p for p in describe_parameters(PtsParameters) if p.name != "tests"}
    assert suite == own


@pytest.mark.parametrize("given", [{"tests": "iops,iops"}, {"tests": "iops,steady"}, {"xsr_durations": "1h,2h"}])
def test_what_makes_no_sense_is_refused(snia_runs: ModuleType, given: dict[str, str]) -> None:
    with pytest.raises(InputError):
        snia_runs.perform("snia.pts", snia_runs.device(), **given)


@pytest.mark.parametrize("name", NAMES)
def test_a_device_smaller_than_a_block_is_refused_before_the_first_step(snia_runs: ModuleType, name: str) -> None:
    workload = find_workload(name)
    with pytest.raises(InputError, match="the active range has 2KiB"):
        workload.plan(snia_runs.device(2048), workload.parameters())


def test_an_active_range_of_less_than_a_block_is_refused(snia_runs: ModuleType) -> None:
    with pytest.raises(InputError, match="less than one block"):
        snia_runs.perform("snia.iops", snia_runs.device(), active_range="1e-9")


def test_the_operator_chooses_threads_and_depth_where_the_specification_does_not(snia_runs: ModuleType) -> None:
    device = snia_runs.device()
    chosen = {"threads": 3, "queue_depth": 5, **SMALL}
    for test in ("iops", "wsat", "hir"):
        run = snia_runs.perform(f"snia.{test}", device, **chosen)
        assert {(s.labels["threads"], s.labels["queue_depth"]) for s in run.steps if s.job} == {(3, 5)}
    for test, fixed in (("throughput", (1, 32)), ("latency", (1, 1)), ("xsr", (1, 32))):
        run = snia_runs.perform(f"snia.{test}", device, **chosen)
        assert {(s.labels["threads"], s.labels["queue_depth"]) for s in run.steps if s.job} == {fixed}


def test_the_client_edition_uses_three_quarters_and_less_demand(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.pts", snia_runs.device(), **SMALL, edition="pts-c-2.0", tests="iops,throughput")
    rounds = snia_runs.steps_with(run, test="iops", phase="round")
    assert {(s.job["offset"], s.job["span"], s.job["jobs"], s.job["queue_depth"]) for s in rounds} == {
        (0, 192 * MIB, 2, 16)
    }
    assert {s.labels["part"] for s in snia_runs.steps_with(run, test="throughput")} == {"1MiB"}
    assert run.recipe["specification"]["required"]["write_cache"] == "enabled"


def test_element_and_scale_shorten_times_and_leave_ratios(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.hir", snia_runs.device(), element="6s", scale="0.1")
    steps = snia_runs.steps_with(run, wait=3)
    accesses, idles, minutes = ([s for s in steps if s.labels["phase"] == p] for p in ("access", "idle", "minute"))
    assert (len(accesses), len(idles), len(minutes)) == (36, 36, 3)
    assert (accesses[0].job["duration"], idles[0].step["duration"], minutes[0].job["duration"]) == (0.5, 1.5, 6.0)
    samples = [s.labels["minute"] for s in snia_runs.steps_with(run, phase="precondition") if "round" in s.labels]
    assert samples == [1, 5, 9, 13, 17]


def test_not_purging_is_said(snia_runs: ModuleType) -> None:
    run = snia_runs.perform("snia.iops", snia_runs.device(), **SMALL, purge="no")
    assert run.steps[0].label == "iops: not purged, as was asked for"
    assert "purge" not in {step.kind for step in run.steps}


@pytest.mark.parametrize("edition", EDITIONS)
def test_what_is_uncertain_can_be_set_and_is_listed(snia_runs: ModuleType, edition: EditionName) -> None:
    names = {parameter.name for parameter in describe_parameters(PtsParameters)}
    for one in edition_named(edition).uncertain:
        assert set(one.parameters) <= names
    workload = find_workload("snia.pts")
    assert isinstance(workload, Specified)
    parameters = parse_parameters(workload.parameters, {"edition": edition, "demand": "32,16,8,4,2,1"}, "")
    found = workload.specification(snia_runs.device(), parameters)
    assert found.rule in RULES
    assert {one.mark for one in found.uncertain} == {"conflicting", "single source"}
    loops = [one.value for one in found.uncertain if "test loop" in one.item]
    assert loops == ["32, 16, 8, 4, 2, 1"]
    assert found.required["demand"] == (32, 16, 8, 6, 4, 2, 1)


def test_only_what_concerns_a_test_stands_in_its_specification(snia_runs: ModuleType) -> None:
    workload = find_workload("snia.xsr")
    assert isinstance(workload, Specified)
    found = workload.specification(snia_runs.device(), workload.parameters())
    assert [one.item for one in found.uncertain] == ["XSR: durations of the three groups"]
    assert not [name for name in found.required if name.startswith(("iops", "demand", "cbw", "hir"))]
    assert (found.standard, found.revision, found.tests, found.rule) == ("SNIA SSS PTS-E", "2.0.2", ("xsr",), "pts-2.0")


def test_every_parameter_that_is_set_changes_the_edition() -> None:
    """A parameter whose name no field has would be taken and do nothing."""
    base = flat(resolved(PtsParameters()), TESTS)
    samples = {"s": "77s", "B": "16KiB"}
    for parameter in describe_parameters(PtsParameters):
        if parameter.default != "none":
            continue
        given = {"xsr_durations": "1h,2h,3h", "active_range": "0.5"}.get(
            parameter.name, samples.get(parameter.unit, "7")
        )
        changed = flat(resolved(parse_parameters(PtsParameters, {parameter.name: given}, "")), TESTS)
        assert changed != base, parameter.name


def test_an_edition_with_an_unknown_key_or_a_wrong_unit_is_refused() -> None:
    tables = msgspec.to_builtins(edition_named("pts-e-2.0"))
    assert parse_edition(msgspec.json.decode(msgspec.json.encode(tables))) == edition_named("pts-e-2.0")
    with pytest.raises(msgspec.ValidationError, match="unknown field `blocks`"):
        parse_edition({**tables, "iops": {**tables["iops"], "blocks": [1]}})
    with pytest.raises(InputError, match="'30 ms x' is not a duration"):
        parse_edition({**tables, "wsat": {**tables["wsat"], "interval": "30 ms x"}})


def test_cbw_and_dirth_agree_in_what_they_share() -> None:
    edition = edition_named("pts-e-2.0")
    for field in ("precondition_round", "demand", "prewrite", "latency_limit", "histogram_prewrite", "histogram"):
        assert getattr(edition.cbw, field) == getattr(edition.dirth, field)
