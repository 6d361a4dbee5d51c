"""The medium is shorter than it was."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="truncation",
    summary="the medium loses its last part and gets it back, empty",
    kind="truncate",
    errnos=("EIO", "ENOSPC", "EINVAL"),
    invariants=("I1", "I2", "I3", "I4", "I5", "I6", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
