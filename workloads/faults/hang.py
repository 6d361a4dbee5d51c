"""A server hangs: it is alive and says nothing, which is worse than being dead."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="hang",
    summary="a server stops answering (SIGSTOP) and goes on later",
    kind="hang",
    stops=True,
)
WORKLOAD = FaultWorkload(CLASS)
