"""Purging an emulated device: everything is trimmed in its model; wear stays, as in a real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .base import Purged
from .native_library import READ, CounterInfo, Model
from .native_shared import SharedModel
from .purge_checks import sample_offsets

_METHOD = "reset of the device's model (everything trimmed)"


def purge_model(model: Model | SharedModel, size: int, block: int) -> Purged:
    """Reset a model and look by its counters whether that worked. Only while nothing is under way.

    Of flash, an unmapped page is answered without reading the array: sampled reads must not move `media_read`. They
    count as host reads and take the device's time, as on a real device.
    """
    before = model.counters()
    model.reset()
    if "erases" not in before:
        worn = before["wear_max"].value
        return Purged(
            _METHOD, check=f"this medium is written in place and has no mapping that a purge could clear; its wear, at "
            f"most {worn:g} writes of a line, stays",
        )  # fmt: skip
    unmapped, total = _unmapped(model, size, block)
    erased = model.counters()["erases"].value - before["erases"].value
    return Purged(
        _METHOD,
        verified=unmapped == total,
        check=f"{unmapped} of {total} regions are unmapped (reading them read no flash), "
        f"{erased:,.0f} blocks were erased",
    )


def _unmapped(model: Model | SharedModel, size: int, block: int) -> tuple[int, int]:
    offsets = sample_offsets(size, block)
    read = _reader(model, block)
    unmapped = 0
    for offset in offsets:
        before = _media_read(model.counters())
        read(offset)
        unmapped += _media_read(model.counters()) == before
    return unmapped, len(offsets)


def _reader(model: Model | SharedModel, block: int) -> Callable[[int], None]:
    if isinstance(model, SharedModel):
        return lambda offset: model.read(offset, block)

    def read(offset: int) -> None:
        model.now = model.submit(READ, offset, block, model.now)

    return read


def _media_read(counters: Mapping[str, CounterInfo]) -> float:
    return counters["media_read"].value
