"""Which workloads there are: builtin, plug-ins, shipped TOML files, and any TOML or fio file by its path.

A plug-in that cannot be used is named with the reason and skipped; it is never fatal for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec

from .. import __version__
from ..common.errors import InputError, nearest
from ..common.parameters import describe_parameters
from ..common.plugins import DISTRIBUTION, Listed, builtin, lacks, load_plugins
from .base import API_VERSION, Workload
from .faults.names import NAMES as FAULT_CLASSES
from .faults.names import PREFIX as FAULTS
from .faults.names import module_of
from .fio_file import FioFile, parse_fio_file, workload_name
from .fio_sections import parse_sections
from .fiosynth.suite import suite_named
from .toml_workload import TomlWorkload, parse_toml_workload

GROUP = "storbench.workloads"

_SNIA = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth", "pts")
_FIOSYNTH = ("cache-1h22", "he-flash-1h22", "he-flash-1h25", "ocp-2.6-loop", "search-1h22")
_BUILTIN = (
    "randrw", "sequential", "update", "users", "endurance", *(f"snia.{test}" for test in _SNIA),
    *(f"fiosynth.{suite}" for suite in _FIOSYNTH), *(f"{FAULTS}{name}" for name in (*FAULT_CLASSES, "suite")),
)  # fmt: skip
_FIO_SUFFIXES = (".fio", ".job", ".ini")
_EXAMPLES = Path(__file__).with_name("examples")
_LARGEST_FILE = 1 << 20


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a workload came from, enough to build it again: TOML and fio files by their text, which is only data."""

    kind: Literal["builtin", "plugin", "toml", "fio"]
    name: str
    text: str = ""
    distribution: str = ""
    version: str = ""


def workloads() -> list[Listed]:
    """Give every workload that has a name, the broken ones with their reason: builtin, shipped files, plug-ins."""
    return [*(builtin(w.name, w) for w in (*map(_builtin, _BUILTIN), *_shipped())), *_plugins()]


def find_workload(name_or_path: str) -> Workload:
    """Give the workload of a name, or of a path to a TOML workload or a fio job file.

    Raises `InputError`: for an unknown name with the nearest, for a broken plug-in with its reason.
    """
    if name_or_path in _BUILTIN:
        return _builtin(name_or_path)
    example = _EXAMPLES / f"{name_or_path}.toml"
    if name_or_path.isidentifier() and _is_file(example):
        return _toml_file(example)
    path = Path(name_or_path)
    if path.suffix in (".toml", *_FIO_SUFFIXES) or "/" in name_or_path:
        return _file(path)
    for plugin in _plugins():
        if plugin.name == name_or_path:
            return _workload(plugin)
    if _is_file(path):
        return _file(path)
    known = [listed.name for listed in workloads()]
    raise InputError(f"there is no workload '{name_or_path}'", hint=nearest(name_or_path, known))


def source_of(workload: Workload) -> Source:
    """Say where a workload came from, for the recipe in a run file."""
    if isinstance(workload, TomlWorkload):
        return Source("toml", workload.name, workload.text)
    if isinstance(workload, FioFile):
        return Source("fio", workload.name, workload.text)
    if workload.name in _BUILTIN and workload is _builtin(workload.name):
        return Source("builtin", workload.name, "", DISTRIBUTION, __version__)
    origin = next((p for p in _plugins() if p.name == workload.name and not p.broken), None)
    if origin is None:
        return Source("plugin", workload.name)
    return Source("plugin", workload.name, "", origin.distribution, origin.version)


def workload_from_source(source: Source) -> Workload:
    """Build the workload of a recipe again. Raises `InputError` where what it needs is not installed."""
    match source.kind:
        case "toml":
            return parse_toml_workload(source.text, f"the recipe of '{source.name}'", source.name)
        case "fio":
            return parse_fio_file(source.name, source.text, f"the recipe of '{source.name}'")
        case "builtin" if source.name in _BUILTIN:
            return _builtin(source.name)
        case "plugin":
            for plugin in _plugins():
                if plugin.name == source.name and plugin.distribution == source.distribution:
                    return _workload(plugin)
    origin = f"{source.distribution} {source.version}".strip() or "nowhere that is known"
    raise InputError(f"workload '{source.name}' comes from {origin}, which is not installed", hint="Install it.")


def _builtin(name: str) -> Workload:
    if name.startswith("fiosynth."):
        return suite_named(name)
    module = module_of(name) if name.startswith(FAULTS) else name
    workload: Workload = import_module(f".{module}", __package__).WORKLOAD
    return workload


def _shipped() -> Iterator[TomlWorkload]:
    for path in sorted(_EXAMPLES.glob("*.toml")):
        yield _toml_file(path)


def _toml_file(path: Path) -> TomlWorkload:
    return parse_toml_workload(_text_of(path), path.name, workload_name(path.name))


def _file(path: Path) -> Workload:
    if path.suffix == ".toml":
        return _toml_file(path)
    text = _text_of(path)
    if path.suffix not in _FIO_SUFFIXES:
        try:
            parse_sections(text, lambda name, value: None)
        except InputError as error:
            raise InputError(
                f"{path} is neither a .toml workload nor a fio job file: {error.problem}", hint=error.hint
            ) from None
    return parse_fio_file(path.name, text)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for one
        return False


def _text_of(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"the workload {path} is not a file")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
        if len(content) > _LARGEST_FILE:
            raise InputError(f"{path} is larger than {_LARGEST_FILE >> 20} MiB, which no workload is")
        return content.decode()
    except OSError as error:
        raise InputError(f"cannot read the workload {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file") from None


def _plugins() -> list[Listed]:
    taken = (*_BUILTIN, *(path.stem for path in _EXAMPLES.glob("*.toml")))
    return load_plugins(GROUP, name_of=lambda found: found.name, fault_of=_fault, taken=taken)


def _fault(found: object) -> str:
    """Say why an object is no workload; empty where it is one."""
    if missing := lacks(found, ("name", "summary", "api_version", "parameters", "plan")):
        return missing
    workload: Any = found
    if workload.api_version != API_VERSION:
        return f"it is written for version {workload.api_version} of the workload interface, this is {API_VERSION}"
    if not (isinstance(workload.parameters, type) and issubclass(workload.parameters, msgspec.Struct)):
        return "its parameters are not a msgspec struct"
    if not isinstance(workload.name, str) or workload_name(workload.name) != workload.name:
        return f"its name {workload.name!r} is not a name"
    describe_parameters(workload.parameters)
    return "" if isinstance(workload.summary, str) and callable(workload.plan) else "its summary or its plan is wrong"


def _workload(plugin: Listed) -> Workload:
    found: Workload = plugin.usable("workload")
    return found
