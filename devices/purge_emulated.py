"""Purging an emulated device in real time: its model is reset, its image is blank again."""

from __future__ import annotations

import os

import msgspec

from ..common.errors import MeasurementError
from .base import Purged, Target
from .native_shared import SharedModel
from .purge_checks import read_regions
from .purge_file import remake
from .purge_model import purge_model

IMAGE = "image"
"""Name of the image, which lies beside the model's state."""


def purge_emulated(target: Target) -> Purged:
    """Reset the shared model and make its image anew. Only while no load is on it.

    Raises `MeasurementError` where the device is not open or memory lacks.
    """
    shared = target.emulation
    if not isinstance(shared, SharedModel):
        raise MeasurementError("the device's model is not open, so it cannot be purged")
    image = shared.path.with_name(IMAGE)
    try:
        descriptor = os.open(image, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            remade = remake(descriptor, target.size, image)
        finally:
            os.close(descriptor)
        regions = read_regions(image, target.size)
    except OSError as error:
        raise MeasurementError(f"the device's image could not be made anew: {error.strerror}") from None
    purged = purge_model(shared, target.size, target.logical_block_size)
    if remade is None:
        return msgspec.structs.replace(purged, check=f"{purged.check}; the image keeps its data")
    total = len(regions.contents)
    blank = regions.zero == total
    return msgspec.structs.replace(
        purged,
        verified=None if purged.verified is None else purged.verified and blank,
        check=f"{purged.check}; {regions.zero} of {total} regions of the image read as zeroes",
    )
