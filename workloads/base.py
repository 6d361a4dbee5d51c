"""What a workload is: one object with a name, a summary, typed parameters and a plan."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import msgspec

from ..devices.base import DeviceInfo
from ..results.specification import Specification
from .steps import Plan

API_VERSION = 1
"""Raised when a workload written for the old contract would misbehave; plug-ins of another version are refused."""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every workload's parameters: frozen, unknown keys refused."""


@runtime_checkable
class Workload(Protocol):
    """A named, parameterised procedure.

    `parameters` is a `Parameters` struct: names, types, units, bounds and defaults are declared there and nowhere else.
    """

    name: str
    summary: str
    api_version: int
    parameters: type[Any]

    def plan(self, device: DeviceInfo, parameters: Any) -> Plan:
        """Yield steps. Raise `InputError` before the first one if the device cannot take them."""
        ...


@runtime_checkable
class Specified(Protocol):
    """Capability of a workload: it follows a published specification, so that a run of it can be certified."""

    def specification(self, device: DeviceInfo, parameters: Any) -> Specification:
        """Say which, as it is applied to this device with these parameters."""
        ...


class BuiltinWorkload:
    """The base of the workloads that come with storbench; third parties need only the attributes."""

    name: str
    summary: str
    api_version: int = API_VERSION
    parameters: type[Any]
