"""Only the first sectors of writes are done, and all is acknowledged."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="torn-write",
    summary="of one write in twenty only the first sectors are done, and all is acknowledged",
    kind="torn-write",
    parameters={"share": 0.05},
    load=False,
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
