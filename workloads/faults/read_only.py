"""The device takes no writes any more, as worn flash does."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="read-only",
    summary="writes fail, reads go on, as with worn flash",
    kind="read-only",
    errnos=("EROFS", "EPERM"),
    invariants=("I1", "I2", "I3", "I4", "I5", "I6", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
