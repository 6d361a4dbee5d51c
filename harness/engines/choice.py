"""Which engine executes jobs on which devices."""

from __future__ import annotations

from ...devices.base import DeviceInfo
from .base import Engine


def engine_for(info: DeviceInfo) -> Engine:
    """Give the engine that a device asks for; engines are imported only when they are used."""
    if info.engine == "model":
        from .model.engine import ModelEngine

        return ModelEngine()
    from .fio.engine import FioEngine

    return FioEngine()


def ioengines_for(info: DeviceInfo) -> frozenset[str]:
    """Give the I/O engines of the fio that is here; none where the device needs no fio."""
    if info.engine == "model":
        return frozenset()
    from .fio.probe import probe

    return probe().ioengines
