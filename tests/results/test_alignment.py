"""Which steps of several runs are the same measurement: outlines built by hand, no files."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.alignment import align
from storbench.results.outline import Outline, StepOutline
from storbench.results.record import RunHeader

JOB: dict[str, Any] = {"pattern": "random", "block_size": 4096, "read_fraction": 0.7, "queue_depth": 1, "seed": 1}


def step(label: str = "x", **fields: Any) -> StepOutline:
    values: dict[str, Any] = {"kind": "measure", "status": "COMPLETED", "job": JOB, **fields}
    return StepOutline(0, values.pop("kind"), label, values.pop("status"), **values)


def run(*steps: StepOutline, device: str = "file:/data/t.bin") -> Outline:
    return Outline(
        RunHeader("id", "randrw", device, "COMPLETED", "2026-02-25T06:13:20+00:00"), "recipe", steps=[*steps]
    )


def places(*runs: Outline) -> list[dict[int, int]]:
    return [aligned.places for aligned in align(runs)]


def test_the_same_job_on_other_devices_is_one_step() -> None:
    assert places(run(step()), run(step(), device="nbd:memory"), run(step(), device="block:/dev/x")) == [
        {0: 0, 1: 0, 2: 0}
    ]


def test_the_seed_and_the_order_of_fields_do_not_matter() -> None:
    other = dict(reversed((JOB | {"seed": 2}).items()))
    assert places(run(step()), run(step(job=other))) == [{0: 0, 1: 0}]


@pytest.mark.parametrize("field", [name for name in JOB if name != "seed"])
def test_every_other_field_of_the_job_does(field: str) -> None:
    assert places(run(step()), run(step(job=JOB | {field: "another"}))) == [{0: 0}, {1: 0}]


def test_a_field_that_is_not_set_is_as_one_that_was_not_there_yet() -> None:
    unset = JOB | {"trim": False, "think_every": 0, "span": None}
    assert places(run(step()), run(step(job=unset))) == [{0: 0, 1: 0}]
    assert places(run(step()), run(step(job=unset | {"think_every": 4}))) == [{0: 0}, {1: 0}]


def test_the_jobs_beside_count_but_for_their_seeds() -> None:
    quiet, busy = step(), step(beside=[JOB | {"read_fraction": 1.0}])
    again = step(beside=[JOB | {"read_fraction": 1.0, "seed": 9}])
    assert places(run(quiet, busy), run(again)) == [{0: 0}, {0: 1, 1: 0}]


def test_labels_tell_steps_with_one_job_apart() -> None:
    before, after = step(labels={"phase": "before"}), step(labels={"phase": "after"})
    assert places(run(before, after), run(after)) == [{0: 0}, {0: 1, 1: 0}]


def test_the_text_of_a_label_does_not_matter_where_there_is_a_job() -> None:
    (aligned,) = align([run(step("4KiB qd1")), run(step("4096 B, depth 1"))])
    assert (aligned.label, aligned.places) == ("4KiB qd1", {0: 0, 1: 0})


def test_imported_steps_without_a_job_need_the_same_label() -> None:
    assert places(run(step("a", job={}), step("b", job={})), run(step("b", job={}))) == [{0: 0}, {0: 1, 1: 0}]


def test_equal_steps_align_in_their_order_and_one_too_many_stays_alone() -> None:
    other = step(job=JOB | {"queue_depth": 16})
    assert places(run(step(), other, step()), run(step(), step(), step())) == [
        {0: 0, 1: 0},
        {0: 1},
        {0: 2, 1: 1},
        {1: 2},
    ]


@pytest.mark.parametrize("kind", ["precondition", "purge", "idle", "note"])
def test_only_measurements_are_compared(kind: str) -> None:
    assert places(run(step(kind=kind), step()), run(step())) == [{0: 1, 1: 0}]


@pytest.mark.parametrize("status", ["ERROR", "ABORTED", "INTERRUPTED"])
def test_a_measurement_that_did_not_complete_is_not_compared(status: str) -> None:
    assert places(run(step(status=status)), run(step())) == [{1: 0}]


depths = st.lists(st.integers(1, 4), max_size=8)


@given(st.lists(depths, max_size=4))
def test_every_measurement_is_in_exactly_one_aligned_step(runs: list[list[int]]) -> None:
    outlines = [run(*(step(job=JOB | {"queue_depth": depth}) for depth in own)) for own in runs]
    found = places(*outlines)
    assert Counter(place for own in found for place in own.items()) == Counter(
        (number, position) for number, own in enumerate(runs) for position in range(len(own))
    )
    for own in found:
        assert len({runs[number][position] for number, position in own.items()}) == 1
    most = Counter[int]()
    for depths_of_one in runs:
        most |= Counter(depths_of_one)
    assert len(found) == most.total()


@given(depths, depths)
def test_which_run_comes_first_changes_the_order_only(a: list[int], b: list[int]) -> None:
    one, two = (run(*(step(job=JOB | {"queue_depth": depth}) for depth in own)) for own in (a, b))
    forth = {(own.get(0), own.get(1)) for own in places(one, two)}
    assert forth == {(own.get(1), own.get(0)) for own in places(two, one)}
