"""From what a step found out to the names of what is wrong, in the field's words.

The facts are those that the integrity checker, the engine's errors and the comparison of replicas leave with a step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

Value = str | int | float | bool | None

NAMES: dict[str, str] = {
    "lost (flushed)": "acknowledged and flushed, and an older write or nothing is there",
    "lost (acknowledged)": "acknowledged, never flushed, and gone although no cache was allowed to lose it",
    "stale": "an older write was read, later the newer one",
    "corrupt": "nothing that was ever written",
    "torn": "sectors of different writes",
    "misdirected": "a write is at another's place",
    "out of order": "a flushed write is gone while one that is newer is there",
    "wrong errno": "a request failed with an error that does not belong to the fault",
    "unexpected error": "a request failed where none may fail",
    "unconfined error": "a request failed outside the faulty region, before the fault or after its end",
    "redundancy not restored": "replicas differ although the fault has ended",
}
"""Every name that `named` gives and what it means, in the order in which it gives them."""

_OF_BLOCKS = {
    "lost (flushed)": "blocks_lost_flushed",
    "lost (acknowledged)": "blocks_lost_acknowledged",
    "stale": "blocks_stale",
    "corrupt": "blocks_corrupt",
    "torn": "blocks_torn",
    "misdirected": "blocks_misdirected",
    "out of order": "blocks_out_of_order",
}
_UNCONFINED = ("errors_outside", "errors_before", "errors_after")
_ERRORS = "errors_"


def named(facts: Mapping[str, Value], allowed_errnos: Collection[str]) -> tuple[str, ...]:
    """Name what is wrong; empty where nothing is.

    `allowed_errnos` are the errors, by name, that requests may end with; none means that no request may fail. An error
    that is allowed is named only where it is out of its region or out of its time, and a block that cannot be read is
    no lie: its error is judged, not its being missing.
    """
    found = {name for name, fact in _OF_BLOCKS.items() if _count(facts, fact)}
    wrong = errnos_of(facts).keys() - set(allowed_errnos)
    if wrong:
        found.add("wrong errno" if allowed_errnos else "unexpected error")
    if any(_count(facts, fact) for fact in _UNCONFINED):
        found.add("unconfined error")
    identical = facts.get("replicas_identical")
    if identical is not None and not identical:
        found.add("redundancy not restored")
    return tuple(name for name in NAMES if name in found)


def errnos_of(facts: Mapping[str, Value]) -> dict[str, int]:
    """Give how many requests failed, by the name of the error, from the facts `errors_EIO`, `errors_ENOSPC`, etc."""
    names = (fact.removeprefix(_ERRORS) for fact in facts if fact.startswith(_ERRORS))
    counts = {name: _count(facts, _ERRORS + name) for name in names if name.isupper()}
    return {name: count for name, count in sorted(counts.items()) if count}


def _count(facts: Mapping[str, Value], name: str) -> int:
    value = facts.get(name)
    return int(value) if isinstance(value, (int, float)) else 0
