"""A member that missed writes returns without being brought up to date: what is read must be right all the same."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="stale-replica",
    summary="a member returns without what it missed; what is read must be right all the same",
    kind="kill",
    redundancy="needed",
    load=False,
    steps="stale-replica",
    invariants=("I1", "I2", "I3", "I4"),
)
WORKLOAD = FaultWorkload(CLASS)
