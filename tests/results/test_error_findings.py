"""Every name is given for what it means, for nothing else, and never for what is allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.error_findings import NAMES, Value, errnos_of, named
from storbench.results.integrity import CLASSES

CLEAN: dict[str, Value] = {
    **{f"blocks_{name}": 0 for name in CLASSES}, "blocks_right": 1024, "errors_inside": 0, "errors_outside": 0,
    "errors_before": 0, "errors_after": 0, "replicas_identical": 1, "longest_write_s": 0.01, "wrong1": "a sentence",
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "allowed", "expected"),
    [
        ({}, (), ()),
        ({"blocks_lost_flushed": 3}, (), ("lost (flushed)",)),
        ({"blocks_lost_acknowledged": 1}, (), ("lost (acknowledged)",)),
        ({"blocks_stale": 1}, (), ("stale",)),
        ({"blocks_corrupt": 1}, (), ("corrupt",)),
        ({"blocks_torn": 1}, (), ("torn",)),
        ({"blocks_misdirected": 1}, (), ("misdirected",)),
        ({"blocks_out_of_order": 1}, (), ("out of order",)),
        ({"blocks_torn": 1, "blocks_lost_flushed": 1}, (), ("lost (flushed)", "torn")),
        ({"errors_EIO": 7, "errors_inside": 7}, ("EIO",), ()),
        ({"errors_EIO": 7}, ("EIO", "EREMOTEIO"), ()),
        ({"errors_EINVAL": 1}, ("EIO",), ("wrong errno",)),
        ({"errors_EINVAL": 1, "errors_EIO": 7}, ("EIO",), ("wrong errno",)),
        ({"errors_EIO": 1}, (), ("unexpected error",)),
        ({"errors_EIO": 2, "errors_inside": 1, "errors_outside": 1}, ("EIO",), ("unconfined error",)),
        ({"errors_EIO": 1, "errors_before": 1}, ("EIO",), ("unconfined error",)),
        ({"errors_EIO": 1, "errors_after": 1}, ("EIO",), ("unconfined error",)),
        # A block whose reading fails as it may is no lie.
        ({"errors_EIO": 1, "errors_inside": 1, "blocks_unreadable": 1}, ("EIO",), ()),
        ({"replicas_identical": 0}, (), ("redundancy not restored",)),
        ({"replicas_identical": None}, (), ()),
    ],
)
def test_each_thing_has_its_name(facts: dict[str, Value], allowed: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert named(CLEAN | facts, allowed) == expected
    if facts.get("replicas_identical", 1) == 1:
        assert named(facts, allowed) == expected


@given(st.dictionaries(st.sampled_from(sorted(CLEAN)), st.integers(0, 3)), st.sets(st.sampled_from(["EIO", "EPERM"])))
def test_names_are_known_come_once_and_in_their_order(facts: dict[str, Value], allowed: set[str]) -> None:
    found = named(facts, allowed)
    assert list(found) == [name for name in NAMES if name in found]


def test_errors_are_counted_by_errno_and_by_nothing_else() -> None:
    facts: dict[str, Value] = {"errors_EIO": 2, "errors_ENOSPC": 0, "errors_outside": 5, "errors": 2}
    assert errnos_of(facts) == {"EIO": 2}
