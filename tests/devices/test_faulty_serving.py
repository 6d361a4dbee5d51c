"""`nbd:file` and `nbd:memory` with faults: what the checker finds of them, and that nothing of them stays."""

from __future__ import annotations

import errno
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.base import Device, Fault, FaultInjector, Opening, Target
from storbench.devices.registry import resolve_device
from storbench.harness.checker.check import Checked, check
from storbench.workloads.steps import FaultEvent, Writing

from .conftest import MakeOpening

SIZE = 4 << 20
BLOCKS = SIZE // 4096
KILL, CUT = Fault("kill"), Fault("power-cut")
CUT_AND_BACK = (FaultEvent(0.0, "inject", CUT), FaultEvent(1.0, "heal", CUT))
WRITING = Writing(duration=1.0, rate_iops=1000.0, flush_every=16)


def opened_for(opening: MakeOpening, *kinds: str) -> Opening:
    return msgspec.structs.replace(opening(), faults=frozenset(kinds))


def act_on(device: Device, target: Target, event: FaultEvent) -> dict[str, str | int | float | bool | None]:
    assert isinstance(device, FaultInjector)
    return (device.inject if event.action == "inject" else device.heal)(target, event.fault)


Checking = Callable[..., Checked]


@pytest.fixture
def checking(tmp_path: Path, opening: MakeOpening) -> Checking:
    """Check a server of 4 MiB: fill it, write for a second, let faults come and go, read it back."""

    def run(
        query: str, *events: FaultEvent, before_reading: tuple[FaultEvent, ...] = (), writing: Writing = WRITING
    ) -> Checked:
        device = resolve_device(f"nbd:file?path={tmp_path}/t.bin&size={SIZE}{query}")
        kinds = {event.fault.kind for event in (*events, *before_reading)}
        wanted = opened_for(opening, *kinds)
        device.check(wanted)
        with device.open(wanted) as target:
            return check(
                target, writing, events, before_reading, lambda event: act_on(device, target, event), tmp_path,
                b"0123456789abcdef", threading.Event(),
            )  # fmt: skip

    return run


def wrong(checked: Checked) -> dict[str, int]:
    return {name: count for name, count in checked.integrity.counts.items() if count and name != "right"}


@pytest.mark.parametrize(
    ("cache", "flush_every", "lost"),
    [
        ("writeback", 1, {}),
        ("writeback", 16, {}),
        ("writeback", 0, {}),
        ("unsafe", 1, {"lost_flushed": BLOCKS}),
        ("unsafe", 16, {"lost_flushed": BLOCKS}),
        ("writethrough", 0, {}),
        ("none", 0, {}),
    ],
)
def test_a_power_cut_finds_the_cache_that_lies_and_no_other(
    checking: Checking, cache: str, flush_every: int, lost: dict[str, int]
) -> None:
    """In the middle of the load; an honest cache loses what was never flushed, which is its right."""
    writing = msgspec.structs.replace(WRITING, flush_every=flush_every)
    found = checking(
        f"&cache={cache}", FaultEvent(0.5, "inject", CUT), before_reading=CUT_AND_BACK[1:], writing=writing
    )
    assert wrong(found) == lost
    assert found.integrity.writes > BLOCKS
    if cache == "writeback" and not flush_every:
        assert int(found.facts["unsettled_bytes_lost"] or 0) > 0


@pytest.mark.parametrize(
    ("cache", "lost"), [("none", set()), ("writethrough", set()), ("writeback", {"lost_acknowledged"})]
)
def test_only_a_volatile_cache_loses_what_was_never_flushed(checking: Checking, cache: str, lost: set[str]) -> None:
    """A kill does the same as a power cut, but nobody is allowed to lose anything by it."""
    writing = msgspec.structs.replace(WRITING, flush_every=0)
    back = (FaultEvent(1.0, "heal", KILL),)
    found = checking(f"&cache={cache}", FaultEvent(0.5, "inject", KILL), before_reading=back, writing=writing)
    assert set(wrong(found)) == lost
    assert BLOCKS <= found.integrity.flushed < found.integrity.acknowledged


