"""Typed parameters: from what people type (`queue_depth=1,16`, a URL's query, a TOML table) to a frozen struct.

The struct is the whole declaration: names, types, units, bounds and defaults stand there once; this module reads them
for parsing, for refusing, and for printing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.inspect import BoolType, Field, LiteralType, Metadata, TupleType, Type, UnionType, VarTupleType, type_info

from .errors import InputError, nearest
from .units import PARSERS, format_size

T = TypeVar("T", bound=msgspec.Struct)


class Parameter(msgspec.Struct, frozen=True):
    """One parameter as `storbench list` prints it."""

    name: str
    type: str
    default: str
    bounds: str
    unit: str


def parse_parameters(kind: type[T], given: Mapping[str, object], where: str) -> T:
    """Build a `kind` from text or plain values; text may carry units, a tuple field takes a comma-separated list.

    Raises `InputError` that names `where`, the key, and the nearest known key or the bound that was broken.
    """
    fields = {field.encode_name: field for field in _fields(kind)}
    values: dict[str, object] = {}
    for key, value in given.items():
        field = fields.get(key)
        if field is None:
            raise InputError(f"{where}: unknown parameter '{key}'", hint=nearest(key, fields))
        try:
            values[key] = _read(value, field.type)
        except InputError as error:
            raise InputError(f"{where}: {key}: {error.problem}", hint=error.hint) from None
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {_validation_text(str(error), values)}") from None


def describe_parameters(kind: type[msgspec.Struct]) -> list[Parameter]:
    """List the parameters of a struct with type, default, bounds and unit."""
    return [
        Parameter(
            field.encode_name,
            _type_name(field.type),
            _default_text(field),
            _bounds_text(field.type),
            _unit(field.type),
        )
        for field in _fields(kind)
    ]


def _fields(kind: type[msgspec.Struct]) -> Sequence[Field]:
    info = type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return info.fields


def _bare(kind: Type) -> Type:
    """Look through metadata and `| None`."""
    while True:
        if isinstance(kind, Metadata):
            kind = kind.type
        elif isinstance(kind, UnionType):
            some = [t for t in kind.types if not isinstance(t, msgspec.inspect.NoneType)]
            if len(some) != 1:
                return kind
            kind = some[0]
        else:
            return kind


def _plain(kind: Type) -> Type:
    """Look through metadata only."""
    while isinstance(kind, Metadata):
        kind = kind.type
    return kind


def _unit(kind: Type) -> str:
    if isinstance(kind, Metadata):
        unit = (kind.extra or {}).get("unit", "")
        return str(unit) or _unit(kind.type)
    if isinstance(kind, UnionType):
        return next((u for u in map(_unit, kind.types) if u), "")
    if isinstance(kind, VarTupleType):
        return _unit(kind.item_type)
    return ""


def _read(value: object, kind: Type) -> object:
    bare = _bare(kind)
    if isinstance(bare, VarTupleType):
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            items = [items]
        if not items or any(item == "" for item in items):
            raise InputError(f"'{value}' is an empty list, or one of its items is empty")
        return [_read(item, bare.item_type) for item in items]
    if not isinstance(value, str):
        return value
    if isinstance(bare, BoolType):
        return _read_bool(value)
    if value == "none" and isinstance(_plain(kind), UnionType):
        return None
    if isinstance(bare, LiteralType) and value not in bare.values:
        # Before msgspec sees it, which would take "null" for None and would not name the values.
        raise InputError(f"'{value}' is none of its values", hint=nearest(value, map(str, bare.values)))
    parser = PARSERS.get(_unit(kind))
    return parser(value) if parser else value.strip()


def _read_bool(text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}
    if text.lower() not in known:
        raise InputError(f"'{text}' is neither true nor false")
    return known[text.lower()]


def _validation_text(message: str, values: Mapping[str, object]) -> str:
    """Turn msgspec's words and JSON path into `key: what was wrong`, with the value that was given."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    if not path:
        return text
    key = path.split("[")[0].split(".")[0]
    given = f" (given: {values[key]!r})" if key in values else ""
    return f"{path}: {text}{given}"


def _type_name(kind: Type) -> str:
    bare = _bare(kind)
    if isinstance(bare, VarTupleType):
        return f"list of {_type_name(bare.item_type)}"
    if isinstance(bare, TupleType):
        return "tuple"
    if isinstance(bare, LiteralType):
        return " | ".join(str(v) for v in bare.values)
    unit = _unit(kind)
    names = {"B": "size", "s": "duration", "1/s": "rate", "%": "percent"}
    if unit in names:
        return names[unit]
    return type(bare).__name__.removesuffix("Type").lower()


def _default_text(field: Field) -> str:
    if field.required:
        return "required"
    default: Any = field.default
    if default is msgspec.NODEFAULT:
        default = field.default_factory()
    return format_value(default, _unit(field.type))


def format_value(value: object, unit: str = "") -> str:
    """Show a parameter's value the way it could be typed."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(format_value(item, unit) for item in value)
    if unit == "B" and isinstance(value, int):
        return format_size(value) if parse_back(value) else str(value)
    if unit == "s" and isinstance(value, (int, float)):
        return f"{value:g}s"
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_back(count: int) -> bool:
    """Whether the shown size reads back as exactly `count`."""
    return PARSERS["B"](format_size(count)) == count if count > 0 and "e" not in format_size(count) else False


def _bounds_text(kind: Type) -> str:
    bare: Type | None = kind
    while isinstance(bare, (Metadata, UnionType, VarTupleType)):
        if isinstance(bare, Metadata):
            bare = bare.type
        elif isinstance(bare, VarTupleType):
            bare = bare.item_type
        else:
            bare = _bare(bare)
    signs = (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
    found = [f"{sign} {getattr(bare, name):g}" for name, sign in signs if getattr(bare, name, None) is not None]
    return ", ".join(found)
