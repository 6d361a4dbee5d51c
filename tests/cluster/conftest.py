"""A cluster of our own while one of its members fails: what a load sees, and what the checker finds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

from storbench.devices.base import COMPARE, Device, DeviceInfo, Facts, Fault, Opening, Target
from storbench.devices.registry import resolve_device
from storbench.harness.checker.channel import channel_of
from storbench.harness.checker.check import check
from storbench.harness.engines.base import Assignment
from storbench.harness.engines.fio.engine import FioEngine
from storbench.harness.engines.fio.job_file import IO_LOG_COLUMNS
from storbench.harness.engines.fio.logs import parse_io_log
from storbench.harness.engines.fio.probe import probe
from storbench.harness.fault_events import act, during, watch_of
from storbench.results.io_log import IoLog
from storbench.workloads.job import Job
from storbench.workloads.steps import FaultEvent, Writing

RATE = 200.0
"""I/Os per second that are offered, far less than any of the clusters can do."""
FAULT_AT_S = 5.0
"""GlusterFS's client takes two to three seconds before its first I/O."""


class Seen(msgspec.Struct, frozen=True):
    """What a load saw. It had no error, or there would be no such thing."""

    completed: int
    stall_s: float
    """The longest time in which nothing was completed."""
    slowest_s: float
    broken_s: float
    """How long the member was broken: from the fault's start to the start of the heal."""
    facts: Facts


class Cluster:
    """An opened cluster."""

    def __init__(self, device: Device, target: Target) -> None:
        self.device = device
        self.target = target

    @property
    def info(self) -> DeviceInfo:
        return self.device.info()

    def fill(self) -> None:
        """Write all of it once: what was never written is a hole, which some drivers answer without asking."""
        channel = channel_of(self.target)()
        for offset in range(0, self.target.size, 1 << 20):
            channel.write(offset, os.urandom(1 << 20))
        channel.flush()
        channel.close()

    def load(self, fault: Fault, folder: Path, *, broken: float, after: float) -> Seen:
        """Put an open-loop load on it while a fault comes and goes."""
        job = Job(
            read_fraction=0.5, queue_depth=8, rate_iops=RATE, arrival="poisson", duration=FAULT_AT_S + broken + after
        )
        events = (
            FaultEvent(FAULT_AT_S, "inject", fault),
            FaultEvent(FAULT_AT_S + broken, "heal", fault),
        )
        with during(events, watch_of(self.device, self.target)) as facts:
            log = self._run(job, folder)
        began, healed = facts[f"event1_inject_{fault.kind}_began"], facts[f"event2_heal_{fault.kind}_began"]
        assert isinstance(began, float)
        assert isinstance(healed, float)
        times = np.sort(log.time_ms)
        return Seen(
            len(log), float(np.diff(times).max()) / 1e3, float(log.latency_ns.max()) / 1e9, healed - began, facts
        )

    def check(self, faults: Sequence[Fault], folder: Path, *, broken: float) -> Facts:
        """Write stamped blocks while members fail one after the other, each healed before the next; read all back."""
        events = []
        for number, fault in enumerate(faults):
            # Healing takes a while, too.
            at = 1.0 + number * (broken + 4.0)
            events += [FaultEvent(at, "inject", fault), FaultEvent(at + broken, "heal", fault)]
        writing = Writing(span=8 << 20, writers=2, duration=events[-1].at + 1.0, rate_iops=RATE)

        def carry_out(event: FaultEvent) -> Facts:
            return act(self.device, self.target, event.action, event.fault)

        return check(self.target, writing, events, (), carry_out, folder, os.urandom(16), threading.Event()).facts

    def compare(self) -> Facts:
        """Have the cluster at rest say whether its members hold the same."""
        return act(self.device, self.target, "inject", Fault(COMPARE))

    def _run(self, job: Job, folder: Path) -> IoLog:
        assignment = Assignment((job,), self.target, folder, io_log=True, grace_s=90.0)
        execution = FioEngine().run(assignment, lambda progress: None)
        return parse_io_log(folder / execution.io_logs[0], IO_LOG_COLUMNS, job=0)


@contextmanager
def opened(url: str) -> Iterator[Cluster]:
    """Start a cluster and let it go again."""
    device = resolve_device(url)
    opening = Opening("run", write=True, ioengines=probe().ioengines, faults=frozenset({"kill", "hang"}))
    device.check(opening)
    with device.open(opening) as target:
        yield Cluster(device, target)


def all_right(facts: Facts) -> bool:
    """Whether the checker found each block as it must be, and no write or flush failed."""
    wrong = {
        name: count for name, count in facts.items() if name.startswith(("write_errors", "writers_stuck")) and count
    }
    return facts["blocks_right"] == facts["blocks"] and not facts["flush_errors"] and not wrong


def storbench_inside(target: Target, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run storbench in the cluster's network, to which the cluster is one that exists."""
    command = [
        *target.command,
        sys.executable,
        "-m",
        "storbench",
        "run",
        "randrw",
        "-s",
        "duration=1s",
        "-s",
        "queue_depth=4",
        *words,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
