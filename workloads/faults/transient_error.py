"""Some requests fail, and would succeed if they were tried again."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="transient-error",
    summary="one request in ten fails with EIO, anywhere, for a while",
    kind="error",
    parameters={"share": 0.1, "operations": "read,write"},
    errnos=("EIO",),
    invariants=("I1", "I2", "I3", "I4", "I5", "I6", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
