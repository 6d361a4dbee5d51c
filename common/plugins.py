"""Plug-ins by entry point: each loaded and judged by itself, so that a broken one is named and skipped, never fatal."""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from .. import __version__
from .errors import InputError

DISTRIBUTION = "storbench"


class Listed(msgspec.Struct, frozen=True):
    """One thing that can be named on the command line, and where it comes from."""

    name: str
    distribution: str
    version: str
    object: Any = None
    broken: str = ""
    """Why it cannot be used; empty where it can."""

    @property
    def summary(self) -> str:
        """What it is, in one line; empty where it is broken."""
        return str(getattr(self.object, "summary", ""))

    @property
    def example(self) -> str:
        """How to name it; empty where nothing but the name is needed."""
        return str(getattr(self.object, "example", ""))

    @property
    def parameters(self) -> type[Any] | None:
        """The struct of its parameters, None where it has none."""
        return getattr(self.object, "parameters", None)

    def usable(self, what: str) -> Any:
        """Give the object. Raises `InputError` with the reason where it is broken; `what` is its kind in words."""
        if self.broken:
            raise InputError(
                f"{what} '{self.name}' of {self.distribution} {self.version} cannot be used: {self.broken}",
                hint="Update or remove that distribution.",
            )
        return self.object


def builtin(name: str, found: object) -> Listed:
    """List something of storbench's own."""
    return Listed(name, DISTRIBUTION, __version__, found)


def load_plugins(
    group: str, *, name_of: Callable[[Any], str], fault_of: Callable[[Any], str], taken: Collection[str]
) -> list[Listed]:
    """Load every entry point of a group, in an order that does not change.

    `fault_of` says why an object cannot be used, empty where it can. Names in `taken` are storbench's own; a plug-in
    that wants one of them, or the name of an earlier plug-in, is broken.
    """
    owners = dict.fromkeys(taken, DISTRIBUTION)
    found = []
    for entry in sorted(entry_points(group=group), key=lambda entry: (_origin(entry), entry.name)):
        plugin = _load(entry, name_of, fault_of)
        if not plugin.broken and plugin.name in owners:
            reason = f"{owners[plugin.name]} has one of this name already"
            plugin = msgspec.structs.replace(plugin, object=None, broken=reason)
        if not plugin.broken:
            owners[plugin.name] = plugin.distribution
        found.append(plugin)
    return found


def lacks(found: object, names: Collection[str]) -> str:
    """Say which of the attributes an object does not have, or that it is a class; empty where all is well."""
    if isinstance(found, type):
        return "it is a class; the entry point must lead to an object"
    missing = [name for name in names if not hasattr(found, name)]
    return f"it lacks {', '.join(missing)}" if missing else ""


def _load(entry: EntryPoint, name_of: Callable[[Any], str], fault_of: Callable[[Any], str]) -> Listed:
    distribution, version = _origin(entry)
    try:
        found = entry.load()
        broken = fault_of(found)
        name = entry.name if broken else name_of(found)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code may raise anything
        found, name = None, entry.name
        broken = f"loading {entry.value} raised {type(error).__name__}: {error}"
    return Listed(name, distribution, version, None if broken else found, broken)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist is not None else ("", "")
