"""A second member fails while the first is away: nothing may be lost, whatever stops."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="second-fault",
    summary="a second member is killed while the first is away; both come back",
    kind="kill",
    redundancy="needed",
    load=False,
    steps="second-fault",
    errnos=("EIO", "ENOTCONN", "ESHUTDOWN", "ECONNRESET", "EPIPE", "ETIMEDOUT"),
    invariants=("I1", "I2", "I3", "I4", "I6"),
)
WORKLOAD = FaultWorkload(CLASS)
