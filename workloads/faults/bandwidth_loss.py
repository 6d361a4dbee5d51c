"""The network has lost most of its bandwidth."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="bandwidth-loss",
    summary="the link to the server has 1 MB/s left",
    kind="bandwidth",
    parameters={"rate": 1000000},
    reconnects=True,
    check=False,
    invariants=("I5", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
