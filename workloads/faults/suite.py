"""All fault classes one after the other, on one device: what it cannot have is named with the reason, never passed."""

from __future__ import annotations

from collections.abc import Iterator

from ...common.errors import InputError, nearest
from ...devices.base import DeviceInfo
from ..base import BuiltinWorkload
from ..phases import checked_plan
from ..steps import Plan, Step
from .fault_class import FaultClass
from .names import NAMES, SUITE, class_named
from .parameters import SuiteParameters
from .procedure import class_steps, fill_steps, missing


class Suite(BuiltinWorkload):
    """The suite."""

    name = SUITE
    summary = "all fault classes: a matrix fault × invariant with a verdict in each cell"
    parameters = SuiteParameters

    def plan(self, device: DeviceInfo, parameters: SuiteParameters) -> Plan:
        """Go through the classes; the region is filled once, after those that need it unwritten."""
        return checked_plan(device, list(_steps(_chosen(parameters), device, parameters)))


def _steps(classes: list[FaultClass], device: DeviceInfo, parameters: SuiteParameters) -> Iterator[Step]:
    filled = False
    for fault_class in classes:
        if fault_class.prefill and not filled and not missing(fault_class, device):
            yield from fill_steps(device, parameters)
            filled = True
        yield from class_steps(fault_class, device, parameters)


def _chosen(parameters: SuiteParameters) -> list[FaultClass]:
    for name in (*parameters.only, *parameters.skip):
        if name not in NAMES:
            raise InputError(f"there is no fault class '{name}'", hint=nearest(name, NAMES))
    wanted = parameters.only or NAMES
    chosen = [name for name in NAMES if name in wanted and name not in parameters.skip]
    if not chosen:
        raise InputError("no fault class is left", hint="Leave out only= or skip=.")
    return [class_named(name) for name in chosen]


WORKLOAD = Suite()
