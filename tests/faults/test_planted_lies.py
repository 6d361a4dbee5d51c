"""Each lie that is planted is caught and called by its name, and by no other one.

What is planted where is chosen so that its traces are still there when they are looked for: a write that goes astray is
seen while nothing is written over it; of writes that are under way together nobody can say which came first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from storbench.devices.base import Facts
from storbench.workloads.steps import FaultEvent, Writing

from .conftest import SIZE, WRITING, Matrix, Opened, checked, fault, heal, inject, opened

SEEDS = range(3)
CUT = fault("power-cut")
BEGIN, END = 0.05, 0.25
MEMORY, CACHED = f"nbd:memory?size={SIZE}", f"nbd:file?size={SIZE}&cache=writeback&path="


class Planted(msgspec.Struct, frozen=True):
    """One lie: how it is made and what it must be called."""

    kind: str
    name: str
    parameters: dict[str, str | int | float] = {}
    url: str = MEMORY
    writing: Writing = WRITING
    allowed: tuple[str, ...] = ()
    """The errors that are right."""
    label: str = ""
    at_rest: bool = False
    """It happens between the last write and the first read."""
    healed: bool = True
    """Before the reading."""
    power_cut: bool = False

    def events(self, seed: int) -> tuple[Sequence[FaultEvent], Sequence[FaultEvent]]:
        """Give what happens while it writes, and what before it reads."""
        it = fault(self.kind, **({"seed": seed} if self.kind != "power-cut" else {}), **self.parameters)
        before = [inject(0.0, CUT), heal(1.0, CUT)] if self.power_cut else []
        if self.at_rest:
            return [], [*before, inject(2.0, it)]
        if self.healed:
            return [inject(BEGIN, it), heal(END, it)], before
        return [inject(BEGIN, it)], before


def written(**changes: object) -> Writing:
    return msgspec.structs.replace(WRITING, **changes)


# So few that none is written over again, and each is flushed.
FEW = written(writers=1, rate_iops=50.0, flush_every=1)
REGION: dict[str, str | int | float] = {"offset": SIZE // 2, "length": SIZE // 8}
LIES = [
    Planted("bit-flip", "corrupt", {"count": 4}, at_rest=True),
    Planted("misdirected-write", "misdirected", {"count": 1}, writing=FEW),
    Planted("lost-write", "lost (flushed)", {"count": 8}, writing=written(flush_every=1)),
    Planted("lost-write", "lost (acknowledged)", {"count": 8}, writing=written(flush_every=0), label="lost, no flush"),
    Planted("stale-read", "stale", healed=False),
    Planted("torn-write", "torn", {"count": 8}),
    Planted("lying-flush", "lost (flushed)", url=CACHED, healed=False, power_cut=True),
    Planted("reordered-flush", "out of order", url=CACHED, healed=False, power_cut=True, writing=written(writers=1)),
    *(
        Planted("wrong-errno", "wrong errno", {"share": 0.5, "wrong": wrong}, allowed=("EIO",), label=f"EIO as {wrong}")
        for wrong in ("EINVAL", "EPERM", "ENOSPC", "ENOMEM")
    ),
    Planted("unconfined-error", "unconfined error", {**REGION, "spread": SIZE // 8}, allowed=("EIO",)),
    Planted("error", "unexpected error", {"share": 0.5}, label="error, none allowed"),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.label or lie.kind)
def test_a_lie_is_called_by_its_name_and_by_no_other(tmp_path: Path, matrix: Matrix, lie: Planted, seed: int) -> None:
    url = lie.url + f"{tmp_path}/t.bin" if lie.url == CACHED else lie.url
    events, before = lie.events(seed)
    with opened(url, [lie.kind, "power-cut"]) as it:
        facts = checked(
            it, tmp_path / "check", events, before, writing=msgspec.structs.replace(lie.writing, seed=seed)
        ).facts
    assert matrix.add(lie.label or lie.kind, facts, lie.allowed) == (lie.name,), facts
    assert not facts.get("writers_stuck")


def test_every_bit_that_flips_is_found(tmp_path: Path) -> None:
    """Also where: the blocks that the device says it damaged, and no others."""
    with opened(MEMORY, ["bit-flip"]) as it:
        found = checked(it, tmp_path / "check", [], [inject(0.0, fault("bit-flip", count=40))])
    damaged = {int(number) for number in str(found.facts["flipped_blocks"]).split(",")}
    assert len(damaged) == 40
    assert {one.block for one in found.integrity.wrong} == damaged


def test_an_error_that_outlives_its_heal_is_unconfined(tmp_path: Path, matrix: Matrix) -> None:
    def claims_to_heal(it: Opened, event: FaultEvent) -> Facts:
        return it.act(event) if event.action == "inject" else {}

    bad = fault("error", **REGION)
    with opened(MEMORY, ["error"]) as it:
        facts = checked(it, tmp_path / "check", [inject(BEGIN, bad), heal(END, bad)], act=claims_to_heal).facts
    assert matrix.add("error, not healed", facts, ("EIO",)) == ("unconfined error",), facts
    assert facts["errors_outside"] == facts["errors_before"] == 0


def test_an_error_before_its_fault_is_unconfined(tmp_path: Path, matrix: Matrix) -> None:
    bad = fault("error", share=0.5, operations="write")
    with opened(MEMORY, ["error"]) as it:
        it.act(inject(0.0, bad))
        events = [inject(0.15, bad), heal(END, bad)]
        facts = checked(it, tmp_path / "check", events, writing=written(prefill=False)).facts
    assert matrix.add("error, too early", facts, ("EIO",)) == ("unconfined error",), facts
    assert facts["errors_after"] == 0


@pytest.mark.parametrize("part", ["0", "1", "2"])
def test_a_replica_that_comes_back_stale_is_told(tmp_path: Path, matrix: Matrix, part: str) -> None:
    stale = fault("kill", part, resync=0)
    with opened(f"mirror:?size={SIZE}", ["kill"]) as it:
        facts = checked(it, tmp_path / "check", [inject(BEGIN, stale), heal(END, stale)]).facts
        facts |= it.act(inject(0.0, fault("compare")))
    assert matrix.add("kill, no resync", facts, ()) == ("redundancy not restored",), facts
