"""What the tests of the device models share: a model for a moment, and one client's load run to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from storbench.devices.native_library import Model
from storbench.devices.native_load import Client, Load

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4096


@contextmanager
def made(kind: str, parameters: dict[str, float]) -> Iterator[Model]:
    """Make a model for a moment."""
    model = Model(kind, parameters)
    try:
        yield model
    finally:
        model.close()


def load(model: Model, **client: Any) -> Load:
    """Run one client's load to its end: random 4 KiB writes over all of it, unless told otherwise."""
    described = Client(**{"seed": 1, "span": model.capacity, "sizes": ((PAGE, 1.0),), "read_percent": 0, **client})
    running = Load(model, model.now, [described])
    assert running.run() == "ended"
    model.now = running.now
    return running


def rate(model: Model, **client: Any) -> float:
    """Give the IOPS of a load."""
    began = model.now
    with load(model, **client) as done:
        totals = done.totals(0)
        return (totals.ios[0] + totals.ios[1]) / ((model.now - began) / 1e9)


def grown(model: Model, before: dict[str, Any], name: str) -> float:
    """Give by how much a counter has grown."""
    return float(model.counters()[name].value - before[name].value)
