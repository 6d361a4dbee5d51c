"""A part becomes slower and slower."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="slow-growing",
    summary="a part becomes slower and slower, up to 100 ms",
    kind="slow",
    parameters={"delay": 0.1, "mode": "growing", "period": 3.0},
    check=False,
    invariants=("I5", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
