"""Histories with a step and without: how often `storbench history` raises one that is none, and which it finds."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.random import Generator

from ..history import changes_in
from ..paired import Matrix, Vector
from .experiment import Experiment, Figure, level_of, share_of

LONG, SHORT, SPREAD, STEP = 240, 120, 0.025, -0.05
"""Values of a series without a change and of one with it; the noise of a storage engine's CI; the loss."""
MARGIN = 5
"""Rows by which the place may be missed: the usual one (van den Burg, Williams: An Evaluation of Change Point Detection
Algorithms, 2020)."""
NOISY, ALIKE = 0.1, 0.5


def change_point_experiments() -> list[Experiment]:
    """Give the experiments of `storbench history`."""
    quiet = f"{LONG} Gaussian values, {100 * SPREAD:g} % noise"
    noisy = f"{LONG} Gaussian values, {100 * NOISY:g} % noise"
    alike = f"{LONG} values, {100 * SPREAD:g} % AR(1) noise, correlation {ALIKE:g}"
    step = f"{SHORT} values, {100 * SPREAD:g} % noise, a step of {100 * STEP:g} % {10} or more from the ends"
    return [
        Experiment("a history without a change", quiet, partial(_clean, spread=SPREAD), _raised, 0.25),
        Experiment("a noisy history without a change", noisy, partial(_clean, spread=NOISY), _raised, 0.25),
        Experiment(
            "a drifting history without a step", alike, partial(_clean, spread=SPREAD, correlation=ALIKE), _raised, 0.25
        ),
        Experiment("a history with a 5 % loss", step, _stepped, _found, 0.25),
    ]


def _clean(random: Generator, count: int, spread: float, correlation: float = 0.0) -> Matrix:
    """Give for each series whether anything was raised, and whether anything was seen at all."""
    rows = []
    for _ in range(count):
        found = changes_in(np.exp(spread * _noise(random, LONG, correlation)).tolist())
        rows.append([float(bool(found.changes)), float(bool(found.changes or found.smaller))])
    return np.array(rows)


def _raised(rows: Matrix) -> list[Figure]:
    return [level_of("raised something", rows[:, 0], 0.05), share_of("with what is below the floor", rows[:, 1])]


def _stepped(random: Generator, count: int) -> Matrix:
    """Give for each series: found, raised, and of the found one whether interval and rows hold the truth."""
    rows = []
    for _ in range(count):
        logs, place = SPREAD * _noise(random, SHORT, 0.0), int(random.integers(10, SHORT - 10))
        logs[place:] += np.log1p(STEP)
        found = changes_in(np.exp(logs).tolist()).changes
        hit = next((one for one in found if abs(one.index - place) <= MARGIN), None)
        sized = hit is not None and hit.interval[0] <= STEP <= hit.interval[1]
        placed = hit is not None and hit.rows[0] <= place <= hit.rows[1]
        rows.append([float(hit is not None), float(len(found)), float(sized), float(placed)])
    return np.array(rows)


def _found(rows: Matrix) -> list[Figure]:
    hit = rows[:, 0] == 1
    return [
        share_of("found within 5 rows", rows[:, 0], at_least=0.9),
        _f1(rows[:, 0], rows[:, 1]),
        share_of("its interval holds the loss", rows[hit, 2], at_least=0.9),
        share_of("its rows hold the place", rows[hit, 3], at_least=0.9),
    ]


def _f1(hits: Vector, raised: Vector) -> Figure:
    """Give the harmonic mean of precision and recall; the interval by 1,000 resamples of the series."""
    random = np.random.default_rng(1)
    chosen = random.integers(len(hits), size=(1000, len(hits)))
    resampled = 2 * hits[chosen].sum(1) / (raised[chosen].sum(1) + len(hits))
    value = float(2 * hits.sum() / (raised.sum() + len(hits)))
    low, high = (float(end) for end in np.quantile(resampled, [0.025, 0.975]))
    return Figure("F1", "ratio", value, (min(low, value), max(high, value)), at_least=0.9)


def _noise(random: Generator, count: int, correlation: float) -> Vector:
    noise = random.normal(size=count)
    for place in range(1, count):
        noise[place] = correlation * noise[place - 1] + np.sqrt(1 - correlation**2) * noise[place]
    return noise
