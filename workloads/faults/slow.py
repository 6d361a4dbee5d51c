"""A part is slow all the time: fail-slow hardware, which costs more than what fails outright."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="slow",
    summary="a part takes 20 ms longer for each request",
    kind="slow",
    parameters={"delay": 0.02},
    check=False,
    invariants=("I5", "I9"),
)
WORKLOAD = FaultWorkload(CLASS)