@pytest.mark.parametrize(
    ("query", "kind", "parameters", "expected"),
    [
        ("", "lost-write", {"count": 20}, {"lost_flushed", "lost_acknowledged"}),
        ("", "torn-write", {"count": 20}, {"torn"}),
        ("", "misdirected-write", {"count": 20}, {"misdirected", "lost_flushed", "lost_acknowledged"}),
        ("", "stale-read", {}, {"stale"}),
        ("", "bit-flip", {}, {"corrupt"}),
        ("&cache=writeback", "stale-read", {}, {"stale"}),
        ("&cache=writeback", "lost-write", {"count": 20}, {"lost_flushed", "lost_acknowledged"}),
        ("", "error", {"operations": "read", "offset": 0, "length": 65536}, {"unreadable"}),
        ("", "truncate", {}, {"unreadable"}),
    ],
)
def test_the_checker_names_what_the_server_did(
    checking: Checking, query: str, kind: str, parameters: dict[str, str | int], expected: set[str]
) -> None:
    found = wrong(checking(query, FaultEvent(0.3, "inject", Fault(kind, parameters=parameters))))
    assert found
    assert set(found) <= expected
    assert next(iter(sorted(expected - {"lost_flushed", "lost_acknowledged"})), "lost_flushed") in found


@pytest.mark.parametrize(("kind", "name"), [("lying-flush", "lost_flushed"), ("reordered-flush", "out_of_order")])
def test_flushes_that_lie_or_reorder_are_found_after_a_power_cut(checking: Checking, kind: str, name: str) -> None:
    found = checking("&cache=writeback", FaultEvent(0.3, "inject", Fault(kind)), before_reading=CUT_AND_BACK)
    assert wrong(found).get(name, 0) > 0
    assert set(wrong(found)) <= {"lost_flushed", "out_of_order"}


@pytest.mark.parametrize("kind", ["kill", "hang", "slow", "error", "wrong-errno", "read-only", "unconfined-error"])
def test_what_is_healed_leaves_no_damage(checking: Checking, kind: str) -> None:
    everywhere = {"spread": SIZE} if kind == "unconfined-error" else {}
    fault = Fault(kind, parameters=everywhere)
    found = checking("", FaultEvent(0.3, "inject", fault), FaultEvent(0.6, "heal", fault))
    assert wrong(found) == {}
    if kind not in ("kill", "hang"):
        assert int(found.facts["fault_injected"] or 0) > 0
    if kind == "hang":
        assert float(found.facts["longest_write_s"] or 0) > 0.2
    if kind in ("error", "unconfined-error"):
        assert int(found.facts[f"write_errors_{errno.EIO}"] or 0) > 0


def test_what_is_injected_is_what_a_client_sees(checking: Checking) -> None:
    fault = Fault("error", parameters={"share": 0.3, "operations": "write"})
    found = checking("", FaultEvent(0.2, "inject", fault), FaultEvent(0.8, "heal", fault))
    assert found.facts["fault_injected"] == found.facts[f"write_errors_{errno.EIO}"]


def test_no_space_fails_first_writes_only(tmp_path: Path, opening: MakeOpening) -> None:
    device = resolve_device(f"nbd:memory?size={SIZE}")
    fault = Fault("no-space")
    with device.open(opened_for(opening, "no-space")) as target:
        found = check(
            target, msgspec.structs.replace(WRITING, prefill=False),
            (FaultEvent(0.3, "inject", fault), FaultEvent(0.6, "heal", fault)), (),
            lambda event: act_on(device, target, event), tmp_path, b"0123456789abcdef", threading.Event(),
        )  # fmt: skip
    assert wrong(found) == {}
    assert found.facts["fault_injected"] == found.facts[f"write_errors_{errno.ENOSPC}"]
    assert found.integrity.acknowledged > 0


def servers() -> list[list[str]]:
    return [p.cmdline() for p in psutil.Process().children(recursive=True) if p.name() == "nbdkit"]


def test_a_run_without_faults_goes_by_the_usual_server(tmp_path: Path, opening: MakeOpening) -> None:
    for url, plugin in ((f"nbd:file?path={tmp_path}/t.bin&size=1MiB", "file"), ("nbd:memory?size=1MiB", "memory")):
        device = resolve_device(url)
        with device.open(opening()) as target:
            (command,) = servers()
            assert plugin in command
            assert not target.reconnecting
            assert isinstance(device, FaultInjector)
            with pytest.raises(MeasurementError, match="not opened for faults"):
                device.inject(target, KILL)


