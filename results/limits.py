"""Limits: what a datasheet or a standard demands, as versioned data, apart from any measurement.

```toml
name = "example"
revision = "1"
source = "datasheet of the X1, 2026"

[[limit]]
id = "4k-write"
clause = "table 3, line 2"
metric = "iops"
direction = "write"
where = { test = "iops", block_size = "4KiB", read_percent = 0 }
at_least = 30000
marginal = 0.05
```

A limit is judged on every measurement whose labels are those of `where`, and the worst one counts; with `aggregate`
on their mean, lowest or highest. A test to steady state is judged by the averages of its measurement window, unless
`where` names another `phase`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ..common.errors import InputError, nearest
from ..common.units import parse_duration, parse_rate, parse_size
from .findings import Label
from .metrics import DEVICE_METRICS, unit_of

_SHIPPED = Path(__file__).with_name("limit_files")
_LARGEST_FILE = 1 << 20
_SIZES = frozenset({"block_size"})
"""Labels that are sizes: `4KiB` is read as bytes."""

Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Direction = Literal["read", "write", "trim", "sync", "all", "device"]
Aggregate = Literal["each", "mean", "min", "max"]


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One demand. Bounds are in the metric's base unit; both may be given."""

    id: str
    clause: str = ""
    """Where the source says it."""
    metric: str
    direction: Direction
    where: dict[str, Label] = {}
    at_least: float | None = None
    at_most: float | None = None
    marginal: Share = 0.0
    """What keeps to a bound by less than this share of the bound is MARGINAL."""
    per_TB: bool = False  # noqa: N815 - the unit's own spelling
    """The bounds are for each terabyte (10^12 bytes) of the device's capacity."""
    aggregate: Aggregate = "each"
    note: str = ""

    @property
    def unit(self) -> str:
        """The metric's base unit."""
        return unit_of(self.metric)


class Limits(msgspec.Struct, frozen=True):
    """A limits file."""

    name: str
    revision: str
    source: str
    limits: tuple[Limit, ...]
    text: str
    """The file as it was."""
    note: str = ""


class _Raw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    revision: str
    source: str
    limit: list[dict[str, Any]]
    note: str = ""


