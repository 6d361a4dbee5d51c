"""The only copy is killed and restarted: a client that connects again must see a pause and nothing else."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="server-restarted",
    summary="the only server is killed and restarted; the client connects again",
    kind="kill",
    redundancy="none",
    reconnects=True,
    stops=True,
)
WORKLOAD = FaultWorkload(CLASS)
