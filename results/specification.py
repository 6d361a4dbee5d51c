"""What a workload that follows a published specification says about itself; kept with the recipe of a run."""

from __future__ import annotations

from typing import Any

import msgspec


class Uncertain(msgspec.Struct, frozen=True):
    """One item of a specification that is not certain: sources conflict, or there is only one."""

    item: str
    value: str
    """What was used."""
    source: str
    mark: str
    """`conflicting` or `single source`."""


class Specification(msgspec.Struct, frozen=True):
    """A specification as it was applied."""

    name: str
    """Of the workload: `snia.iops`."""
    title: str
    """`IOPS test`"""
    standard: str
    """`SNIA SSS PTS-E`"""
    revision: str
    """`2.0.2`"""
    tests: tuple[str, ...]
    """The tests that were asked for, in order, as in the steps' label `test`."""
    rule: str = ""
    """Of the steady state; empty where there is none."""
    required: dict[str, Any] = {}
    """What the specification demands, by parameter: what a run is compared with to call it conformant."""
    uncertain: tuple[Uncertain, ...] = ()
