"""The plans of the fault classes: what fits into the device, what belongs together, what is left out and named."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storbench.devices.base import DeviceInfo
from storbench.workloads.faults.fault_class import FaultClass
from storbench.workloads.faults.names import NAMES, class_named
from storbench.workloads.faults.parameters import FaultParameters
from storbench.workloads.faults.procedure import class_steps
from storbench.workloads.steps import Check, Inject, Measure, Note, Step

KINDS = (
    "no-space", "kill", "hang", "slow", "error", "bit-flip", "misdirected-write", "lost-write", "stale-read",
    "torn-write", "power-cut", "read-only", "truncate", "network-cut", "bandwidth", "compare",
)  # fmt: skip
SINGLE = DeviceInfo("nbd:x", "nbd", 8 << 20, faults=dict.fromkeys(KINDS[:-1], ""))
MIRROR = DeviceInfo("mirror:", "mirror", 8 << 20, faults=dict.fromkeys(KINDS, ""), parts=("0", "1", "2"), spare_parts=1)


def steps_of(name: str, device: DeviceInfo, **given: int) -> list[Step]:
    return list(class_steps(class_named(name), device, FaultParameters(**given)))  # type: ignore[arg-type]


def classes() -> Iterator[FaultClass]:
    return map(class_named, NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", [SINGLE, MIRROR], ids=["single", "mirror"])
def test_everything_lies_within_the_device(name: str, device: DeviceInfo) -> None:
    for step in steps_of(name, device):
        if isinstance(step, Measure):
            assert step.job.span is not None
            assert step.job.span <= device.size
        events = [*step.events, *step.before_reading] if isinstance(step, Check) else []
        for event in events:
            offset, length = (int(event.fault.parameters.get(key, 0)) for key in ("offset", "length"))
            assert offset + length <= device.size
            assert offset < device.size


@pytest.mark.parametrize("size", [16 << 20, 64 << 20])
def test_the_client_that_is_killed_never_writes_where_the_check_reads(size: int) -> None:
    device = DeviceInfo("nbd:x", "nbd", size, faults={})
    (check,) = (step for step in steps_of("client-killed", device) if isinstance(step, Check))
    offsets = {int(event.fault.parameters["offset"]) for event in check.events}
    assert offsets
    assert min(offsets) >= check.writing.span


def test_a_class_that_cannot_be_is_a_note_with_the_reason() -> None:
    (note,) = steps_of("replica-killed", SINGLE)
    assert isinstance(note, Note)
    assert "needs redundancy" in str(note.labels["reason"])
    (note,) = steps_of("server-restarted", MIRROR)
    assert isinstance(note, Note)


def test_redundancy_is_compared_at_the_end_of_every_class_of_the_device() -> None:
    for one in classes():
        steps = steps_of(one.name, MIRROR)
        if isinstance(steps[0], Note) or one.kind in ("overload", "client-killed", "fio-killed", "log-disk-full"):
            continue
        assert isinstance(steps[-1], Inject)
        assert steps[-1].fault.kind == "compare"


def test_repeats_are_the_same_steps_again_with_other_seeds() -> None:
    once, twice = (steps_of("hang", MIRROR, repeats=count) for count in (1, 2))
    assert len(twice) == 2 * len(once)
    seeds = [step.job.seed for step in twice if isinstance(step, Measure)]
    assert len(set(seeds)) == 2
