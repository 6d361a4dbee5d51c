"""Writes are acknowledged and not done."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="lost-write",
    summary="one write in twenty is acknowledged and not done",
    kind="lost-write",
    parameters={"share": 0.05},
    load=False,
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
