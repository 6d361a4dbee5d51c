"""The selftest itself: its machines are what they are said to be, its figures right, its targets can be missed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.paired import PairedSamples, compare_pairs
from storbench.results.selftest import EXPERIMENTS, checks_of, simulate, tasks_of
from storbench.results.selftest.experiment import Figure, clopper_pearson, level_of, mean_of, share_of
from storbench.results.selftest.machine import Machine, in_pairs
from storbench.results.selftest.pairs import judged, row_of


@pytest.mark.parametrize(
    ("hits", "trials", "interval"),
    [
        # R 4: binom.test(x, n)$conf.int; 0 of n is 1 - 0.025^(1/n).
        (7, 20, (0.1539092, 0.5921885)),
        (0, 10, (0.0, 0.3084971)),
        (10, 10, (0.6915029, 1.0)),
        (682, 925, (0.7076683, 0.7654066)),
    ],
)
def test_the_interval_of_a_share_is_the_published_one(hits: int, trials: int, interval: tuple[float, float]) -> None:
    assert clopper_pearson(hits, trials) == pytest.approx(interval, abs=1e-6)


@given(st.integers(1, 500), st.integers(0, 500))
def test_the_interval_holds_the_share(trials: int, hits: int) -> None:
    low, high = clopper_pearson(min(hits, trials), trials)
    assert 0 <= low <= min(hits, trials) / trials <= high <= 1


@pytest.mark.parametrize("machine", [Machine(), Machine(correlation=0.7), Machine(0.1, 0.5, 0.01), Machine(0.0, 0.0)])
def test_a_machine_drifts_and_scatters_as_it_is_said_to(machine: Machine) -> None:
    runs = machine.runs(np.random.default_rng(1), 20_000, 8)
    total = machine.drift**2 + machine.noise**2
    assert runs.var(axis=0) == pytest.approx([total] * 8, rel=0.05)
    for apart in (1, 3):
        alike = (runs[:, 0] * runs[:, apart]).mean()
        assert alike == pytest.approx(machine.drift**2 * machine.correlation**apart, abs=0.03 * total)


def test_runs_become_pairs_in_the_order_of_their_seed() -> None:
    runs = np.arange(16.0).reshape(2, 8)
    a, b = in_pairs([1, 1], runs)
    # AB BA BA AB, as tests/results/test_interleaving.py has it
    assert a.tolist() == [[0, 3, 5, 6], [8, 11, 13, 14]]
    assert b.tolist() == [[1, 2, 4, 7], [9, 10, 12, 15]]


def test_the_loss_from_which_a_comparison_is_worse_is_where_its_verdict_changes() -> None:
    random = np.random.default_rng(2)
    for _ in range(40):
        a, b = random.normal(0, 0.02, (2, 10))
        loss = row_of(judged(a, b))[3]
        for factor, verdict in ((1 - 1e-6, False), (1 + 1e-6, True)):
            slower = b + np.log1p(-loss * factor)
            sides = (tuple(np.exp(a).tolist()), tuple(np.exp(slower).tolist()))
            (found,) = compare_pairs([PairedSamples("", "iops", *sides, True, 0.02)])
            assert (found.verdict == "REGRESSED") is verdict


def test_a_target_is_missed_by_the_value_and_a_level_by_its_interval() -> None:
    five_of_200 = np.array([1.0] * 5 + [0.0] * 195)  # 2.5 %, 0.8 to 5.7 %
    assert share_of("", five_of_200, at_most=0.01).passed is False
    assert share_of("", five_of_200, at_most=0.01).open
    assert share_of("", five_of_200, at_most=0.03).passed is True
    assert share_of("", five_of_200, at_least=0.9).passed is False
    assert not share_of("", five_of_200, at_least=0.9).open
    assert share_of("", five_of_200).passed is None
    assert level_of("", five_of_200, 0.01).passed is True
    assert level_of("", five_of_200, 0.005).passed is False
    assert Figure("", "ratio", float("nan"), (0.0, 1.0), at_least=0.85).passed is False
    assert mean_of("", "pairs", np.array([1.0, 2.0, 3.0])).interval == pytest.approx((0.868, 3.132), abs=1e-3)


def test_pieces_may_be_simulated_in_any_order() -> None:
    tasks = [task for task in tasks_of(60) if task.experiment == EXPERIMENTS[0].name]
    assert [task.comparisons for task in tasks] == [50, 10]
    last, first = simulate(tasks[1], 7), simulate(tasks[0], 7)
    assert (first, last) == (simulate(tasks[0], 7), simulate(tasks[1], 7))
    assert first[:10] != last
    assert first != simulate(tasks[0], 8)


def test_a_machine_that_is_noisier_than_the_promise_misses_it() -> None:
    # Not a figure of the suite: three times the noise, for which ten pairs are known to be too few.
    random = np.random.default_rng(3)
    a, b = in_pairs([1] * 200, Machine(noise=0.06).runs(random, 200, 20))
    found = np.array([float(judged(*sides).verdict == "REGRESSED") for sides in zip(a, b - 0.0513, strict=True)])
    assert share_of("", found, at_least=0.9).passed is False


def test_every_experiment_has_figures_of_its_own() -> None:
    pieces = {task: simulate(task, 1) for task in tasks_of(20)}
    checks = checks_of(pieces, 1)
    assert {one.experiment for one in checks} == {one.name for one in EXPERIMENTS}
    assert len({(one.experiment, one.figure) for one in checks}) == len(checks)
    assert all(one.interval[0] <= one.value <= one.interval[1] for one in checks)
