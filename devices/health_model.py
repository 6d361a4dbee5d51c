"""The health of an emulated device: its model's counters, in the words that real devices use."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Facts
from .native_library import CounterInfo, Model
from .native_shared import SharedModel

_SAME = (
    "host_written", "host_read", "media_written", "media_read", "wear_mean", "wear_max",
    "temperature", "throttle_state", "throttle_events", "throttle_time",
)  # fmt: skip


def model_health(counters: Mapping[str, CounterInfo]) -> Facts:
    """Give what a model has counted since it was made; exact, to the byte."""
    found: Facts = {name: _plain(counters[name].value) for name in _SAME if name in counters}
    if "life_used" in counters:
        found["percentage_used"] = 100 * counters["life_used"].value
    # A profile without energies counts none: that is unknown, not nothing.
    if energy := counters["energy_device"].value if "energy_device" in counters else 0.0:
        found["energy"] = energy
    if "host_written" in found:
        found |= {"host_written_step": 1, "host_written_basis": "the model's counter, in bytes"}
    return {**found, "health_source": "the counters of the device's model"}


def emulated_health(*models: object) -> Facts:
    """Give the health of the first one that is a model."""
    for model in models:
        if isinstance(model, Model | SharedModel):
            return model_health(model.counters())
    return {"health_unavailable": "the device's model is not open"}


def _plain(value: float) -> int | float:
    return int(value) if value == int(value) else value
