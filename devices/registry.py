"""Which kinds of devices there are, builtin and by plug-ins, and which one a URL means."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import unquote

import msgspec

from .. import __version__
from ..common.errors import InputError, nearest
from ..common.parameters import describe_parameters, parse_parameters
from ..common.plugins import Plugin, lacks, load_plugins
from .base import API_VERSION, Device, DeviceKind

GROUP = "storbench.devices"
DISTRIBUTION = "storbench"

_BUILTIN = ("file", "block", "nbd_memory", "nbd_file", "nbd_tcp", "nbd_unix")


class Listed(msgspec.Struct, frozen=True):
    """One kind of device as `storbench list` shows it."""

    name: str
    """Its scheme."""
    summary: str
    distribution: str
    version: str
    broken: str = ""
    """Why it cannot be used; empty where it can."""
    example: str = ""
    parameters: type[Any] | None = None
    kind: Any = None


def device_kinds() -> list[Listed]:
    """Give every kind of device, the broken ones with their reason."""
    modules = [import_module(f".{name}", __package__) for name in _BUILTIN]
    own = [_listed(module.KIND, DISTRIBUTION, __version__) for module in modules]
    plugins = load_plugins(
        GROUP,
        name_of=lambda found: found.scheme,
        fault_of=_fault,
        taken=[one.name for one in own],
        owner=DISTRIBUTION,
    )
    return own + [
        Listed(p.name, "", p.distribution, p.version, p.broken)
        if p.broken
        else _listed(p.object, p.distribution, p.version)
        for p in plugins
    ]


def resolve_device(url: str) -> Device:
    """Build the device of a URL, `SCHEME:ADDRESS[?KEY=VALUE&…]`. Nothing is touched.

    Raises `InputError` for an unknown scheme or key with the nearest known one, and for a wrong value.
    """
    place, query = _parts(url)
    found = _kind_of(place)
    if found is None:
        raise _unknown(url, place)
    # A broken plug-in stops with its reason here, and only here.
    plugin = Plugin(found.name, found.distribution, found.version, found.kind, found.broken)
    kind: DeviceKind = plugin.usable("device kind")
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
    """Find the longest scheme that a URL begins with."""
    fitting = [one for one in device_kinds() if place == one.name or place.startswith(f"{one.name}:")]
    return max(fitting, key=lambda one: len(one.name), default=None)


def _listed(kind: DeviceKind, distribution: str, version: str) -> Listed:
    return Listed(kind.scheme, kind.summary, distribution, version, "", kind.example, kind.parameters, kind)


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
