"""Many metrics at once: whether Holm's correction keeps the error of the whole call, as `storbench ab` reports it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from ..paired import Matrix, PairedSamples, compare_pairs, floor_of
from .experiment import Experiment, Figure, level_of, share_of
from .machine import Machine, in_pairs, order_seeds

PAIRS, LOSS = 10, 0.1
NOISE = {"iops": 0.02, "latency_p50": 0.02, "latency_p99": 0.05, "latency_p99.9": 0.1}
"""Noise that each metric has for itself; the drift slows all of them together, as it does on a machine."""
JOBS = ("read", "write")


def family_experiments() -> list[Experiment]:
    """Give the experiments with all metrics of two jobs."""
    setting = f"{PAIRS} pairs, {len(NOISE) * len(JOBS)} metrics, 3 % AR(1) drift, 2 to 10 % noise"
    return [
        Experiment("equal sides, Holm", setting, _family(0.0), _of_equals),
        Experiment(f"one of them {100 * LOSS:g} % slower", setting, _family(LOSS), _of_loss),
    ]


def _family(loss: float) -> Callable[[Generator, int], Matrix]:
    def simulate(random: Generator, count: int) -> Matrix:
        drift = Machine(noise=0.0).runs(random, count, 2 * PAIRS)
        seeds = order_seeds(random, count)
        sides = {
            (job, metric): in_pairs(
                seeds, (drift if metric == "iops" else -drift) + noise * random.normal(size=drift.shape)
            )
            for job in JOBS
            for metric, noise in NOISE.items()
        }
        return np.array([_row([
            PairedSamples(
                job, metric, tuple(np.exp(a[row]).tolist()),
                tuple(np.exp(b[row] + (np.log1p(-loss) if place == 0 else 0.0)).tolist()),
                metric == "iops", floor_of(metric),
            )
            for place, ((job, metric), (a, b)) in enumerate(sides.items())
        ]) for row in range(count)])  # fmt: skip

    return simulate


def _row(samples: list[PairedSamples]) -> list[float]:
    """Give what is counted.

    Whether the first metric was called worse, any other different, any at all different, any without a correction, and
    any worse.
    """
    found = compare_pairs(samples)
    worse = [one.verdict == "REGRESSED" for one in found]
    different = [one.verdict in ("REGRESSED", "IMPROVED") for one in found]
    alone = [one.p <= 1 - one.confidence and abs(one.ratio - 1) >= one.floor for one in found]
    return [worse[0], any(different[1:]), any(different), any(alone), any(worse)]


def _of_equals(rows: Matrix) -> list[Figure]:
    return [
        share_of("any called REGRESSED", rows[:, 4], at_most=0.01),
        level_of("any called REGRESSED or IMPROVED", rows[:, 2], 0.01),
        share_of("the same without Holm", rows[:, 3]),
    ]


def _of_loss(rows: Matrix) -> list[Figure]:
    return [
        level_of("any other called REGRESSED or IMPROVED", rows[:, 1], 0.01),
        share_of("it is called REGRESSED", rows[:, 0], at_least=0.9),
    ]
