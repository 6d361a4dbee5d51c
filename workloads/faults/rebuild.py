"""A member is rebuilt while clients go on: how long it takes, and what it costs them."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="rebuild",
    summary="a member that missed writes is rebuilt under load; the fault is the rebuild itself",
    kind="kill",
    redundancy="needed",
    check=False,
    steps="rebuild",
    invariants=("I5", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
