"""An edition as parameters change it, and the same flat, by parameter, to compare and to print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ..job import SizeShare
from .editions import Edition, edition_named
from .parameters import SniaParameters

TestName = Literal["iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth"]

TESTS: tuple[TestName, ...] = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth")
"""In the order of the specification."""

_OF_ALL = ("active_range", "max_rounds", "precondition_factor", "precondition_block_size", "element", "data")
_CHOSEN = ("threads", "queue_depth")
"""Left to the operator where a test does not have its own."""

_SHARED = ("precondition_round", "demand", "prewrite", "latency_limit", "histogram_prewrite", "histogram")
"""Of CBW and DIRTH, which are one flow: one parameter for both."""


def resolved(parameters: SniaParameters) -> Edition:
    """Give the edition that was asked for, with what was set put in its place."""
    edition = edition_named(parameters.edition)
    given = {name: value for name, value in _given(parameters).items() if value is not None}
    of_all = {name: given[name] for name in (*_OF_ALL, *_CHOSEN) if name in given}
    for test in TESTS:
        table = getattr(edition, test)
        names = {field: parameter_of(test, field) for field in table.__struct_fields__}
        changed = {field: given[name] for field, name in names.items() if name in given}
        if changed:
            of_all[test] = msgspec.structs.replace(table, **changed)
    if "dirth_block_size" in given:
        dirth = of_all.get("dirth", edition.dirth)
        of_all["dirth"] = msgspec.structs.replace(dirth, mix=(SizeShare(given["dirth_block_size"], 100),))
    return msgspec.structs.replace(edition, **of_all)


def parameter_of(test: str, field: str) -> str:
    """Name the parameter, or what would be one, of a field of a test's table."""
    if test in ("cbw", "dirth") and field in _SHARED:
        return field if field == "demand" else f"demand_{field}"
    return f"{test}_{field}"


def flat(edition: Edition, tests: Sequence[str]) -> dict[str, Any]:
    """Give what an edition says about some tests, by parameter, in plain values."""
    found = {name: getattr(edition, name) for name in (*_OF_ALL, *_CHOSEN, "write_cache")}
    for test in tests:
        table = getattr(edition, test)
        for field in table.__struct_fields__:
            if field != "title":
                found[parameter_of(test, field)] = getattr(table, field)
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return plain


def required_of(edition: Edition, tests: Sequence[str]) -> dict[str, Any]:
    """Give what an edition demands: all but what it leaves to the operator; besides that, nothing is scaled down."""
    chosen = (*_CHOSEN, "dirth_mix", "dirth_read_percent")
    demanded = {name: value for name, value in flat(edition, tests).items() if name not in chosen}
    return {"edition": edition.name, "purge": True, "scale": 1.0, **demanded}


def _given(parameters: SniaParameters) -> dict[str, Any]:
    return {name: getattr(parameters, name) for name in parameters.__struct_fields__}
