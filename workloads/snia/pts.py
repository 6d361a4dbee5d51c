"""Several tests of the specification in one run, one after the other, each from a purge of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ...common.errors import InputError
from ...devices.base import DeviceInfo
from ...results.specification import Specification
from ..base import BuiltinWorkload
from ..steps import Plan
from .parameters import (
    DirthParameters,
    HirParameters,
    LatencyParameters,
    SniaParameters,
    ThroughputParameters,
    WsatParameters,
    XsrParameters,
)
from .resolved import TESTS, TestName
from .setup import Setup, Steps
from .snia_test import SniaTest, seeded_plan, specification_of

_OWN = (ThroughputParameters, LatencyParameters, WsatParameters, HirParameters, XsrParameters, DirthParameters)


class _Chosen(SniaParameters, frozen=True):
    """What all tests have, and which are to be done."""

    tests: Annotated[tuple[TestName, ...], msgspec.Meta(min_length=1)] = TESTS
    """In this order."""


def _of_all_tests() -> type[msgspec.Struct]:
    """Make the struct with the parameters of every test; structs cannot inherit from several others."""
    fields = {
        field.name: (field.name, field.type, field.default)
        for kind in _OWN
        for field in msgspec.structs.fields(kind)
        if field.name not in _Chosen.__struct_fields__
    }
    return msgspec.defstruct("PtsParameters", list(fields.values()), bases=(_Chosen,), frozen=True)


if TYPE_CHECKING:
    PtsParameters = _Chosen
else:
    PtsParameters = _of_all_tests()


class Pts(BuiltinWorkload):
    """The specification as a whole, or a part of it."""

    name = "snia.pts"
    summary = "SNIA PTS: several of its tests in one run, by default all eight"
    parameters: type[Any] = PtsParameters

    def plan(self, device: DeviceInfo, parameters: PtsParameters) -> Plan:
        """Check every test, then give the steps of one after the other."""
        if len(set(parameters.tests)) < len(parameters.tests):
            raise InputError("a test is named twice", hint="Use --repeat to measure several times.")
        chosen = [(_test(name), Setup.of(device, parameters, name)) for name in parameters.tests]
        for test, setup in chosen:
            test.check(setup)
        return seeded_plan(_in_turn(chosen), parameters.seed)

    def specification(self, device: DeviceInfo, parameters: PtsParameters) -> Specification:
        """Say which tests of which edition they are, what is demanded, and what of that is uncertain."""
        return specification_of(self.name, "Performance Test Specification", parameters.tests, device, parameters)


def _test(name: str) -> SniaTest:
    found: SniaTest = import_module(f".{name}", __package__).WORKLOAD
    return found


def _in_turn(chosen: list[tuple[SniaTest, Setup]]) -> Steps[None]:
    for test, setup in chosen:
        yield from test.steps(setup)


WORKLOAD = Pts()
