"""The composite block size workload, which E-1.1 calls the enterprise composite workload."""

from __future__ import annotations

from .demand import DemandTest
from .parameters import DemandParameters


class Cbw(DemandTest):
    """Twelve block sizes, half of the accesses to the first twentieth of the range."""

    name = "snia.cbw"
    summary = "SNIA PTS: composite block sizes under every demand of threads and queue depths"
    test = "cbw"
    parameters = DemandParameters


WORKLOAD = Cbw()
