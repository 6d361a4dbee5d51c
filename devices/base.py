"""What a device is: what can be known without touching it, whether it may be written, how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

API_VERSION = 1

Facts = dict[str, str | int | float | bool | None]
"""Configuration of a device or a host: flat, names in the field's words, values as the system gives them."""


class DeviceInfo(msgspec.Struct, frozen=True):
    """What a plan may depend on: known, or decided, before the device is opened."""

    url: str
    scheme: str
    size: int
    """Bytes."""
    logical_block_size: int = 512
    blank: bool = False
    """Its contents do not exist before the run: a new file, memory. Reading it unfilled would measure holes."""
    engine: str = "fio"
    """What executes jobs on it: `fio`, or `model` in virtual time."""


class Opening(msgspec.Struct, frozen=True):
    """What a device may use while it is opened, decided by the harness."""

    run_id: str
    write: bool
    """The plan writes; a device that is not written is opened so that it cannot be."""
    destroy: frozenset[str] = frozenset()
    """Serials whose contents may be destroyed, typed by the user."""
    ioengines: frozenset[str] = frozenset()
    """The engines of the fio that is here; empty where there is none."""
    resuming: bool = False


class Target(msgspec.Struct, frozen=True):
    """What an engine needs to put load on an opened device."""

    size: int
    options: dict[str, str]
    """The fio options that address it: ioengine, filename or uri, direct."""
    logical_block_size: int = 512
    fresh: bool = False
    """The contents were made at this opening; what earlier steps wrote is not there."""
    environment: dict[str, str] = {}
    """Variables that the engine's process needs besides its own."""
    model: object = None
    """Of a device in virtual time, the model itself: its state and its clock are made at this opening."""
    emulation: object = None
    """Of a device that is emulated in real time, the model that the front ends share."""
    fastest_ns: Callable[[int], int] | None = None
    """Of such a device, the shortest time that its model takes for a block of that size at depth 1."""
    notes: tuple[str, ...] = ()
    """What a reader of the numbers must know, such as that caching could not be bypassed."""


@runtime_checkable
class Device(Protocol):
    """One device, resolved from its URL and not yet touched."""

    def info(self) -> DeviceInfo:
        """Give what a plan may depend on. Raises `InputError` where the address leads nowhere."""
        ...

    def facts(self) -> Facts:
        """Give model, serial, firmware, file system and whatever else identifies it; read again at the end."""
        ...

    def check(self, opening: Opening) -> None:
        """Refuse before anything is touched. Raises `InputError` or `SafetyError`."""
        ...

    def open(self, opening: Opening) -> AbstractContextManager[Target]:
        """Make it ready, and put everything back when the block ends."""
        ...


@runtime_checkable
class DeviceKind(Protocol):
    """How a URL becomes a device: one object per kind, in one small file."""

    scheme: str
    summary: str
    example: str
    api_version: int
    parameters: type[Any]
    """A struct of the query's keys: types, units, bounds, defaults."""

    def resolve(self, url: str, address: str, parameters: Any) -> Device:
        """Build the device. Raises `InputError` for an address that makes no sense."""
        ...


@runtime_checkable
class Surviving(Protocol):
    """Capability: something of the device outlives a killed harness and can be removed later."""

    def discard(self, run_id: str) -> None:
        """Remove what run `run_id` left behind; nothing that it did not make."""
        ...


def known_facts(values: Facts) -> Facts:
    """Leave out what is not known."""
    return {name: value for name, value in values.items() if value is not None}
