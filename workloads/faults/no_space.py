"""There is no space left for what was never written."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="no-space",
    summary="writes to what was never written fail with ENOSPC",
    kind="no-space",
    load=False,
    prefill=False,
    errnos=("ENOSPC",),
    invariants=("I1", "I2", "I3", "I4", "I6"),
)
WORKLOAD = FaultWorkload(CLASS)
