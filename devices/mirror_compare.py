"""Whether the replicas of a mirror are the same, byte by byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from .base import Facts

_PIECE = 1 << 20

Read = Callable[[int, int], bytes]
"""Gives the bytes of a replica: offset, length."""


def compare(replicas: Mapping[str, Read], size: int) -> Facts:
    """Compare the replicas, by name, from the first byte to the last; nothing may write meanwhile.

    `replicas_different_bytes` counts the places where not all have the same byte; for each replica of which something
    differs from what more than half of them have, `replica_NAME_different_bytes` says how much.
    """
    names = tuple(replicas)
    different, first = 0, -1
    outvoted = np.zeros(len(names), dtype=np.int64)
    for offset in range(0, size, _PIECE):
        length = min(_PIECE, size - offset)
        pieces = [replicas[name](offset, length) for name in names]
        if all(piece == pieces[0] for piece in pieces):
            continue
        bytes_ = np.frombuffer(b"".join(pieces), dtype=np.uint8).reshape(len(names), length)
        places = np.flatnonzero((bytes_ != bytes_[0]).any(axis=0))
        if first < 0:
            first = offset + int(places[0])
        different += len(places)
        outvoted += _outvoted(bytes_[:, places])
    facts: Facts = {
        "replicas": len(names),
        "replicas_identical": int(different == 0),
        "replicas_different_bytes": different,
    }
    if different:
        facts["replicas_first_difference"] = first
    counts = zip(names, outvoted.tolist(), strict=True)
    return facts | {f"replica_{name}_different_bytes": count for name, count in counts if count}


def _outvoted(
    bytes_: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Count for each replica the places at which it has another byte than more than half of them."""
    votes = np.stack([(bytes_ == one).sum(axis=0) for one in bytes_])
    decided = votes.max(axis=0) * 2 > len(bytes_)
    return np.asarray(((votes < votes.max(axis=0)) & decided).sum(axis=1), dtype=np.int64)
