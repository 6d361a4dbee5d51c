"""In which order the two sides of a comparison are measured, so that what drifts cannot pass for a difference."""

from __future__ import annotations

from random import Random
from typing import Literal

Side = Literal["A", "B"]


def interleaved_order(pairs: int, seed: int) -> list[tuple[Side, Side]]:
    """Give the order within each pair: blocks of two pairs, each ABBA or BAAB at random; reproducible from the seed.

    Within a block a steady drift meets both sides alike, so that it cancels; the randomness keeps a rhythm of the
    machine, such as a job that runs every few minutes, from always meeting the same side (Montgomery: Design and
    Analysis of Experiments, chapter 4: blocking and randomization). With an odd number the last pair stands alone.
    """
    # Plain Random, seeded: the order is part of a recipe, and must be the same with every version of numpy.
    random = Random(seed)  # noqa: S311 - nobody is to be kept from guessing it
    order: list[tuple[Side, Side]] = []
    while len(order) < pairs:
        block: list[tuple[Side, Side]] = [("A", "B"), ("B", "A")]
        order += block if random.random() < 0.5 else block[::-1]
    return order[:pairs]
