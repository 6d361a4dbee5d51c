"""A mirror of real servers: what a client sees while a replica fails, and whether redundancy is back."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import Device, Facts, Fault, FaultInjector, Target
from storbench.devices.registry import resolve_device
from storbench.harness.checker.check import check
from storbench.workloads.steps import FaultEvent, Writing

from .conftest import MakeOpening

SIZE = 16 << 20
URL = "mirror:?size=16MiB"
COMPARE = Fault("compare")


class Open:
    """A mirror that is open and filled."""

    def __init__(self, device: Device, target: Target) -> None:
        assert isinstance(device, FaultInjector)
        self.device, self.target = device, target

    def inject(self, fault: Fault) -> Facts:
        return self.device.inject(self.target, fault)

    def heal(self, fault: Fault) -> Facts:
        return self.device.heal(self.target, fault)

    def compare(self) -> Facts:
        return self.inject(COMPARE)

    def fio(self, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                "fio", "--name=load", "--ioengine=nbd", f"--uri={self.target.options['uri']}", "--bs=4k",
                f"--size={SIZE}", "--output-format=json", *options,
            ],
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def load(self, seconds: float) -> subprocess.Popen[bytes]:
        return self.fio("--rw=randrw", "--iodepth=8", "--serialize_overlap=1", "--time_based", f"--runtime={seconds}")


def ended(load: subprocess.Popen[bytes]) -> dict[str, float]:
    """Give what a client saw of a load: it must have ended well."""
    said = load.communicate(timeout=120)[0]
    job = json.loads(said[said.index(b"{") : said.rindex(b"}") + 1])["jobs"][0]
    assert (load.returncode, job["error"], job.get("total_err", 0)) == (0, 0, 0)
    ways = [job[way] for way in ("read", "write") if job[way]["total_ios"]]
    assert ways
    return {
        "longest": max(way["clat_ns"]["max"] for way in ways) / 1e9,
        "median": max(way["clat_ns"]["percentile"]["50.000000"] for way in ways) / 1e9,
    }


@pytest.fixture
def mirror(opening: MakeOpening) -> Iterator[Open]:
    device = resolve_device(URL)
    device.check(opening())
    with device.open(opening()) as target:
        it = Open(device, target)
        ended(it.fio("--rw=write", "--iodepth=8"))
        yield it


def test_a_killed_replica_is_masked_and_comes_back_up_to_date(mirror: Open) -> None:
    first, second = Fault("kill", "1"), Fault("kill", "2")
    load = mirror.load(5)
    time.sleep(1)
    assert mirror.inject(first) == {"fault_part": "1"}
    time.sleep(1.5)
    healed = mirror.heal(first)
    assert isinstance(healed["resync_s"], float)
    ended(load)
    assert mirror.compare() == {"replicas": 3, "replicas_identical": 1, "replicas_different_bytes": 0}
    # Redundancy is back only if the one that was away can carry a majority.
    load = mirror.load(2)
    time.sleep(0.5)
    mirror.inject(second)
    ended(load)
    assert mirror.compare()["replica_2_different_bytes"] != 0
    mirror.heal(second)
    assert mirror.compare()["replicas_identical"] == 1


def test_one_that_returns_without_a_resync_is_told(mirror: Open) -> None:
    fault = Fault("kill", "1", {"resync": 0})
    mirror.inject(fault)
    ended(mirror.load(1))
    assert "resync_s" not in mirror.heal(fault)
    told = mirror.compare()
    assert told["replicas_identical"] == 0
    assert told["replica_1_different_bytes"] == told["replicas_different_bytes"] != 0
    # It is back in the vote nevertheless, and outvoted: what clients read is right, until a second one fails.
    ended(mirror.fio("--rw=write", "--iodepth=8", "--verify=crc32c", "--verify_state_save=0"))


def test_a_hanging_replica_stalls_the_mirror_and_fails_nothing(mirror: Open) -> None:
    fault = Fault("hang", "2")
    load = mirror.load(5)
    time.sleep(1)
    mirror.inject(fault)
    time.sleep(2)
    mirror.heal(fault)
    assert ended(load)["longest"] > 1.9
    assert mirror.compare()["replicas_identical"] == 1


def test_a_slow_replica_slows_the_mirror(mirror: Open) -> None:
    fault = Fault("slow", "0", {"delay": 0.02})
    mirror.inject(fault)
    slow = ended(mirror.load(2))
    mirror.heal(fault)
    assert slow["median"] > 0.019
    assert ended(mirror.load(2))["median"] < slow["median"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", "0"),
        Fault("lost-write", "1", {"share": 0.5}),
        Fault("misdirected-write", "2", {"share": 0.1}),
        Fault("truncate", "1"),
        Fault("read-only", "0"),
    ],
    ids=lambda fault: fault.kind,
)
def test_what_one_replica_does_wrong_is_outvoted_and_repaired(mirror: Open, fault: Fault) -> None:
    mirror.inject(fault)
    ended(mirror.load(1.5))
    ended(mirror.fio("--rw=randwrite", "--iodepth=1", "--verify=crc32c", "--verify_state_save=0"))
    assert mirror.compare()["replicas_identical"] == 0
    mirror.heal(fault)
    assert mirror.compare()["replicas_identical"] == 1
    assert mirror.heal(fault) == {}  # what is not broken needs nothing


def test_flipped_bits_are_outvoted_and_repaired_from_the_others(mirror: Open) -> None:
    fault = Fault("bit-flip", "1", {"count": 5})
    mirror.inject(fault)
    told = mirror.compare()
    assert (told["replicas_different_bytes"], told["replica_1_different_bytes"]) == (5, 5)
    healed = mirror.heal(fault)
    assert (healed["flipped_back"], healed["flipped_written_since"]) == (0, 5)
    assert mirror.compare()["replicas_identical"] == 1


def test_nothing_acknowledged_is_lost_while_a_replica_is_away_and_comes_back(mirror: Open, tmp_path: Path) -> None:
    fault = Fault("kill", "0")
    events = (FaultEvent(0.5, "inject", fault), FaultEvent(1.5, "heal", fault))
    writing = Writing(span=4 << 20, writers=4, duration=2.5, rate_iops=800.0)

    def act(event: FaultEvent) -> Facts:
        return mirror.inject(event.fault) if event.action == "inject" else mirror.heal(event.fault)

    found = check(mirror.target, writing, events, (), act, tmp_path, b"r" * 16, threading.Event())
    assert found.integrity.acknowledged == found.integrity.writes > 500
    assert found.integrity.wrong == ()
    assert "resync_s" in found.facts
    assert mirror.compare()["replicas_identical"] == 1


def test_two_replicas_at_once_are_too_many_and_that_is_told(mirror: Open) -> None:
    faults = Fault("kill", "0"), Fault("kill", "1")
    for fault in faults:
        mirror.inject(fault)
    load = mirror.load(1)
    load.communicate(timeout=60)
    assert load.returncode != 0


def test_two_that_were_away_at_once_come_back_from_the_one_that_was_not(mirror: Open, tmp_path: Path) -> None:
    first, second = Fault("kill", "1"), Fault("kill", "2")
    events = (
        FaultEvent(0.3, "inject", first), FaultEvent(0.7, "inject", second), FaultEvent(1.2, "heal", second),
        FaultEvent(1.6, "heal", first),
    )  # fmt: skip
    writing = Writing(span=4 << 20, writers=4, duration=2.0, rate_iops=800.0)

    def act(event: FaultEvent) -> Facts:
        return mirror.inject(event.fault) if event.action == "inject" else mirror.heal(event.fault)

    found = check(mirror.target, writing, events, (), act, tmp_path, b"r" * 16, threading.Event())
    assert found.integrity.acknowledged < found.integrity.writes  # without a majority nothing is acknowledged
    assert found.integrity.wrong == ()
    assert mirror.compare()["replicas_identical"] == 1


def test_nothing_is_left(opening: MakeOpening, tmp_path: Path) -> None:
    device = resolve_device(f"{URL}&path={tmp_path}&replicas=5&cache=writeback")
    info = device.info()
    assert (info.parts, info.spare_parts, info.blank) == (("0", "1", "2", "3", "4"), 2, True)
    with device.open(opening()) as target:
        it = Open(device, target)
        ended(it.fio("--rw=write", "--iodepth=8"))
        assert len(list(tmp_path.glob("storbench-mirror-*/replica?.img"))) == 5
        it.inject(Fault("kill", "0"))
        it.inject(Fault("hang", "1"))
    assert list(tmp_path.iterdir()) == []


def test_what_makes_no_sense_is_refused(opening: MakeOpening, tmp_path: Path) -> None:
    for url, message in (
        ("mirror:?size=1000", "no multiple of 512"),
        (f"mirror:?size=1MiB&path={tmp_path}/none", "is no folder"),
        ("mirror:?size=1000TiB", "no space"),
    ):
        with pytest.raises(InputError, match=message):
            resolve_device(url).check(opening())
    for url, message in (("mirror:x?size=1MiB", "has no address"), ("mirror:?size=1MiB&replicas=2", "replicas")):
        with pytest.raises(InputError, match=message):
            resolve_device(url)


def test_a_part_or_a_fault_that_is_not_there_is_refused(mirror: Open) -> None:
    with pytest.raises(InputError, match="no part '7'"):
        mirror.inject(Fault("kill", "7"))
    with pytest.raises(InputError, match="volatile cache"):
        mirror.inject(Fault("lying-flush"))
    assert mirror.device.info().faults["lying-flush"]
