"""What a device is: what can be known without touching it, whether it may be written, how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec

API_VERSION = 1

COMPARE = "compare"
"""No fault but a look at all members of a redundant device: whether they hold the same. Nothing may write meanwhile."""

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
    faults: dict[str, str] = {}
    """The kinds of fault that it knows, each with an empty text, or why it cannot have it here; most have none."""
    parts: tuple[str, ...] = ()
    """Its members that can fail by themselves, by name: replicas, servers."""
    spare_parts: int = 0
    """How many of them may fail without a client noticing, by the device's own claim."""


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
    faults: frozenset[str] = frozenset()
    """The kinds of fault that the plan wants, the clients' among them; empty where nothing for faults is needed."""


class Target(msgspec.Struct, frozen=True):
    """What an engine needs to put load on an opened device."""

    size: int
    options: dict[str, str]
    """The fio options that address it: ioengine, filename or uri, direct."""
    logical_block_size: int = 512
    fresh: bool = False
    """The contents were made at this opening; what earlier steps wrote is not there."""
    reconnecting: dict[str, str] = {}
    """The options that address it by a hop which outlives the server and connects again; empty where there is none."""
    checked: dict[str, str] = {}
    """The options by which the integrity checker reaches it; empty where `options` will do."""
    command: tuple[str, ...] = ()
    """What the engine's command begins with, such as entering a network namespace."""
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


class Purged(msgspec.Struct, frozen=True):
    """What a purge did and whether it worked."""

    method: str
    """In the field's words: `nvme sanitize, block erase`, `file made anew`; `none` where nothing could be done."""
    returned: str = ""
    """What the tool or the kernel said, as it said it."""
    verified: bool | None = None
    """Whether a check showed that it worked; None where nothing could be checked."""
    check: str = ""
    """What was checked and found: `64 of 64 regions read as zeroes`."""


@runtime_checkable
class Purgeable(Protocol):
    """Capability: the opened device can be brought back to, or near to, fresh out of the box."""

    def purge(self, target: Target) -> Purged:
        """Purge and verify. Raises `MeasurementError` where it was begun and failed."""
        ...


@runtime_checkable
class Health(Protocol):
    """Capability: the device tells of its own state."""

    def health(self, target: Target) -> Facts:
        """Give what the device's own logs say now, in the words of `HEALTH`; only what is known."""
        ...


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to go wrong."""

    kind: str
    """What goes wrong, as the device names it: `kill`, `hang`, `slow`, `error`, `bit-flip`, …"""
    part: str = ""
    """Where: a replica, a link; empty for the device's only or first one."""
    parameters: dict[str, str | int | float] = {}
    """How much: seconds, errno, a region, a share; what is left out has the device's own default."""


@runtime_checkable
class FaultInjector(Protocol):
    """Capability: the opened device can be made to fail, and to stop failing."""

    def faults(self) -> Mapping[str, str]:
        """Name the kinds of fault that it can produce here and now; each with an empty text, or why it cannot."""
        ...

    def inject(self, target: Target, fault: Fault) -> Facts:
        """Begin a fault; give what was done. Raises `MeasurementError` where that fails."""
        ...

    def heal(self, target: Target, fault: Fault) -> Facts:
        """End it, and bring redundancy back as far as the device does that; give what was done and how long it took.

        Healing what is not broken does nothing. When the device is closed everything is healed, whatever happens.
        """
        ...


HEALTH: dict[str, tuple[str, str]] = {
    "temperature": ("degree_Celsius", "composite temperature"),
    "host_written": ("B", "bytes that hosts wrote"),
    "host_read": ("B", "bytes that hosts read"),
    "media_written": ("B", "bytes that the medium wrote, with the device's own moves"),
    "media_read": ("B", "bytes that were read from the medium, with the device's own moves"),
    "percentage_used": ("%", "rated life that is used"),
    "available_spare": ("%", "spare blocks that are left"),
    "critical_warning": ("1", "critical warning bits"),
    "media_errors": ("1", "unrecovered data integrity errors"),
    "unsafe_shutdowns": ("1", "power losses without notice"),
    "power_on_hours": ("h", "time under power"),
    "power_cycles": ("1", "power cycles"),
    "throttle_events": ("1", "times that the device slowed itself down for its temperature"),
    "throttle_time": ("s", "time in which it was slowed down"),
    "throttle_state": ("1", "whether it is slowed down now: 0 not, higher is more"),
    "hot_time": ("s", "time above its warning or critical temperature"),
    "wear_mean": ("1", "mean program/erase cycles"),
    "wear_max": ("1", "highest program/erase cycles"),
    "free_blocks": ("%", "blocks that are free"),
    "energy": ("J", "energy that was used"),
    "power_state": ("1", "NVMe power state, 0 is the highest"),
    "write_cache": ("", "volatile write cache as the device itself says: enabled or disabled"),
    "self_assessment": ("", "the device's own verdict: PASSED or FAILED"),
    "link_speed": ("", "negotiated speed of the link, as the device says"),
    "host_written_step": ("B", "what `host_written` is counted in"),
    "host_written_basis": ("", "which counter `host_written` comes from, and how sure its unit is"),
    "health_source": ("", "which tools or counters were asked"),
    "health_unavailable": ("", "what could not be read, and why"),
}
"""The names of health facts: unit and long name. Texts have no unit."""


def known_facts(values: Facts) -> Facts:
    """Leave out what is not known."""
    return {name: value for name, value in values.items() if value is not None}
