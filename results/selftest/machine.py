"""A simulated machine: what its runs are multiplied by, and their order, which is that of `storbench ab`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.random import Generator

from ..interleaving import interleaved_order
from ..paired import Matrix


class Machine(msgspec.Struct, frozen=True):
    """What disturbs the logarithm of each run: a drift that resembles itself from run to run, and chance."""

    drift: float = 0.03
    """Standard deviation of an AR(1) process."""
    correlation: float = 0.9
    """Of its value at one run with that at the next. With it 10 + 10 runs in two blocks raise the false alarms that are
    known from such machines, and pairs have the power that was measured on them."""
    noise: float = 0.02
    """Standard deviation of what each run has for itself."""

    def runs(self, random: Generator, rows: int, count: int) -> Matrix:
        """Give logarithms of runs that follow one another, shape (rows, count); each row is a machine of its own."""
        steps = random.normal(size=(rows, count))
        drift = np.empty((rows, count))
        drift[:, 0] = steps[:, 0]
        fresh = np.sqrt(1 - self.correlation**2)
        for run in range(1, count):
            drift[:, run] = self.correlation * drift[:, run - 1] + fresh * steps[:, run]
        return self.drift * drift + self.noise * random.normal(size=(rows, count))

    def __str__(self) -> str:
        return f"{100 * self.drift:g} % AR(1) drift, {100 * self.noise:g} % noise"


def order_seeds(random: Generator, rows: int) -> list[int]:
    """Draw a seed for the order of the pairs of each row."""
    seeds: list[int] = random.integers(1 << 32, size=rows).tolist()
    return seeds


def in_pairs(seeds: Sequence[int], runs: Matrix) -> tuple[Matrix, Matrix]:
    """Give the runs of A and of B, each of shape (rows, pairs), where each row's pairs are in the order of its seed."""
    pairs = runs.reshape(len(runs), -1, 2)
    orders = [interleaved_order(pairs.shape[1], seed) for seed in seeds]
    b_first = np.array([[first == "B" for first, _ in order] for order in orders])
    return np.where(b_first, pairs[..., 1], pairs[..., 0]), np.where(b_first, pairs[..., 0], pairs[..., 1])
