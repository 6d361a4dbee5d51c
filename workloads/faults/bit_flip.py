"""Bits flip in what is at rest, and nobody says so."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="bit-flip",
    summary="bits flip in blocks at rest, without an error",
    kind="bit-flip",
    parameters={"count": 8},
    load=False,
    begins_at_rest=True,
    reads_during=True,
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
