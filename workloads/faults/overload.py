"""Another client asks for all that the device can give."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="overload",
    summary="another client asks for as much as the device gives, 64 requests at a time",
    kind="overload",
    reconnects=True,
    parameters={"queue_depth": 64},
    check=False,
    invariants=("I5", "I7", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
