"""Defects that are planted in an emulated device, so that what must find them can be tried: from URL to model.

Each is something that the model does, not a number that is changed on the way out; a report finds it by measuring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..common.errors import InputError
from .native_library import fields_of

if TYPE_CHECKING:
    from .emulated import EmulationParameters

STALL_SHARE = 0.01
THROTTLE_FACTOR = 0.5
_MOST_GRANULE = 1 << 20


def defect_numbers(given: EmulationParameters, kind: str) -> dict[str, float]:
    """Give what a model needs to have the defects. Raises `InputError` for one that the kind cannot have."""
    _check_companions(given)
    found: dict[str, float] = {}
    if given.defect_gc_stall is not None:
        if "defect_gc_stall" not in fields_of(kind):
            raise InputError(
                f"defect_gc_stall: the model '{kind}' collects no garbage", hint="Choose a flash profile for it."
            )
        found["defect_gc_stall"] = given.defect_gc_stall * 1e9
        found["defect_gc_stall_share"] = given.defect_gc_stall_share or STALL_SHARE
        found["defect_seed"] = float(given.seed)
    if given.defect_throughput is not None:
        found["defect_throughput"] = given.defect_throughput
    if given.defect_throttle_after is not None:
        found["defect_throttle_after"] = given.defect_throttle_after * 1e9
        found["defect_throttle_factor"] = given.defect_throttle_factor or THROTTLE_FACTOR
    return found


def _check_companions(given: EmulationParameters) -> None:
    for name, needed in (
        ("defect_gc_stall_share", "defect_gc_stall"),
        ("defect_throttle_factor", "defect_throttle_after"),
    ):
        if getattr(given, name) is not None and getattr(given, needed) is None:
            raise InputError(f"{name} needs {needed}", hint=f"Like {needed}={'20ms' if 'stall' in name else '30s'}.")


def usable_size(given: EmulationParameters, size: int) -> int:
    """Give the bytes that a device of `size` really has, as well aligned as `size` is, up to 1 MiB."""
    if given.defect_capacity is None:
        return size
    granule = min(size & -size, _MOST_GRANULE)
    usable = int(size * given.defect_capacity) // granule * granule
    if not usable:
        raise InputError("defect_capacity leaves the device no capacity", hint="Choose a larger size.")
    return usable
