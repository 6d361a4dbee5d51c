"""Profiles: the parameters of an emulated device as data, one TOML file each, every number with its source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..common.errors import InputError, MeasurementError, nearest
from ..common.plugins import DISTRIBUTION, Listed, builtin
from ..common.units import parse_size
from .drift import drift_of
from .native_library import FieldInfo, Model, fields_of
from .profile_values import Value, read_values

SCHEMA = 1
_BUILTIN = Path(__file__).parent / "profiles"
_VARIABLE = "STORBENCH_PROFILES"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in a profile's file."""

    schema: int
    kind: str
    summary: str
    capacity: str
    size: str
    parameters: dict[str, Value]
    logical_block_size: int = 512
    expect: dict[str, Value] = {}
    drift: dict[str, Value] = {}


class Profile(msgspec.Struct, frozen=True):
    """A device that can be emulated."""

    name: str
    kind: str
    """Which model it is for."""
    summary: str
    capacity: int
    """Bytes of the real device."""
    size: int
    """Bytes of the emulated one, unless told otherwise."""
    logical_block_size: int
    parameters: dict[str, Value]
    expect: dict[str, Value]
    """What was published of the real device, to hold the model against."""
    drift: dict[str, Value]
    """Resistance drift of its cells, where they have several levels; see `drift.py`."""
    path: Path

    @property
    def unverified(self) -> int:
        """How many of its values are not confirmed."""
        return sum(value.unverified for value in self.parameters.values())


def find_profile(name: str) -> Profile:
    """Read a profile by name, or by path where `name` has a slash or ends in `.toml`.

    A user's own profile goes before one of storbench's with the same name. Raises `InputError` where there is none, or
    where something in it is wrong.
    """
    if "/" in name or name.endswith(".toml"):
        return read_profile(Path(name).expanduser())
    paths = dict(reversed([(path.stem, path) for folder in folders() for path in _files(folder)]))
    if name not in paths:
        raise InputError(f"there is no profile '{name}'", hint=nearest(name, paths))
    return read_profile(paths[name])


def all_profiles() -> list[Listed]:
    """Give every profile by name, the user's own ones first, those that cannot be read with the reason."""
    found: dict[str, Listed] = {}
    for folder in folders():
        for path in _files(folder):
            if path.stem in found:
                continue
            own = folder == _BUILTIN
            try:
                profile = read_profile(path)
                check_profile(profile)
            except InputError as error:
                found[path.stem] = Listed(path.stem, DISTRIBUTION if own else str(path), "", None, error.problem)
                continue
            found[path.stem] = builtin(path.stem, profile) if own else Listed(path.stem, str(path), "", profile)
    return [found[name] for name in sorted(found)]


def folders() -> list[Path]:
    """Give where profiles are looked for: $STORBENCH_PROFILES, the user's configuration, storbench's own."""
    named = [Path(part).expanduser() for part in os.environ.get(_VARIABLE, "").split(os.pathsep) if part]
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [*named, configuration / "storbench" / "profiles", _BUILTIN]


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.toml"))


def read_profile(path: Path) -> Profile:
    """Read one file. Raises `InputError` naming the file and the key that is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"the profile {path} cannot be read: {error.strerror}") from None
    try:
        found = msgspec.toml.decode(content, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"the profile {path.name} is wrong: {_plain(error)}", hint=_help(error)) from None
    try:
        return _checked(found, path)
    except InputError as error:
        raise InputError(f"the profile {path.name} is wrong: {error.problem}", hint=error.hint) from None


def _checked(found: _File, path: Path) -> Profile:
    if found.schema != SCHEMA:
        raise InputError(
            f"it has schema {found.schema}, this storbench reads {SCHEMA}", hint="Upgrade storbench, or the file."
        )
    for group in ("parameters", "expect", "drift"):
        for name, value in getattr(found, group).items():
            if not value.source.strip():
                raise InputError(f"{group}.{name} has no source", hint="Say where the number comes from.")
    for name in ("capacity", "link_seed"):
        if name in found.parameters:
            raise InputError(f"parameters.{name} does not belong there", hint="Give capacity and size at the top.")
    capacity, size = parse_size(found.capacity), parse_size(found.size)
    if capacity < 1 or size < 1:
        raise InputError("capacity and size must be more than nothing")
    if found.logical_block_size < 1 or size % found.logical_block_size:
        raise InputError(f"size is not a multiple of logical_block_size, {found.logical_block_size} B")
    if found.drift:
        drift_of(found.drift)
    return Profile(
        path.stem, found.kind, found.summary, capacity, size, found.logical_block_size,
        found.parameters, found.expect, found.drift, path,
    )  # fmt: skip


def numbers_of(profile: Profile, fields: Mapping[str, FieldInfo]) -> dict[str, float]:
    """Give a profile's parameters as its model takes them, in ns, B, B/s, J, J/B.

    Raises `InputError` for one that the model does not have, with the nearest that it has, and for a wrong value.
    """
    try:
        return read_values(profile.parameters, fields, "parameters", f"the model '{profile.kind}'")
    except InputError as error:
        raise InputError(f"the profile {profile.name} is wrong: {error.problem}", hint=error.hint) from None


def check_profile(profile: Profile) -> None:
    """Refuse, with the reason, what its model would refuse at the profile's own size.

    Where the models were not built, nothing is known of them, and nothing is refused.
    """
    try:
        fields = fields_of(profile.kind)
    except MeasurementError:
        return
    Model.bytes_needed(profile.kind, {**numbers_of(profile, fields), "capacity": float(profile.size)})


def _plain(error: Exception) -> str:
    text = str(error)
    return re.sub(r" - at `\$(.*?)`", lambda match: f", in {match[1].removeprefix('.') or 'the file'}", text)


def _help(error: Exception) -> str:
    unknown = re.search(r"unknown field `(\w+)`", str(error))
    if unknown is None:
        return 'A value is written like read_time = { value = "38us", source = "where it stands" }.'
    inside = "`$`" not in str(error) and " - at" in str(error)
    known: Any = Value if inside else _File
    return nearest(unknown[1], known.__struct_fields__)
