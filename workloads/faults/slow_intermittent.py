"""A part is slow now and then."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="slow-intermittent",
    summary="a part is 50 ms slower, half of the time",
    kind="slow",
    parameters={"delay": 0.05, "mode": "intermittent", "period": 0.5},
    check=False,
    invariants=("I5", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