def test_it_says_what_it_can_and_what_not(tmp_path: Path, opening: MakeOpening) -> None:
    for query in ("", "&cache=writeback"):
        for url in (f"nbd:file?path={tmp_path}/t.bin&size=1MiB{query}", f"nbd:memory?size=1MiB{query}"):
            device = resolve_device(url)
            info = device.info()
            assert (info.parts, info.spare_parts) == ((), 0)
            assert info.faults["kill"] == info.faults["lost-write"] == ""
            assert bool(info.faults["lying-flush"]) == (not query)
            assert device.facts().get("server_cache") == (query.rpartition("=")[2] or None)
            with device.open(opened_for(opening, "kill")):
                assert isinstance(device, FaultInjector)
                assert device.faults() == info.faults
    with pytest.raises(InputError, match="cache"):
        resolve_device("nbd:memory?size=1MiB&cache=big")


def test_a_cache_for_which_there_is_no_memory_is_refused(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 43)
    device = resolve_device(f"nbd:file?path={path}&cache=writeback&overwrite=true")
    with pytest.raises(InputError, match="write cache may grow to 8TiB"):
        device.check(opening())


def test_a_plan_that_only_reads_cannot_have_the_medium_damaged(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"x" * (1 << 20))
    device = resolve_device(f"nbd:file?path={path}")
    assert isinstance(device, FaultInjector)
    with device.open(msgspec.structs.replace(opening(write=False), faults=frozenset({"kill"}))) as target:
        assert "reading only" in device.faults()["bit-flip"]
        device.inject(target, KILL)
        device.heal(target, KILL)
    assert path.read_bytes() == b"x" * (1 << 20)


@pytest.mark.parametrize("cache", ["none", "writeback"])
def test_it_is_purged_with_what_its_cache_holds(tmp_path: Path, opening: MakeOpening, cache: str) -> None:
    device = resolve_device(f"nbd:file?path={tmp_path}/t.bin&size=1MiB&cache={cache}")
    with device.open(opened_for(opening, "kill")) as target:
        fio(target, tmp_path, "--rw=write", "--bs=64k", "--size=1m", "--end_fsync=0")
        purged = device.purge(target)  # type: ignore[attr-defined] # a file's server can be purged
        assert purged.verified
        done = fio(target, tmp_path, "--rw=read", "--bs=64k", "--size=1m", "--verify_pattern=0", "--verify=pattern")
    assert done["error"] == 0


def fio(target: Target, folder: Path, *options: str) -> dict[str, int]:
    given = [f"--{name}={value}" for name, value in (target.reconnecting or target.options).items()]
    done = subprocess.run(
        ["fio", "--name=j", "--output-format=json", *options, *given],
        capture_output=True, timeout=120, cwd=folder, text=True, check=False,
    )  # fmt: skip
    job = json.loads(done.stdout[done.stdout.index("{") :])["jobs"][0]
    return {"error": job["error"], "longest": max(job[way]["clat_ns"]["max"] for way in ("read", "write"))}


def test_a_load_over_the_hop_rides_out_a_kill(tmp_path: Path, opening: MakeOpening) -> None:
    device = resolve_device(f"nbd:file?path={tmp_path}/t.bin&size=4MiB")
    assert isinstance(device, FaultInjector)
    with device.open(opened_for(opening, "kill")) as target:
        assert target.reconnecting["uri"] != target.options["uri"]
        fio(target, tmp_path, "--rw=write", "--bs=64k", "--size=4m")
        timers = [
            threading.Timer(0.5, device.inject, (target, KILL)),
            threading.Timer(1.5, device.heal, (target, KILL)),
        ]
        for timer in timers:
            timer.start()
        done = fio(target, tmp_path, "--rw=randrw", "--bs=4k", "--size=4m", "--time_based", "--runtime=3")
        for timer in timers:
            timer.join()
    assert done["error"] == 0
    assert done["longest"] > 0.8e9
    assert not servers()


@pytest.mark.parametrize("kind", ["kill", "hang", "truncate", "bit-flip", "slow", "power-cut"])
@pytest.mark.parametrize("medium", ["file", "memory"])
def test_nothing_stays_of_a_fault_that_was_interrupted(
    tmp_path: Path, opening: MakeOpening, kind: str, medium: str
) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"o" * (1 << 20))
    url = f"nbd:file?path={path}&overwrite=true" if medium == "file" else "nbd:memory?size=1MiB"
    device = resolve_device(url)
    assert isinstance(device, FaultInjector)

    def interrupted() -> None:
        with device.open(opened_for(opening, kind)) as target:
            device.inject(target, Fault(kind))  # type: ignore[attr-defined] # it is one, as was just asserted
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not servers()
    assert path.stat().st_size == 1 << 20
    if kind != "truncate":
        assert path.read_bytes() == b"o" * (1 << 20)
    assert not [p for p in psutil.Process().children(recursive=True) if p.name() == "qemu-storage-daemon"]
