"""From a fault and its parameters to the rule that the faulty server follows."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from ..common.errors import InputError
from .base import Facts, Fault
from .faulty_control import OPERATIONS, Rule

_SECTOR = 512
_ON_THE_WIRE = {"EROFS": "EPERM", "EDQUOT": "ENOSPC", "EFBIG": "ENOSPC"}
_OF_NBD = ("EPERM", "EIO", "ENOMEM", "EINVAL", "ENOSPC", "ESHUTDOWN")
"""The errors that NBD has; nbdkit makes EINVAL of every other one but those above."""


class _Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a fault of the data plane can be given."""

    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    seed: int = 1
    operations: str = "read,write,flush"
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    length: Annotated[int, msgspec.Meta(ge=0)] = 0
    errno: str = "EIO"
    wrong: str = "EINVAL"
    spread: Annotated[int, msgspec.Meta(ge=1)] = 1 << 20
    delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.02
    mode: Literal["constant", "intermittent", "growing"] = "constant"
    period: Annotated[float, msgspec.Meta(gt=0, le=3600)] = 1.0
    block_size: Annotated[int, msgspec.Meta(ge=512)] = 4096


_REGION = ("offset", "length")
_HITS = ("share", "count", "seed")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "slow": (*_HITS, *_REGION, "operations", "delay", "mode", "period"),
    "error": (*_HITS, *_REGION, "operations", "errno"),
    "wrong-errno": (*_HITS, *_REGION, "operations", "errno", "wrong"),
    "unconfined-error": (*_HITS, *_REGION, "operations", "errno", "spread"),
    "read-only": (),
    "no-space": (*_HITS, *_REGION),
    "misdirected-write": (*_HITS, *_REGION),
    "lost-write": (*_HITS, *_REGION),
    "torn-write": (*_HITS, *_REGION),
    "stale-read": (*_HITS, *_REGION),
    "lying-flush": _HITS,
    "reordered-flush": ("share", "seed"),
}
_DEFAULTS: dict[str, dict[str, str | int | float]] = {
    "slow": {"operations": "read,write,flush,trim"},
    "unconfined-error": {"operations": "read,write", "length": 1 << 16},
    "reordered-flush": {"share": 0.5},
}
_WRITES = frozenset({"write"})
_FIXED: dict[str, frozenset[str]] = {
    "read-only": frozenset({"write", "trim"}),
    "no-space": _WRITES,
    "misdirected-write": _WRITES,
    "lost-write": _WRITES,
    "torn-write": _WRITES,
    "stale-read": frozenset({"read", "write"}),
    "lying-flush": frozenset({"flush"}),
    "reordered-flush": frozenset({"flush"}),
}
"""The operations of the kinds that have no choice of them."""


def rule_of(fault: Fault, capacity: int) -> tuple[Rule, Facts]:
    """Give the rule of a fault on a device of `capacity` bytes, and what a reader must know of it.

    Raises `InputError` for parameters that the kind does not have or that make no sense.
    """
    kind, given = fault.kind, parameters_of(fault, _PARAMETERS[fault.kind])
    values = msgspec.convert({**_DEFAULTS.get(kind, {}), **given}, _Parameters)
    operations = _FIXED.get(kind) or _operations(values.operations)
    offset, length, facts = _region(kind, values, given, capacity)
    rule = Rule(
        operations, offset, length, values.share, values.count, values.seed, 0, values.mode, values.delay, values.period
    )
    match kind:
        case "error" | "unconfined-error":
            rule = msgspec.structs.replace(rule, errno=_number(values.errno))
            facts |= {"fault_errno": values.errno, "fault_errno_seen": _seen(values.errno)}
        case "wrong-errno":
            rule = msgspec.structs.replace(rule, errno=_number(values.wrong))
            facts |= {"fault_errno": values.errno, "fault_errno_seen": _seen(values.wrong)}
        case "read-only":
            rule = msgspec.structs.replace(rule, errno=errno.EROFS)
            facts |= {"fault_errno": "EROFS", "fault_errno_seen": _seen("EROFS")}
        case "no-space":
            facts |= {"fault_errno": "ENOSPC", "fault_errno_seen": "ENOSPC"}
        case "slow":
            facts |= {"fault_delay_s": values.delay, "fault_mode": values.mode}
    return rule, facts


def parameters_of(fault: Fault, known: tuple[str, ...]) -> Mapping[str, str | int | float]:
    """Give a fault's parameters, of which each is known and of its type. Raises `InputError`."""
    for name in fault.parameters:
        if name not in known:
            raise InputError(
                f"the fault '{fault.kind}' has no parameter '{name}'",
                hint=f"It has: {', '.join(known)}." if known else "It has none.",
            )
    try:
        msgspec.convert({name: value for name, value in fault.parameters.items() if name in _NAMES}, _Parameters)
    except msgspec.ValidationError as error:
        raise InputError(f"the fault '{fault.kind}': {error}") from None
    return fault.parameters


def numbers_of(fault: Fault, defaults: Mapping[str, int]) -> dict[str, int]:
    """Give a fault's whole numbers, of which `defaults` has all. Raises `InputError`."""
    return {**defaults, **{name: int(value) for name, value in parameters_of(fault, tuple(defaults)).items()}}


_NAMES = frozenset(_Parameters.__struct_fields__)


def _operations(text: str) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names or not names <= set(OPERATIONS):
        raise InputError(f"'{text}' are no operations", hint=f"Some of: {','.join(OPERATIONS)}.")
    return names


def _region(
    kind: str, values: _Parameters, given: Mapping[str, str | int | float], capacity: int
) -> tuple[int, int, Facts]:
    """Give the region that the server watches, and the one that is meant to be bad."""
    offset, length = values.offset, values.length
    if kind == "unconfined-error" and "offset" not in given:
        offset = capacity // 2 // _SECTOR * _SECTOR
    if length and offset >= capacity:
        raise InputError(f"the region begins at {offset:,}, behind the device's end at {capacity:,}")
    if offset and not length:
        length = capacity - offset
    facts: Facts = {"fault_offset": offset, "fault_length": length} if length else {}
    if kind == "unconfined-error":
        facts["fault_spread"] = values.spread
        end = min(capacity, offset + length + values.spread)
        offset = max(0, offset - values.spread)
        length = end - offset
    return offset, length, facts


def _number(name: str) -> int:
    number = getattr(errno, name, None)
    if not isinstance(number, int):
        raise InputError(f"there is no errno '{name}'", hint="Like EIO, ENOSPC or EINVAL.")
    return number


def _seen(name: str) -> str:
    """Give the errno that a client of the server sees."""
    _number(name)
    return name if name in _OF_NBD else _ON_THE_WIRE.get(name, "EINVAL")
