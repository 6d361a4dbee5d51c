"""The load generator is killed: that must be noticed, and never look like a result."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="fio-killed",
    summary="the load generator itself is killed: that must be noticed",
    kind="fio-killed",
    reconnects=True,  # nbdkit 1.32 may end when a client dies in the middle (an assertion in connections.c)
    breaks=True,
    invariants=("I6",),
)
WORKLOAD = FaultWorkload(CLASS)
