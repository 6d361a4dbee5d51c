"""Another client is killed in the middle of its requests: it must harm nobody else."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="client-killed",
    summary="another client is killed in the middle of its writes",
    kind="client-killed",
    reconnects=True,  # nbdkit 1.32 may end when a client dies in the middle (an assertion in connections.c)
    invariants=("I1", "I2", "I3", "I4", "I5", "I7", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
