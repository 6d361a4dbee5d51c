"""What the tests of the specification have in common: a checked, seeded plan, and what it says about itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ...common.parameters import describe_parameters, format_value
from ...common.units import format_duration, format_size
from ...devices.base import DeviceInfo
from ...results.specification import Specification, Uncertain
from ..base import BuiltinWorkload
from ..phases import seeded
from ..steps import Note, Plan
from .editions import Edition, edition_named
from .parameters import SniaParameters
from .resolved import flat, required_of, resolved
from .setup import Setup, Steps


class SniaTest(BuiltinWorkload):
    """One test. A subclass says what is checked before the first step, and what the steps are."""

    test: str
    parameters = SniaParameters

    @abstractmethod
    def check(self, setup: Setup) -> None:
        """Refuse what the device cannot do. Raises `InputError`."""

    @abstractmethod
    def steps(self, setup: Setup) -> Steps[None]:
        """Give the steps, from the purge to the last one."""

    def plan(self, device: DeviceInfo, parameters: Any) -> Plan:
        """Check, then give the steps, each job with a seed of its own."""
        setup = Setup.of(device, parameters, self.test)
        self.check(setup)
        return seeded_plan(self.steps(setup), parameters.seed)

    def specification(self, device: DeviceInfo, parameters: Any) -> Specification:
        """Say which test of which edition it is, what is demanded, and what of that is uncertain."""
        title = getattr(edition_named(parameters.edition), self.test).title
        return specification_of(self.name, title, (self.test,), device, parameters)


def seeded_plan(steps: Steps[None], seed: int) -> Plan:
    """Give every job of a plan a seed that follows from `seed` and from its step's place."""
    index = 0
    step = next(steps, None)
    while step is not None:
        outcome = yield seeded(step, seed, index)
        index += 1
        try:
            step = steps.send(outcome)
        except StopIteration:
            step = None


def specification_of(
    name: str, title: str, tests: Sequence[str], device: DeviceInfo, parameters: SniaParameters
) -> Specification:
    """Give the specification of some tests of one edition."""
    edition, used = edition_named(parameters.edition), resolved(parameters)
    return Specification(
        name,
        title,
        edition.standard,
        edition.revision,
        tuple(tests),
        edition.rule,
        required_of(edition, tests),
        (*_uncertain(used, tests, parameters), *_large_blocks(used, tests, device)),
    )


def _uncertain(used: Edition, tests: Sequence[str], parameters: SniaParameters) -> list[Uncertain]:
    units = {parameter.name: parameter.unit for parameter in describe_parameters(type(parameters))}
    values = flat(used, tests) | {"dirth_block_size": used.dirth.mix[0].size}

    def shown(name: str) -> str:
        value = values[name]
        items = value if isinstance(value, (list, tuple)) else [value]
        return ", ".join(format_duration(v) if units[name] == "s" else format_value(v, units[name]) for v in items)

    return [
        Uncertain(one.item, " / ".join(map(shown, one.parameters)), one.source, one.mark)
        for one in used.uncertain
        if set(one.tests) & set(tests)
    ]


def _large_blocks(used: Edition, tests: Sequence[str], device: DeviceInfo) -> list[Uncertain]:
    """Say what takes the place of the block sizes below the logical block."""
    found = []
    for test in tests:
        table = getattr(used, test)
        if missing := missing_sizes(table, device):
            sizes, instead = ", ".join(map(format_size, missing)), instead_of_small(test, device)
            item = f"{test}: blocks of {sizes} on a logical block of {format_size(device.logical_block_size)}"
            found.append(Uncertain(item, instead, "the specification is silent, as far as is known", "single source"))
    return found


def missing_sizes(table: Any, device: DeviceInfo) -> list[int]:
    """Give the block sizes of a test that are no whole number of the device's logical blocks."""
    sizes = getattr(table, "block_sizes", None) or [share.size for share in getattr(table, "mix", ())]
    return [size for size in sizes if size % device.logical_block_size]


def instead_of_small(test: str, device: DeviceInfo) -> str:
    """Say what is done instead of blocks that are too small for the device."""
    smallest = format_size(max(4096, device.logical_block_size))
    return f"their shares go to {smallest}" if test in ("cbw", "dirth") else f"left out; {smallest} is the smallest"


def small_block_note(setup: Setup) -> Steps[None]:
    """Say in the record which block sizes the device cannot do, if there are any."""
    if missing := missing_sizes(getattr(setup.edition, setup.test), setup.device):
        sizes = ", ".join(map(format_size, missing))
        block = format_size(setup.device.logical_block_size)
        yield Note(setup.name(f"the logical block is {block}: {sizes}: {instead_of_small(setup.test, setup.device)}"))
