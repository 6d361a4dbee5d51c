"""Power is cut: what was flushed must be there afterwards."""

from __future__ import annotations

from .fault_class import FaultClass
from .procedure import FaultWorkload

CLASS = FaultClass(
    name="power-cut",
    summary="a volatile write cache loses what was not flushed; what was flushed must be there",
    kind="power-cut",
    reconnects=True,
    stops=True,
)
WORKLOAD = FaultWorkload(CLASS)
