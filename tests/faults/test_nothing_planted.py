"""Where nothing lies nothing is raised: 200 runs without a fault, and faults that are handled as they may be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from storbench.devices.base import Fault
from storbench.workloads.steps import FaultEvent

from .conftest import BLOCKS, NOTHING, SIZE, WRITING, Matrix, checked, fault, heal, inject, opened

RUNS = 200
DEVICES = (
    "nbd:memory?size={size}",
    "nbd:file?path={folder}/t.bin&size={size}&cache=writeback",
    "nbd:file?path={folder}/t.bin&size={size}&cache=writethrough",
    "mirror:?size={size}",
    "file:{folder}/t.bin?size={size}",
)
EVERY_WRITE, NEVER = (msgspec.structs.replace(WRITING, flush_every=number) for number in (1, 0))
NEW = msgspec.structs.replace(WRITING, prefill=False)


def test_two_hundred_runs_without_a_fault_raise_nothing(tmp_path: Path, matrix: Matrix) -> None:
    def forty(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        with opened(DEVICES[number].format(size=SIZE, folder=folder), () if number == 4 else ("kill",)) as it:
            for run in range(RUNS // len(DEVICES)):
                flushes = (WRITING, EVERY_WRITE, NEVER)[run % 3]
                writing = msgspec.structs.replace(flushes, span=SIZE // 2, seed=run, duration=0.2)
                found = checked(it, folder / f"check{run}", writing=writing, run=f"{number:08}{run:08}".encode())
                assert matrix.add(NOTHING, found.facts, ()) == (), found.facts
                assert found.integrity.counts["right"] == BLOCKS // 2
                assert found.integrity.acknowledged == found.integrity.writes > BLOCKS // 2

    with ThreadPoolExecutor(len(DEVICES)) as pool:
        list(pool.map(forty, range(len(DEVICES))))
    assert matrix.runs[NOTHING] == RUNS


CUT, KILL = fault("power-cut"), fault("kill")
REGION: dict[str, str | int | float] = {"offset": SIZE // 2, "length": SIZE // 8}


@pytest.mark.parametrize(
    ("device", "it_has", "allowed"),
    [
        (1, CUT, ()),
        (2, CUT, ()),
        (0, KILL, ()),
        (0, fault("hang"), ()),
        (0, fault("slow", delay=0.01), ()),
        (0, fault("error", **REGION), ("EIO",)),
        (0, fault("error", operations="read,write", share=0.3), ("EIO",)),
        (0, fault("read-only"), ("EROFS", "EPERM")),
        (0, fault("no-space"), ("ENOSPC",)),
        (3, fault("kill", "1"), ()),
        (3, fault("hang", "2"), ()),
        (3, fault("bit-flip", "0"), ()),
        (3, fault("lost-write", "1"), ()),
        (3, fault("error", "1"), ()),
    ],
)
def test_a_fault_that_is_handled_as_it_may_be_raises_nothing(
    tmp_path: Path, matrix: Matrix, device: int, it_has: Fault, allowed: tuple[str, ...]
) -> None:
    with opened(DEVICES[device].format(size=SIZE, folder=tmp_path), [it_has.kind]) as it:
        events: list[FaultEvent] = [inject(0.1, it_has)]
        before = [heal(1.0, it_has)]
        if it_has.kind != "power-cut":
            events, before = [*events, heal(0.2, it_has)], []
        writing = NEW if it_has.kind == "no-space" else WRITING
        facts = checked(it, tmp_path / "check", events, before, writing=writing).facts
        if device == 3:
            facts |= it.act(inject(0.0, fault("compare")))
    assert matrix.add(f"{'mirror' if device == 3 else 'honest'}: {it_has.kind}", facts, allowed) == (), facts
    if allowed:
        assert sum(int(facts.get(f"errors_{name}") or 0) for name in allowed) > 0
