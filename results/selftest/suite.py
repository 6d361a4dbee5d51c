"""All experiments, in pieces that may be simulated anywhere and in any order: each piece has a seed of its own."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from ...common.errors import InputError
from .change_points import change_point_experiments
from .experiment import Check, Experiment
from .families import family_experiments
from .pairs import pair_experiments
from .sessions import session_experiments
from .until_decided import sequential_experiments

EXPERIMENTS: tuple[Experiment, ...] = (
    *pair_experiments(),
    *family_experiments(),
    *sequential_experiments(),
    *session_experiments(),
    *change_point_experiments(),
)
FEWEST, MOST = 20, 1_000_000
_PIECE = 50
_BY_NAME = {one.name: one for one in EXPERIMENTS}


class Task(msgspec.Struct, frozen=True):
    """A piece of an experiment."""

    experiment: str
    piece: int
    comparisons: int


def tasks_of(comparisons: int) -> list[Task]:
    """Divide the experiments into pieces. Raises `InputError` for too few comparisons, or too many."""
    if not FEWEST <= comparisons <= MOST:
        raise InputError(
            f"{comparisons} comparisons are {'too few' if comparisons < FEWEST else 'too many'}",
            hint=f"Simulate {FEWEST} to {MOST:,}; 2000 tell 0.5 % from 1 %.",
        )
    tasks = []
    for experiment in EXPERIMENTS:
        count = max(round(comparisons * experiment.share), FEWEST)
        tasks += [
            Task(experiment.name, piece, min(_PIECE, count - start))
            for piece, start in enumerate(range(0, count, _PIECE))
        ]
    return tasks


def simulate(task: Task, seed: int) -> list[list[float]]:
    """Simulate one piece; gives a row for each comparison, the same whoever simulates it."""
    random = np.random.default_rng([seed, zlib.crc32(task.experiment.encode()), task.piece])
    rows = np.asarray(_BY_NAME[task.experiment].simulate(random, task.comparisons), np.float64)
    found: list[list[float]] = rows.tolist()
    return found


def checks_of(pieces: Mapping[Task, Sequence[Sequence[float]]], seed: int) -> list[Check]:
    """Give the figures of all experiments of which every piece is there, with what they must be."""
    checks = []
    for experiment in EXPERIMENTS:
        own = sorted((task for task in pieces if task.experiment == experiment.name), key=lambda task: task.piece)
        rows = np.array([row for task in own for row in pieces[task]], np.float64)
        checks += [
            Check(
                experiment.name, one.figure, experiment.setting, one.unit, one.value, one.interval, len(rows),
                one.at_least, one.at_most, one.passed, one.level, one.open, seed,
            )
            for one in experiment.figures(rows)
        ]  # fmt: skip
    return checks
