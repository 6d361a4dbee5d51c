"""A region cannot be read or written any more, until it is replaced."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="bad-region",
    summary="a region fails with EIO, the rest must not",
    kind="error",
    parameters={"offset": 0.5, "length": 0.125, "operations": "read,write"},
    errnos=("EIO",),
    invariants=("I1", "I2", "I3", "I4", "I5", "I6", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
