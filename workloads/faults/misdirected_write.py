"""Writes land elsewhere, and are acknowledged."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="misdirected-write",
    summary="one write in twenty lands elsewhere, and is acknowledged",
    kind="misdirected-write",
    parameters={"share": 0.05},
    load=False,
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
