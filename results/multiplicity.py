"""Several tests at once, and the error rate of the whole family.

Holm: A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979. Nothing is
assumed about how the tests depend on one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> list[float]:
    """Give each p-value adjusted for the family: with it below a level, the family's error rate is below that level."""
    count = len(p)
    order = np.argsort(p, kind="stable")
    stepped = np.asarray(p, dtype=np.float64)[order] * (count - np.arange(count))
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted.tolist()  # numpy does not know the depth


def holm_levels(p: Sequence[float], level: float) -> list[float]:
    """Give the level that each test had to meet, given the others: its adjusted p is at most `level` exactly then.

    Holm rejects in the order of the p-values, so a test competes only with those that are not rejected before it.
    """
    count = len(p)
    levels = []
    for index in range(count):
        others = sorted([*p[:index], *p[index + 1 :]])
        before = 0
        while before < count - 1 and others[before] * (count - before) <= level:
            before += 1
        levels.append(level / (count - before))
    return levels
