"""One replica is killed: what is left must carry on, and redundancy must come back."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="replica-killed",
    summary="one member is killed, restarted and brought up to date under load",
    kind="kill",
    redundancy="needed",
)
WORKLOAD = FaultWorkload(CLASS)
