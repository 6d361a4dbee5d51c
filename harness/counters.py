"""The system's own counters, by psutil: what has been used since boot. Two looks make a rate."""

from __future__ import annotations

import os
import re
from pathlib import Path

import psutil

_CPU_DRIVERS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp")
_DRIVE_DRIVERS = ("nvme", "drivetemp")

Counters = dict[str, float]


def cpu_seconds() -> Counters:
    """Give the seconds that all processors together spent in user, system, iowait, steal and idle."""
    times = psutil.cpu_times()._asdict()

    def total(*names: str) -> float:
        return float(sum(times.get(name, 0.0) for name in names))

    # Guest time is part of user and nice already (proc(5)).
    return {
        "user": total("user", "nice"),
        "system": total("system", "irq", "softirq"),
        "iowait": total("iowait"),
        "steal": total("steal"),
        "idle": total("idle"),
    }


def cpu_percents(before: Counters, after: Counters) -> Counters:
    """Give each kind's share of the time between two looks, in percent; a counter that went back counts as zero."""
    spent = {name: max(0.0, after[name] - before[name]) for name in after}
    total = sum(spent.values())
    return {name: 100 * seconds / total if total else 0.0 for name, seconds in spent.items()}


def disk_counters(disk: str | None = None, root: Path = Path("/")) -> Counters:
    """Give bytes and I/Os read and written by one disk (`nvme0n1`), or by all that are hardware.

    Raises `KeyError` for a disk that is not there.
    """
    found = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    # Partitions, loop, RAM, RAID and mapped disks have no device of their own; their I/O is seen in the one below.
    chosen = (
        [found[disk]] if disk else [c for name, c in found.items() if (root / "sys/block" / name / "device").exists()]
    )
    return {
        "disk_read_bandwidth": float(sum(c.read_bytes for c in chosen)),
        "disk_write_bandwidth": float(sum(c.write_bytes for c in chosen)),
        "disk_read_iops": float(sum(c.read_count for c in chosen)),
        "disk_write_iops": float(sum(c.write_count for c in chosen)),
    }


def network_counters() -> Counters:
    """Give the bytes over the loopback interface, and those received and sent over all others."""
    found = psutil.net_io_counters(pernic=True, nowrap=False)
    others = [counters for name, counters in found.items() if name != "lo"]
    return {
        "loopback_bandwidth": float(found["lo"].bytes_sent) if "lo" in found else 0.0,
        "network_receive_bandwidth": float(sum(c.bytes_recv for c in others)),
        "network_send_bandwidth": float(sum(c.bytes_sent for c in others)),
    }


def memory_gauges() -> Counters:
    """Give the memory used and available, in bytes."""
    memory = psutil.virtual_memory()
    return {"memory_used": float(memory.used), "memory_available": float(memory.available)}


def load_gauge() -> Counters:
    """Give the mean number of tasks that ran or waited in the last minute."""
    return {"load_1min": os.getloadavg()[0]}


def processor_sensors(root: Path = Path("/")) -> list[Path]:
    """Find the files that tell the processor's temperature in thousandths of a degree."""
    hwmon = [file for driver in hardware_monitors(root) if driver[0] in _CPU_DRIVERS for file in _inputs(driver[1])]
    return hwmon or [
        zone / "temp"
        for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))
        if _word(zone / "type").startswith(("cpu", "x86_pkg"))
    ]


def drive_sensors(disk: str | None = None, root: Path = Path("/")) -> list[Path]:
    """Find the files that tell the temperature of a disk, or of all."""
    return [
        file
        for name, folder in hardware_monitors(root)
        if name in _DRIVE_DRIVERS and (disk is None or belongs_to(folder / "device", disk))
        for file in _inputs(folder)
    ]


def throttle_files(root: Path = Path("/")) -> list[Path]:
    """Find the files that count how often each processor core was slowed down for its heat; once for each core."""
    found = []
    for file in sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count")):
        cpu = file.parents[1]
        siblings = _word(cpu / "topology/thread_siblings_list")
        # The threads of a core share its counter.
        if not siblings or re.match(r"\d+", siblings) is None or cpu.name == f"cpu{re.split(r'[,-]', siblings)[0]}":
            found.append(file)
    return found


def throttle_count(files: list[Path]) -> Counters:
    """Give how often cores were slowed down. Raises `OSError` or `ValueError` where one does not answer."""
    return {"cpu_throttle_rate": float(sum(int(file.read_text()) for file in files))}


def hottest(sensors: list[Path]) -> float:
    """Give the highest reading in degrees Celsius. Raises `OSError` or `ValueError` where none answers."""
    return max(int(file.read_text()) for file in sensors) / 1000


def hardware_monitors(root: Path = Path("/")) -> list[tuple[str, Path]]:
    """Give the sensors' drivers and folders (hwmon)."""
    return [(_word(folder / "name"), folder) for folder in sorted((root / "sys/class/hwmon").glob("hwmon*"))]


def _inputs(folder: Path) -> list[Path]:
    return sorted(folder.glob("temp*_input"))


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def belongs_to(device: Path, disk: str) -> bool:
    """Say whether a sensor's device is, or controls, a disk."""
    # An NVMe controller holds its namespaces, a SCSI device its block device.
    return (device / disk).exists() or (device / "block" / disk).exists()
