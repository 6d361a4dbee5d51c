"""Failed requests are held against where and when the fault was."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from storbench.common.errors import MeasurementError
from storbench.devices.base import Facts, Fault
from storbench.harness.fault_watch import Failure, FaultWatch, failure_facts
from storbench.workloads.steps import FaultEvent

REGION: Facts = {"fault_offset": 8192, "fault_length": 4096}


def watched(*events: tuple[str, float, Facts], kind: str = "error") -> FaultWatch:
    """Carry out events: action, how long each takes (s), and what the device tells of it; 1 s between them."""
    now, told = [0.0], iter(events)

    def act(_: FaultEvent) -> Facts:
        _, seconds, facts = next(told)
        now[0] += seconds
        return facts

    watch = FaultWatch(act, lambda: now[0])
    for action, _, _ in events:
        now[0] += 1.0
        watch.carry_out(FaultEvent(0.0, action, Fault(kind)))  # type: ignore[arg-type] # as given above
    return watch


HEALED = (("inject", 0.5, REGION), ("heal", 0.5, {}))
"""There from 1 s; all healed at 3 s."""


def failed(asked: float, took: float = 0.1, offset: int = 8192, *, number: int = errno.EIO) -> Failure:
    return Failure("write", number, asked, asked + took, offset, 4096)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (failed(1.6), {}),
        (failed(0.2), {"errors_before": 1}),
        (failed(0.95), {}),  # asked for before, failed while it was made
        (failed(2.95), {}),  # asked for during, failed after
        (failed(3.1), {"errors_after": 1}),
        (failed(1.6, offset=4096), {"errors_outside": 1}),
        (failed(1.6, offset=12288), {"errors_outside": 1}),
        (Failure("read", errno.EIO, 1.6, 1.7, 0, 1 << 20), {}),
        (Failure("flush", errno.EIO, 1.6, 1.7), {}),  # which has no place
    ],
)
def test_what_is_out_of_place_or_time_is_counted(failure: Failure, expected: Facts) -> None:
    facts = failure_facts([failure], watched(*HEALED))
    assert facts["errors_EIO"] == 1
    counts = {name: facts[name] for name in ("errors_before", "errors_after", "errors_outside")}
    assert counts == {"errors_before": 0, "errors_after": 0, "errors_outside": 0} | expected


def test_a_fault_that_is_still_there_has_no_after_and_one_without_a_region_no_outside() -> None:
    facts = failure_facts([failed(9.0)], watched(("inject", 0.1, {})))
    assert facts == {"errors_EIO": 1, "errors_before": 0}
    assert failure_facts([failed(9.0)], watched()) == {"errors_EIO": 1}
    assert failure_facts([], watched(*HEALED)) == {
        "errors_before": 0, "errors_after": 0, "errors_inside": 0, "errors_outside": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "outside"), [({"fault_offset": 0, "fault_length": 4096}, 1), ({"fault_errno": "EIO"}, None)]
)
def test_of_two_faults_the_regions_are_taken_together(second: Facts, outside: int | None) -> None:
    for order in ((REGION, second), (second, REGION)):
        watch = watched(*(("inject", 0.0, facts) for facts in order))
        facts = failure_facts([failed(5.0), failed(5.0, offset=0), failed(5.0, offset=4096)], watch)
        assert facts.get("errors_outside") == outside


def test_a_fault_lasts_until_the_last_one_is_healed() -> None:
    twice = watched(("inject", 0.0, {}), ("heal", 0.0, {}), ("inject", 0.0, {}), ("heal", 0.0, {}))
    assert (twice.began, twice.ended) == (1.0, 4.0)
    assert watched(*HEALED, ("inject", 0.0, {})).ended is None
    assert watched(("inject", 0.0, {}), ("inject", 0.0, {}), ("heal", 0.0, {})).ended is None


def test_errors_are_counted_by_name_and_broken_connections_apart() -> None:
    failures = [failed(1.0), failed(1.0, number=errno.ENOSPC), failed(1.0, number=errno.ENOTCONN)]
    facts = failure_facts([*failures, failed(1.0, number=4711)], watched())
    assert facts == {"errors_E4711": 1, "errors_EIO": 1, "errors_ENOSPC": 1, "connections_lost": 1}


def test_an_injection_that_fails_may_have_begun() -> None:
    times: Iterator[float] = iter((2.0, 3.0))

    def act(_: FaultEvent) -> Facts:
        raise MeasurementError("it does not break")

    watch = FaultWatch(act, lambda: next(times))
    with pytest.raises(MeasurementError):
        watch.carry_out(FaultEvent(0.0, "inject", Fault("kill")))
    assert (watch.began, watch.ended) == (2.0, None)
