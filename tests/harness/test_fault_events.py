"""Faults begin and end at their times beside a load, and none outlives it; the checker sees what they did."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.base import Facts, Fault, Opening, Target
from storbench.devices.registry import resolve_device
from storbench.harness.engines.choice import engine_for
from storbench.harness.fault_events import act, during, watch_of
from storbench.harness.journal import Journal, Start, StepEnds, read_journal
from storbench.harness.runner import Setting, run_plan
from storbench.harness.session import QuietObserver
from storbench.results.record import Campaign
from storbench.workloads.job import Job
from storbench.workloads.steps import Check, FaultEvent, Heal, Inject, Measure, Plan, Writing

HANG, BROKEN = Fault("hang"), Fault("broken")
TARGET = Target(1 << 20, {})


class Breakable:
    """A file that can be made to lie; what was done to it is listed."""

    def __init__(self, device: Any = None, path: Path | None = None) -> None:
        self.done: list[str] = []
        self._device = device
        self._path = path

    def faults(self) -> Mapping[str, str]:
        return {"hang": "", "lose": "", "broken": "", "absent": "it needs root"}

    def inject(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002
        self.done.append(f"inject {fault.kind}")
        if fault.kind == "broken":
            raise MeasurementError("it does not break")
        if fault.kind == "lose":
            assert self._path is not None
            with self._path.open("r+b") as file:
                file.seek(8 * 4096)
                file.write(bytes(4096))
        return {"injected": True}

    def heal(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002
        self.done.append(f"heal {fault.kind}")
        return {}


def interrupted() -> None:
    time.sleep(0.1)
    raise KeyboardInterrupt


def test_events_come_at_their_times_and_say_when() -> None:
    device: Any = Breakable()
    events = [FaultEvent(0.15, "heal", HANG), FaultEvent(0.05, "inject", HANG)]
    with during(events, watch_of(device, TARGET)) as facts:
        time.sleep(0.3)
    assert device.done == ["inject hang", "heal hang"]
    assert facts["injected"] is True
    assert 0.05 <= facts["event1_inject_hang_began"] <= facts["event2_heal_hang_began"]  # type: ignore[operator]
    assert facts["event2_heal_hang_began"] >= 0.15  # type: ignore[operator]


def test_what_is_not_healed_when_the_load_ends_is_healed_then() -> None:
    device: Any = Breakable()
    with during([FaultEvent(0.0, "inject", HANG), FaultEvent(60.0, "heal", HANG)], watch_of(device, TARGET)):
        time.sleep(0.1)
    assert device.done == ["inject hang", "heal hang"]
    with pytest.raises(KeyboardInterrupt), during([FaultEvent(0.0, "inject", HANG)], watch_of(device, TARGET)):
        interrupted()
    assert device.done[2:] == ["inject hang", "heal hang"]


def test_a_fault_that_cannot_be_made_is_an_error_and_not_a_result() -> None:
    device: Any = Breakable()
    with (
        pytest.raises(MeasurementError, match="does not break"),
        during([FaultEvent(0.0, "inject", BROKEN)], watch_of(device, TARGET)),
    ):
        time.sleep(0.1)
    for fault, words in ((Fault("nonsense"), "no fault 'nonsense'"), (Fault("absent"), "it needs root")):
        with pytest.raises(InputError, match=words):
            act(device, TARGET, "inject", fault)
    plain: Any = resolve_device("sim:flash-mlc?size=2GiB")
    with pytest.raises(InputError, match="cannot be made to fail"):
        act(plain, TARGET, "inject", HANG)


@contextmanager
def driven(folder: Path, plan: Plan, device: Any, target: Target, info: Any) -> Iterator[dict[int, StepEnds]]:
    run = folder / "a.run"
    with Journal.begin(run, Start(1, "id", 0.0, "a.h5", {}, {}, "fio", Campaign("c"))) as journal:
        setting = Setting(engine_for(info), device, target, journal, run, QuietObserver())
        ending = run_plan(plan, setting)
    assert ending.status == "COMPLETED", ending.reason
    yield read_journal(run).outcomes()


def test_steps_of_faults_and_checks_are_carried_out_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.bin"
    file = resolve_device(f"file:{path}?size=1MiB&ioengine=psync")
    writing = Writing(duration=0.3, rate_iops=200.0)

    def plan() -> Plan:
        yield Inject("break", HANG)
        yield Heal("mend", HANG)
        yield Measure("load", Job(duration=0.3), events=(FaultEvent(0.05, "inject", HANG),))
        outcome = yield Check("sound", writing)
        assert outcome.facts["blocks_right"] == 256
        yield Check("losing", writing, before_reading=(FaultEvent(0.0, "inject", Fault("lose")),))

    with file.open(Opening("run", True)) as target:
        device = Breakable(file, path)
        with driven(tmp_path, plan(), device, target, file.info()) as outcomes:
            assert device.done == ["inject hang", "heal hang", "inject hang", "heal hang", "inject lose"]
            assert outcomes[0].facts == {"injected": True}
            assert "event1_inject_hang_began" in outcomes[2].facts
            assert outcomes[3].facts["blocks_right"] == outcomes[3].facts["blocks"] == 256
            assert outcomes[4].facts["blocks_lost_flushed"] == 1
            assert "block 8: lost_flushed" in str(outcomes[4].facts["wrong1"])
