"""The fault classes that come with storbench, in the order in which the suite goes through them."""

from __future__ import annotations

from importlib import import_module

from .fault_class import FaultClass

NAMES = (
    "no-space",  # first: it needs what was never written
    "replica-killed", "server-restarted", "hang", "slow", "slow-intermittent", "slow-growing", "transient-error",
    "bad-region", "bit-flip", "misdirected-write", "lost-write", "stale-read", "torn-write", "power-cut", "read-only",
    "truncation", "network-cut", "bandwidth-loss", "rebuild", "second-fault", "stale-replica", "overload",
    "client-killed", "fio-killed", "log-disk-full",
)  # fmt: skip
PREFIX = "faults."
SUITE = f"{PREFIX}suite"


def class_named(name: str) -> FaultClass:
    """Give a class by its name without the prefix."""
    found: FaultClass = import_module(f".{name.replace('-', '_')}", __package__).CLASS
    return found


def module_of(workload: str) -> str:
    """Give the module of a workload's name, `faults.replica-killed`, relative to `workloads`."""
    return workload.replace("-", "_")