def shipped_limits() -> list[str]:
    """Name the limits that come with storbench."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def find_limits(name_or_path: str) -> Limits:
    """Read limits by their name or their path. Raises `InputError` for unknown ones, and as `parse_limits` does."""
    path = _SHIPPED / f"{name_or_path}.toml"
    if "/" in name_or_path or not path.is_file():
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(
                f"there are no limits '{name_or_path}', neither shipped nor as a file",
                hint=nearest(name_or_path, shipped_limits()),
            )
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"{path} is no limits file: it is larger than 1 MiB")
        return parse_limits(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def limits_of(recipe: Mapping[str, Any]) -> Limits | None:
    """Give the limits that a run was judged by, None where there were none."""
    text = recipe.get("limits")
    return parse_limits(text, "the run's limits") if text else None


def parse_limits(text: str, origin: str) -> Limits:
    """Read a limits file.

    Raises `InputError` for TOML that cannot be read, a key or a metric that is unknown (with the nearest), a bound with
    a wrong unit, a limit without a bound or with contradicting ones, an id that is used twice.
    """
    try:
        document = msgspec.toml.decode(text)
        _check_keys(document, {"name", "revision", "source", "limit", "note"}, origin)
        raw = msgspec.convert(document, _Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{origin}: {error}", hint="docs/limits.md shows how limits are written.") from None
    found: list[Limit] = []
    for number, table in enumerate(raw.limit, 1):
        try:
            found.append(_limit(table))
        except InputError as error:
            raise InputError(f"{origin}: limit {table.get('id', number)!s}: {error.problem}", hint=error.hint) from None
    if not found:
        raise InputError(f"{origin} has no limit", hint="Write each as a table [[limit]].")
    doubled = sorted({one.id for one in found if sum(other.id == one.id for other in found) > 1})
    if doubled:
        raise InputError(f"{origin}: the id {doubled[0]} is used twice")
    return Limits(raw.name, raw.revision, raw.source, tuple(found), text, raw.note)


def _limit(table: dict[str, Any]) -> Limit:
    _check_keys(table, {field.encode_name for field in msgspec.structs.fields(Limit)})
    unit = unit_of(str(table.get("metric", "")))
    prepared = dict(table)
    for key in ("at_least", "at_most"):
        if key in table:
            prepared[key] = parse_bound(table[key], unit)
    if isinstance(where := table.get("where", {}), dict):
        prepared["where"] = {
            name: parse_size(value) if name in _SIZES and isinstance(value, str) else value
            for name, value in where.items()
        }
    try:
        limit = msgspec.convert(prepared, Limit)
    except msgspec.ValidationError as error:
        raise InputError(str(error)) from None
    if limit.at_least is None and limit.at_most is None:
        raise InputError("it has no bound", hint="Give at_least, at_most, or both.")
    if limit.at_least is not None and limit.at_most is not None and limit.at_least > limit.at_most:
        raise InputError("at_least is above at_most: nothing can meet that")
    if (limit.metric in DEVICE_METRICS) != (limit.direction == "device"):
        raise InputError(
            f"the metric '{limit.metric}' does not go with the direction '{limit.direction}'",
            hint="What is the device's own has the direction device; everything else has read, write, trim, sync, all.",
        )
    return limit


def _check_keys(table: Mapping[str, Any], known: Iterable[str], origin: str = "") -> None:
    for key in table:
        if key not in known:
            where = f"{origin}: " if origin else ""
            raise InputError(f"{where}there is no key '{key}'", hint=nearest(key, known))


def parse_bound(value: Any, unit: str) -> float:
    """Read a bound: a number in the base unit, or text such as `500MB/s`, `8ms`, `4KiB`. Raises `InputError`."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    if not isinstance(value, str):
        raise InputError(f"{value!r} is no bound")
    match unit:
        case "ns":
            return round(parse_duration(value) * 1e9, 3)  # 8500us are no 8499999.999999998 ns
        case "s":
            return parse_duration(value)
        case "B":
            return float(parse_size(value))
        case "B/s":
            number, slash, rest = value.partition("/")
            if not slash or rest.strip() != "s":
                raise InputError(f"'{value}' is no bandwidth", hint="Write it like 500MB/s or 1.5GiB/s.")
            return float(parse_size(number.strip()))
        case "1/s":
            return parse_rate(value)
        case _:
            raise InputError(f"'{value}' must be a number", hint=f"In the unit {unit}." if unit != "1" else "")


def check_limits(limits: Limits, planned: Sequence[Mapping[str, Label]]) -> None:
    """Refuse limits that nothing in a plan measures, before anything is written.

    `planned` holds the labels of the plan's measured steps. Raises `InputError` that names the limit, and what of its
    condition is never met.
    """
    for limit in limits.limits:
        if limit.direction == "device" and not limit.where:
            continue
        wanted = {name: value for name, value in limit.where.items() if name != "phase"}
        if any(all(labels.get(name) == value for name, value in wanted.items()) for labels in planned):
            continue
        missing = next(
            (name for name, value in wanted.items() if value not in _values(name, planned)), next(iter(wanted), "")
        )
        there = sorted(map(str, _values(missing, planned)))
        raise InputError(
            f"the limit {limit.id} is for {condition(limit)}, which this run does not measure",
            hint=f"Of {missing} there is: {', '.join(there)}." if there else f"No step has a {missing}.",
        )


def condition(limit: Limit) -> str:
    """Say what a limit is judged on, in one line: `write iops, test iops, block_size 4096`."""
    return ", ".join([f"{limit.direction} {limit.metric}", *(f"{name} {value}" for name, value in limit.where.items())])


def _values(name: str, planned: Iterable[Mapping[str, Label]]) -> set[Label]:
    return {labels[name] for labels in planned if name in labels}
