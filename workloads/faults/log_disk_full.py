"""The log of the load generator cannot be written: that must be noticed, and never look like a result."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="log-disk-full",
    summary="the log of the I/Os cannot be written: that must be noticed",
    kind="log-disk-full",
    reconnects=True,  # nbdkit 1.32 may end when a client dies in the middle (an assertion in connections.c)
    breaks=True,
    invariants=("I6",),
)
WORKLOAD = FaultWorkload(CLASS)
