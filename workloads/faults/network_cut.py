"""The network is cut: what comes after it is a pause and nothing else."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="network-cut",
    summary="the link to the server is down and comes up again; the client connects again",
    kind="network-cut",
    reconnects=True,
    stops=True,
)
WORKLOAD = FaultWorkload(CLASS)
