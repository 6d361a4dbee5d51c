"""Purging an export of a server that storbench started: all of it is trimmed."""

from __future__ import annotations

from .base import Purged
from .nbd_client import nbd_connection
from .purge_checks import REGION, Regions, sample_offsets

_PIECE = 1 << 30
"""Bytes at once: a request's length has 32 bits."""


def purge_export(uri: str, size: int) -> Purged:
    """Trim an export and look whether it is blank. Raises `MeasurementError` where the server says no in the middle."""
    with nbd_connection(uri) as client:
        if not client.can_trim:
            return Purged("none", "the server does not take trims", check="nothing was done")
        for start in range(0, size, _PIECE):
            client.trim(start, min(_PIECE, size - start))
        client.flush()
        regions = Regions(tuple(client.read(at, min(REGION, size - at)) for at in sample_offsets(size)))
    total = len(regions.contents)
    return Purged(
        "trim of the whole export",
        verified=regions.zero == total,
        check=f"{regions.zero} of {total} regions read as zeroes",
    )
