"""The volatile write cache of an emulated device: whether it has one, whether it is on, what it says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..common.errors import InputError
from .native_library import FieldInfo

Setting = Literal["on", "off"]
"""What a user can set."""

State = Literal["write back", "write through"]
"""What the device says, in the words of the kernel."""


def write_cache(
    setting: Setting | None, *, lying: bool, fields: Mapping[str, FieldInfo], numbers: Mapping[str, float]
) -> tuple[State, dict[str, float]]:
    """Give what a device says of its cache, and what its model needs to do as it is set, or as it lies.

    A buffer that survives a power cut is no volatile cache, and neither has a medium that is written in place one.
    Raises `InputError` for a setting that the device cannot take.
    """
    known = fields.get("buffer_protected")
    volatile = known is not None and not numbers.get("buffer_protected", known.initial)
    if not volatile:
        _refuse_without_cache(setting, lying=lying)
        return "write through", {}
    if lying:
        if setting == "on":
            raise InputError("a device whose write cache is on has nothing to lie about", hint="Leave write_cache.")
        return "write through", {"defect_flush_ignored": 1.0}
    if setting == "off":
        return "write through", {"write_cache": 0.0}
    return "write back", {}


def _refuse_without_cache(setting: Setting | None, *, lying: bool) -> None:
    if lying or setting == "on":
        name = "defect_write_cache" if lying else "write_cache"
        raise InputError(
            f"{name}: this device has no volatile write cache: what it acknowledges survives a power cut",
            hint="Choose a flash profile without buffer_protected.",
        )
