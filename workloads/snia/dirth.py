"""The demand-intensity response-time histogram: the flow of CBW with one block size and one mix, which are chosen."""

from __future__ import annotations

from .demand import DemandTest
from .parameters import DirthParameters


class Dirth(DemandTest):
    """One block size."""

    name = "snia.dirth"
    summary = "SNIA PTS: response times under every demand, of one block size and one mix of reads and writes"
    test = "dirth"
    parameters = DirthParameters


WORKLOAD = Dirth()
