"""Telemetry: what the machine did while the load ran, once a second, and what looking cost.

Rates are differences of the system's counters over the time that truly passed. A column whose source is not there, such
as a temperature without a sensor, is left out of the whole run; where a source fails once, only that sample lacks it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import counters, power
from .counters import Counters

COLUMNS: dict[str, tuple[str, str]] = {
    "time_s": ("s", "time of the sample, from the run's start"),
    "cpu_user_percent": ("%", "processors' time in programs"),
    "cpu_system_percent": ("%", "processors' time in the kernel"),
    "cpu_iowait_percent": ("%", "processors' time idle with I/O under way"),
    "cpu_steal_percent": ("%", "processors' time taken by the hypervisor"),
    "load_1min": ("1", "tasks running or waiting, mean of a minute"),
    "memory_used": ("B", "memory used"),
    "memory_available": ("B", "memory available"),
    "disk_read_bandwidth": ("B/s", "read from the disks"),
    "disk_write_bandwidth": ("B/s", "written to the disks"),
    "disk_read_iops": ("1/s", "reads by the disks"),
    "disk_write_iops": ("1/s", "writes by the disks"),
    "loopback_bandwidth": ("B/s", "sent over the loopback interface"),
    "network_receive_bandwidth": ("B/s", "received over the network"),
    "network_send_bandwidth": ("B/s", "sent over the network"),
    "cpu_temperature": ("degree_Celsius", "processor's temperature"),
    "disk_temperature": ("degree_Celsius", "disks' temperature, every 10th sample anew"),
    "cpu_throttle_rate": ("1/s", "times that processor cores were slowed down for their heat"),
    "cpu_power": ("W", "power of the processor packages (RAPL)"),
    "memory_power": ("W", "power of the memory (RAPL)"),
    "system_power": ("W", "power of the whole machine, every 10th sample anew"),
    "disk_power": ("W", "power of the disk, every 10th sample anew"),
    "cost_s": ("s", "processor time of telemetry itself since the last sample"),
}
"""Every column that a sample may have: unit and long name."""

_CPU_COLUMNS = ("user", "system", "iowait", "steal")
_SHORTEST_S = 0.1
"""Rates over less time than this are noise, so the last sample is then left out."""
_SLOW_EVERY = 10
"""A drive answers for its temperature with a command of its own, which it must not do every second under test; a power
meter answers through the firmware."""

Sampled = Callable[[dict[str, float]], None]


class Telemetry:
    """Samples in a thread of its own at fixed times, so that the samples do not drift."""

    def __init__(
        self, started: float, *, disk: str | None = None, interval_s: float = 1.0, root: Path = Path("/")
    ) -> None:
        self._started = started
        """On the clock of `time.monotonic`."""
        self._interval_s = interval_s
        self._disk = disk
        self._root = root
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._cpu_sensors = counters.processor_sensors(root)
        self._disk_sensors = counters.drive_sensors(disk, root)
        self._throttle_files = counters.throttle_files(root)
        self._energy = power.EnergyMeters(root)
        self._meters = {
            "system_power": power.system_power_meters(root),
            "disk_power": power.disk_power_meters(disk, root),
        }
        self._slow: Counters = {}
        """What is asked only now and then, as it was last answered."""
        self._number = 0

    def start(self, on_sample: Sampled) -> None:
        """Hand every sample to `on_sample`, in the sampler's thread, until `stop`.

        Sampling ends where `on_sample` raises `OSError`: the journal cannot be written, which its next durable document
        says to the runner.
        """
        first = time.monotonic(), self._counters()
        self._thread = threading.Thread(target=self._run, args=(on_sample, *first), name="telemetry", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end; at once, since nothing that is asked can block."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, on_sample: Sampled, begin: float, before: Counters) -> None:
        then, spent, turn = begin, 0.0, 1
        while True:
            stopped = self._stopping.wait(max(0.0, begin + turn * self._interval_s - time.monotonic()))
            now = time.monotonic()
            if stopped and now - then < _SHORTEST_S:
                return
            after = self._counters()
            rates = _rates(before, after, now - then) | self._energy.watts(before, after, now - then)
            sample = {"time_s": now - self._started, **rates, **self._gauges()}
            cost = time.thread_time()
            sample["cost_s"] = cost - spent
            try:
                on_sample(sample)
            except OSError:
                return
            if stopped:
                return
            before, then, spent = after, now, cost
            # After a pause longer than an interval, such as a suspended machine, the missed turns are left out.
            turn = max(turn, math.floor((now - begin) / self._interval_s)) + 1

    def _counters(self) -> Counters:
        found = {f"cpu.{name}": value for name, value in _attempt(counters.cpu_seconds).items()}
        found |= _attempt(lambda: counters.disk_counters(self._disk, self._root))
        if self._throttle_files:
            found |= _attempt(lambda: counters.throttle_count(self._throttle_files))
        return found | _attempt(counters.network_counters) | self._energy.read()

    def _gauges(self) -> Counters:
        found = _attempt(counters.memory_gauges) | _attempt(counters.load_gauge)
        if self._cpu_sensors:
            found |= _attempt(lambda: {"cpu_temperature": counters.hottest(self._cpu_sensors)})
        if self._number % _SLOW_EVERY == 0:
            self._slow = self._slow_gauges()
        self._number += 1
        return found | self._slow

    def _slow_gauges(self) -> Counters:
        found: Counters = {}
        if self._disk_sensors:
            found |= _attempt(lambda: {"disk_temperature": counters.hottest(self._disk_sensors)})
        for column, meters in self._meters.items():
            if meters:
                found |= _attempt(partial(_metered, column, meters))
        return found


def _rates(before: Counters, after: Counters, seconds: float) -> Counters:
    """Turn two looks at the counters into columns; only what both have."""
    both = before.keys() & after.keys()
    rates = {name: max(0.0, after[name] - before[name]) / seconds for name in both if not name.startswith("cpu.")}
    if "cpu.idle" in both:
        percents = counters.cpu_percents(
            *({n: c[f"cpu.{n}"] for n in (*_CPU_COLUMNS, "idle")} for c in (before, after))
        )
        rates |= {f"cpu_{name}_percent": percents[name] for name in _CPU_COLUMNS}
    return {name: rates[name] for name in COLUMNS if name in rates}


def _metered(column: str, meters: list[Path]) -> Counters:
    return {column: power.watts_of(meters)}


def _attempt(source: Callable[[], Counters]) -> Counters:
    """Ask a source; one that is not there, or that psutil cannot read on this kernel, has nothing to say."""
    try:
        return source()
    except (OSError, RuntimeError, ValueError, LookupError, AttributeError):
        return {}
