"""Which kinds of devices there are, builtin and by plug-ins, and which one a URL means."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import msgspec

from ..common.errors import InputError, nearest
from ..common.parameters import describe_parameters, parse_parameters
from ..common.plugins import Listed, builtin, lacks, load_plugins
from .base import API_VERSION, Device, DeviceKind

GROUP = "storbench.devices"

_BUILTIN = (
    "file", "block", "nbd_memory", "nbd_file", "nbd_tcp", "nbd_unix", "nbd_emu", "mirror", "sim", "emu",
    "gluster", "gluster_local", "rbd", "rbd_local",
)  # fmt: skip


def device_kinds() -> list[Listed]:
    """Give every kind of device by its scheme, the broken ones with their reason."""
    kinds = [import_module(f".{name}", __package__).KIND for name in _BUILTIN]
    own = [builtin(kind.scheme, kind) for kind in kinds]
    taken = [one.name for one in own]
    return own + load_plugins(GROUP, name_of=lambda found: str(found.scheme), fault_of=_fault, taken=taken)


def resolve_device(url: str) -> Device:
    """Build the device of a URL, `SCHEME:ADDRESS[?KEY=VALUE&…]`. Nothing is touched.

    Raises `InputError` for an unknown scheme or key with the nearest known one, and for a wrong value.
    """
    place, query = _parts(url)
    found = _kind_of(place)
    if found is None:
        raise _unknown(url, place)
    kind: DeviceKind = found.usable("device kind")
    address = place[len(kind.scheme) :].removeprefix(":")
    return kind.resolve(url, address, parse_parameters(kind.parameters, query, f"device '{url}'"))


def _unknown(url: str, place: str) -> InputError:
    scheme, colon, _ = place.partition(":")
    if not colon:
        return InputError(f"'{url}' has no device scheme", hint=f"For a file write file:{place}?size=256MiB.")
    known = [one.name for one in device_kinds()]
    return InputError(f"'{url}': there is no device scheme '{scheme}'", hint=nearest(scheme, known))


def _parts(url: str) -> tuple[str, Mapping[str, str]]:
    place, mark, text = url.partition("?")
    query: dict[str, str] = {}
    for item in text.split("&") if mark else ():
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise InputError(
                f"'{url}': '{item}' is not KEY=VALUE", hint="Write it like file:t.bin?size=256MiB&direct=false."
            )
        if key in query:
            raise InputError(f"'{url}': '{key}' is given twice")
        query[key] = unquote(value)
    return place, query


def _kind_of(place: str) -> Listed | None:
    """Find the longest scheme that a URL begins with; one that ends in `-` goes on with the device's own name."""
    fitting = [
        one
        for one in device_kinds()
        if place == one.name or place.startswith(one.name if one.name.endswith("-") else f"{one.name}:")
    ]
    return max(fitting, key=lambda one: len(one.name), default=None)


def _fault(found: object) -> str:
    """Say why an object is no kind of device; empty where it is one."""
    if missing := lacks(found, ("scheme", "summary", "example", "api_version", "parameters", "resolve")):
        return missing
    kind: Any = found
    if kind.api_version != API_VERSION:
        return f"it is written for version {kind.api_version} of the device interface, this is {API_VERSION}"
    if not (isinstance(kind.parameters, type) and issubclass(kind.parameters, msgspec.Struct)):
        return "its parameters are not a msgspec struct"
    describe_parameters(kind.parameters)
    return ""
