"""The editions of the SNIA Performance Test Specification as typed data, read from the TOML files beside this one.

A file that names a `base` is laid over it, table by table; a list replaces the list of its base. Sizes and durations
carry their units in the files and are bytes and seconds here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec.inspect import Metadata, StructType, Type, VarTupleType, type_info

from ...common.units import PARSERS, Count, Duration, Fraction, Size
from ..job import Pattern, SizeShare

EditionName = Literal["pts-e-2.0", "pts-c-2.0", "pts-e-1.1"]
Quantity = Literal["iops", "bandwidth", "latency_mean"]
ReadPercent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Length = Annotated[float, msgspec.Meta(ge=0, extra={"unit": "s"})]
"""Seconds of the specification; 0 for a phase that an edition does not have."""


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all tables are: frozen, unknown keys refused."""


class Tracked(_Data, frozen=True):
    """One tracking variable, by value: the element of a round and the quantity in it."""

    block_size: Size
    read_percent: ReadPercent
    quantity: Quantity


class IopsData(_Data, frozen=True):
    """The rounds of the IOPS test."""

    title: str
    read_percents: tuple[ReadPercent, ...]
    block_sizes: tuple[Size, ...]
    tracked: tuple[Tracked, ...]


class ThroughputData(_Data, frozen=True):
    """The rounds of the throughput test, one series of rounds for each block size."""

    title: str
    read_percents: tuple[ReadPercent, ...]
    block_sizes: tuple[Size, ...]
    tracked: tuple[ReadPercent, ...]
    threads: Count
    queue_depth: Count


class LatencyData(_Data, frozen=True):
    """The rounds of the latency test, and the long capture after them."""

    title: str
    read_percents: tuple[ReadPercent, ...]
    block_sizes: tuple[Size, ...]
    tracked: tuple[Tracked, ...]
    threads: Count
    queue_depth: Count
    histogram: Length


class WsatData(_Data, frozen=True):
    """The write saturation test: when it stops, and what follows."""

    title: str
    block_size: Size
    read_percent: ReadPercent
    capacity_factor: Annotated[float, msgspec.Meta(gt=0)]
    limit: Length
    interval: Length
    histogram: Length


class HirData(_Data, frozen=True):
    """The host idle recovery test: writes and waits in turn."""

    title: str
    block_size: Size
    read_percent: ReadPercent
    interval: Length
    access: Duration
    waits: tuple[Count, ...]
    repeats: Count
    baseline: Length


class XsrData(_Data, frozen=True):
    """The cross-stimulus recovery test: columns of equal length, one entry a group."""

    title: str
    pattern: tuple[Pattern, ...]
    block_sizes: tuple[Size, ...]
    durations: tuple[Length, ...]
    threads: Count
    queue_depth: Count


class DemandData(_Data, frozen=True):
    """CBW and DIRTH: one mix of block sizes under every demand."""

    title: str
    mix: tuple[SizeShare, ...]
    distribution: str
    read_percent: ReadPercent
    precondition_round: Length
    demand: tuple[Count, ...]
    prewrite: Length
    latency_limit: Duration
    histogram_prewrite: Length
    histogram: Length
    threads: Count
    queue_depth: Count


class UncertainData(_Data, frozen=True):
    """One item that is not certain, of the tests that it matters to; `parameters` is how it can be set."""

    tests: tuple[str, ...]
    item: str
    parameters: tuple[str, ...]
    source: str
    mark: Literal["conflicting", "single source"]


class Edition(_Data, frozen=True):
    """One edition: what it prescribes for all tests, and for each."""

    name: str
    standard: str
    revision: str
    rule: str
    write_cache: Literal["enabled", "disabled"]
    active_range: Fraction
    threads: Count
    queue_depth: Count
    max_rounds: Count
    precondition_factor: Annotated[float, msgspec.Meta(gt=0)]
    precondition_block_size: Size
    element: Duration
    data: Literal["random", "zeroes"]
    iops: IopsData
    throughput: ThroughputData
    latency: LatencyData
    wsat: WsatData
    hir: HirData
    xsr: XsrData
    cbw: DemandData
    dirth: DemandData
    uncertain: tuple[UncertainData, ...]


@cache
def edition_named(name: EditionName) -> Edition:
    """Read an edition."""
    return parse_edition(_tables(name))


def parse_edition(tables: Mapping[str, Any]) -> Edition:
    """Check tables and give their values in base units.

    Raises `InputError` for a wrong unit, `msgspec.ValidationError` for anything else that does not fit.
    """
    return msgspec.convert(_plain(tables, type_info(Edition)), Edition)


def _tables(name: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.toml.decode(Path(__file__).with_name(f"{name}.toml").read_bytes())
    base = found.pop("base", None)
    return found if base is None else _laid_over(_tables(base), found)


def _laid_over(base: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in above.items():
        merged[key] = _laid_over(base[key], value) if isinstance(value, dict) and key in base else value
    return merged


def _plain(value: Any, kind: Type) -> Any:
    """Read sizes and durations; what does not fit its type is left for the conversion to refuse."""
    match kind:
        case Metadata(type=inner, extra=extra):
            parser = PARSERS.get((extra or {}).get("unit", ""))
            return parser(value) if parser and isinstance(value, str) else _plain(value, inner)
        case VarTupleType(item_type=item) if isinstance(value, list):
            return [_plain(one, item) for one in value]
        case StructType(fields=fields) if isinstance(value, dict):
            kinds = {field.encode_name: field.type for field in fields}
            return {key: _plain(one, kinds[key]) if key in kinds else one for key, one in value.items()}
        case _:
            return value
