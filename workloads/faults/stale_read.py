"""Reads give what was there before the last write."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="stale-read",
    summary="one read in ten gives what was there before the last write",
    kind="stale-read",
    parameters={"share": 0.1},
    load=False,
    reads_during=True,
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
