"""Findings about what runs on the machine right now: other programs, other I/O, a hypervisor that takes time away."""

from __future__ import annotations

import os
import time

import msgspec
import psutil

from ..common.units import format_bandwidth
from .counters import cpu_percents, cpu_seconds, disk_counters
from .finding import Finding

WATCH_S = 0.3
_STEAL_PERCENT = 1.0
_BUSY_PERCENT = 10.0
_DISK_IOPS = 50.0
_NAMED = 3
_WORTH_NAMING_PERCENT = 5.0


class Activity(msgspec.Struct, frozen=True):
    """What went on during a look at the machine."""

    busy_percent: float
    """Of all processors together, without the time that was stolen."""
    steal_percent: float
    processes: tuple[tuple[str, float], ...] = ()
    """The busiest others, `name (pid)` and percent of one processor, busiest first."""
    disk_iops: float | None = None
    disk_bandwidth: float = 0.0


def watch(seconds: float = WATCH_S) -> Activity:
    """Watch the machine for a moment, with this process asleep."""
    processes_before, cpu_before, disk_before, then = _processes(), cpu_seconds(), _disks(), time.monotonic()
    time.sleep(seconds)
    elapsed, disk_after, cpu_after = time.monotonic() - then, _disks(), cpu_seconds()
    spent = cpu_percents(cpu_before, cpu_after)
    used = {pid: (name, cpu - processes_before.get(pid, ("", cpu))[1]) for pid, (name, cpu) in _processes().items()}
    busiest = sorted(used.items(), key=lambda item: -item[1][1])[:_NAMED]
    disk = {name: (disk_after[name] - disk_before[name]) / elapsed for name in disk_after if name in disk_before}
    return Activity(
        spent["user"] + spent["system"],
        spent["steal"],
        tuple((f"{name} ({pid})", 100 * cpu / elapsed) for pid, (name, cpu) in busiest if cpu > 0),
        disk["disk_read_iops"] + disk["disk_write_iops"] if disk else None,
        disk["disk_read_bandwidth"] + disk["disk_write_bandwidth"] if disk else 0.0,
    )


def activity_findings(seen: Activity) -> list[Finding]:
    """Judge what else goes on."""
    return [steal_finding(seen), load_finding(seen), disk_finding(seen)]


def steal_finding(seen: Activity) -> Finding:
    """Judge the time that the hypervisor gave to others."""
    told = f"{seen.steal_percent:.1f} % of the processors' time in {WATCH_S:g} s"
    if seen.steal_percent <= _STEAL_PERCENT:
        return Finding("steal", "ok", told)
    why = "The hypervisor runs others while the load waits: latencies grow by whole time slices."
    return Finding("steal", "warning", told, why, "Use a dedicated or larger instance, or measure at another hour.")


def load_finding(seen: Activity) -> Finding:
    """Judge the processors' time that other programs take."""
    told = f"{seen.busy_percent:.0f} % of the processors busy without storbench"
    if seen.busy_percent <= _BUSY_PERCENT:
        return Finding("other load", "ok", told)
    named = [f"{name} {percent:.0f} %" for name, percent in seen.processes if percent >= _WORTH_NAMING_PERCENT]
    why = "Other programs take processors, caches and memory bandwidth away from the load."
    advice = "End or pause them, then measure."
    return Finding("other load", "warning", ": ".join(filter(None, (told, ", ".join(named)))), why, advice)


def disk_finding(seen: Activity) -> Finding:
    """Judge the I/O that other programs put on the disks."""
    if seen.disk_iops is None:
        return Finding("other I/O", "unknown", "the disks' counters are not visible")
    told = f"{seen.disk_iops:.0f} I/Os per second on the disks, {format_bandwidth(seen.disk_bandwidth)}"
    if seen.disk_iops <= _DISK_IOPS:
        return Finding("other I/O", "ok", told)
    why = "I/O of other programs waits in the same queues as the load."
    return Finding("other I/O", "warning", told, why, "Find them with: pidstat -d 1; end or pause them, then measure.")


def _processes() -> dict[int, tuple[str, float]]:
    """Give name and processor seconds of every other process."""
    found = {}
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if times is not None and process.pid != os.getpid():
            found[process.pid] = (process.info["name"], times.user + times.system)
    return found


def _disks() -> dict[str, float]:
    try:
        return disk_counters()
    except (OSError, RuntimeError, LookupError):
        return {}
