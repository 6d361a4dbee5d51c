"""The time that is left is learned from the steps that are done."""

from __future__ import annotations

import pytest

from storbench.harness.time_left import TimeLeft
from storbench.workloads.dry_run import PlannedStep


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def step(seconds: float, guessed: bool = False) -> PlannedStep:
    return PlannedStep("measure", "x", seconds, 0, False, guessed)


def test_steps_that_end_by_time_take_what_was_planned() -> None:
    clock = Clock()
    left = TimeLeft([step(60.0)] * 3, clock=clock)
    assert left.seconds() == 180
    left.begins(0)
    clock.now = 30.0
    assert left.seconds(0.5) == left.seconds() == 150
    clock.now = 60.0
    left.ends(0)
    assert left.seconds() == 120


def test_a_guess_is_corrected_by_the_steps_that_are_done_and_the_others_are_not() -> None:
    clock = Clock()
    left = TimeLeft([step(100.0, True), step(100.0, True), step(60.0)], clock=clock)
    left.begins(0)
    clock.now = 20.0
    assert left.seconds(0.5) == pytest.approx(20 + 100 + 60)
    clock.now = 40.0
    left.ends(0)
    assert left.seconds() == pytest.approx(40 + 60)


def test_in_virtual_time_nothing_is_known_before_the_first_step_is_done() -> None:
    clock = Clock()
    left = TimeLeft([step(60.0), step(60.0, True), step(0.0)], virtual=True, clock=clock)
    left.begins(0)
    assert left.seconds() is None
    clock.now = 0.6
    left.ends(0)
    assert left.seconds() == pytest.approx(0.6)


def test_a_plan_that_turns_out_longer_has_no_time_left_and_never_less() -> None:
    clock = Clock()
    left = TimeLeft([step(60.0)], clock=clock)
    for index in range(3):
        left.begins(index)
        clock.now += 60.0
        left.ends(index)
    assert left.seconds() == 0
