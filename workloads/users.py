"""More and more concurrent clients on one data set, each with a stream of its own.

The data set is the same for every number of clients, so what changes from step to step is the concurrency alone. Each
step's measurement has one entry per client: from those come the total, Jain's fairness index, the slowest and the
fastest client, and the worst client's p99.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from ..common.units import Count, Fraction, Rate, Size
from ..devices.base import DeviceInfo
from .base import BuiltinWorkload
from .job import Job
from .phases import LoadParameters, load_fields, sweep_plan
from .steps import Measure, Plan

Clients = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class UsersParameters(LoadParameters, frozen=True):
    """`clients` sweeps; the rest holds for every client."""

    clients: Annotated[tuple[Clients, ...], msgspec.Meta(min_length=1)] = (1, 4, 16, 64, 256)
    block_size: Size = 4096
    read_fraction: Fraction = 0.7
    queue_depth: Count = 1
    """I/Os in flight per client."""
    rate_per_client: Rate | None = None
    """Limit of each client, I/Os per second."""
    distribution: str = "uniform"
    fsync_every: Annotated[int, msgspec.Meta(ge=0)] = 0


class Users(BuiltinWorkload):
    """Concurrent clients on one data set."""

    name = "users"
    summary = "1, 4, 16, 64, 256 concurrent clients on one data set: total, fairness, slowest client, worst p99"
    parameters = UsersParameters

    def plan(self, device: DeviceInfo, parameters: UsersParameters) -> Plan:
        """Measure each number of clients for `duration`; a blank target is filled first if anything is read."""
        names = ("block_size", "read_fraction", "queue_depth", "distribution", "fsync_every")
        fixed: dict[str, Any] = load_fields(parameters) | {name: getattr(parameters, name) for name in names}
        rate = parameters.rate_per_client
        steps = [
            Measure(
                f"{clients} client" + ("s" if clients > 1 else ""),
                Job(**fixed, jobs=clients, rate_iops=rate and rate * clients),
                labels={"clients": clients} if len(parameters.clients) > 1 else {},
            )
            for clients in parameters.clients
        ]
        return sweep_plan(device, parameters, steps)


WORKLOAD = Users()
