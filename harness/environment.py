"""What the machine is, and the state that it is in: facts for the record, at the start and at the end of a run.

A fact that cannot be read is left out. `root` is where /proc, /sys and /etc are looked for; facts about this process
(versions, limits) are this process's own.
"""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from functools import cache
from pathlib import Path

from .. import __version__
from ..common import processes
from ..common.errors import MeasurementError
from ..common.packages import os_release
from ..common.system_files import chosen, distinct, meminfo, read_int, read_text
from ..devices.base import Facts, known_facts
from .cgroups import cgroup_limits
from .engines.fio.probe import probe

_CPU = "sys/devices/system/cpu"
_CLOCK = "sys/devices/system/clocksource/clocksource0"

_HYPERVISORS = {
    "qemu": "kvm",
    "kvm": "kvm",
    "amazon ec2": "amazon",
    "google": "google",
    "vmware": "vmware",
    "virtualbox": "virtualbox",
    "innotek": "virtualbox",
    "xen": "xen",
    "microsoft corporation": "hyperv",
    "parallels": "parallels",
    "bochs": "bochs",
    "openstack": "kvm",
}
"""What the machine's vendor and product names give away, in lower case."""

_CONTAINERS = {"docker": "docker", "kubepods": "kubernetes", "libpod": "podman", "lxc": "lxc"}
"""What the first process's control group gives away."""


def host_facts(root: Path = Path("/")) -> Facts:
    """Give what stays as it is during a run: machine, system, versions. Sizes in bytes."""
    memory = meminfo(root)
    return known_facts(
        {
            "hostname": read_text(root / "proc/sys/kernel/hostname"),
            "os": os_release(root).get("PRETTY_NAME"),
            "kernel": read_text(root / "proc/sys/kernel/osrelease"),
            "architecture": platform.machine(),
            **_processor(root),
            "memory_bytes": memory.get("MemTotal"),
            "page_bytes": resource.getpagesize(),
            "virtualisation": virtualisation(root),
            "container": container(root),
            "scaling_driver": distinct((root / _CPU).glob("cpufreq/policy*/scaling_driver")),
            "mitigations": _boot_option(root, "mitigations"),
            **software_versions(),
        }
    )


def ci_commit() -> str | None:
    """Give the commit that a CI service measures: GitHub Actions and GitLab say it."""
    return os.environ.get("GITHUB_SHA") or os.environ.get("CI_COMMIT_SHA") or None


def environment_facts(root: Path = Path("/")) -> Facts:
    """Give what may change between start and end of a run and touches its numbers. Sizes in bytes."""
    memory = meminfo(root)
    load = re.findall(r"\d+\.\d+", read_text(root / "proc/loadavg") or "")
    return known_facts(
        {
            "governor": distinct((root / _CPU).glob("cpufreq/policy*/scaling_governor")),
            "energy_preference": distinct((root / _CPU).glob("cpufreq/policy*/energy_performance_preference")),
            "turbo": turbo(root),
            "cpu_mhz": _cpu_mhz(root),
            "cpus_usable": len(os.sched_getaffinity(0)),
            "clock_source": read_text(root / _CLOCK / "current_clocksource"),
            "load_1min": float(load[0]) if load else None,
            "load_5min": float(load[1]) if len(load) > 1 else None,
            "steal_s": _steal_seconds(root),
            "io_pressure_percent": _pressure(root, "io"),
            "memory_available_bytes": memory.get("MemAvailable"),
            "swap_used_bytes": memory["SwapTotal"] - memory["SwapFree"]
            if memory.keys() >= {"SwapTotal", "SwapFree"}
            else None,
            "dirty_bytes": memory.get("Dirty"),
            "writeback_bytes": memory.get("Writeback"),
            "dirty_ratio": read_int(root / "proc/sys/vm/dirty_ratio"),
            "dirty_background_ratio": read_int(root / "proc/sys/vm/dirty_background_ratio"),
            "transparent_hugepages": chosen(root / "sys/kernel/mm/transparent_hugepage/enabled"),
            "aio_limit": read_int(root / "proc/sys/fs/aio-max-nr"),
            "aio_used": read_int(root / "proc/sys/fs/aio-nr"),
            "io_uring_disabled": read_int(root / "proc/sys/kernel/io_uring_disabled"),
            "open_files_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            "commit": ci_commit(),
            **cgroup_limits(root),
        }
    )


@cache
def software_versions() -> Facts:
    """Give the versions of what takes part in a measurement, asked once per process; None where it is absent."""
    import h5py
    import numpy as np

    try:
        fio: str | None = probe().version_text
    except MeasurementError:
        fio = None
    return {
        "python": platform.python_version(),
        "storbench": __version__,
        "numpy": np.__version__,
        "h5py": h5py.version.version,
        "hdf5": h5py.version.hdf5_version,
        "fio": fio,
        "nbdkit": program_version("nbdkit"),
    }


@cache
def program_version(program: str) -> str | None:
    """Ask a program for its version, once per process: `1.32.5`, `unknown`, or None where it is absent."""
    try:
        said = processes.output_of([program, "--version"])
    except FileNotFoundError:
        return None
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    match = re.search(r"\d+(?:\.\d+)+", said)
    return match[0] if match else "unknown"


def virtualisation(root: Path = Path("/")) -> str | None:
    """Name the hypervisor below: `none` on bare metal, `unknown` for one without a name, None where nothing tells."""
    if "microsoft" in (read_text(root / "proc/sys/kernel/osrelease") or "").lower():
        return "wsl"
    if xen := read_text(root / "sys/hypervisor/type"):
        return xen
    names = " ".join(read_text(root / "sys/class/dmi/id" / name) or "" for name in ("sys_vendor", "product_name"))
    below = next((name for key, name in _HYPERVISORS.items() if key in names.lower()), None)
    flags = re.search(r"^flags\s*:(.*)$", read_text(root / "proc/cpuinfo") or "", re.MULTILINE)
    if flags is None:  # not x86: the firmware's names are all there is
        return below or ("none" if names.strip() else None)
    if "hypervisor" not in flags[1].split():
        return "none"
    clocks = read_text(root / _CLOCK / "available_clocksource") or ""
    return below or ("kvm" if "kvm-clock" in clocks else "hyperv" if "hyperv" in clocks else "unknown")


def container(root: Path = Path("/")) -> str:
    """Name the container around this process: docker, podman, lxc, …, `none` where nothing hints at one."""
    if told := read_text(root / "run/systemd/container"):
        return told
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    group = read_text(root / "proc/1/cgroup") or ""
    return next((name for key, name in _CONTAINERS.items() if key in group), "none")


def turbo(root: Path = Path("/")) -> bool | None:
    """Whether the processor may go above its nominal clock; None where the system does not show it."""
    if (no_turbo := read_int(root / _CPU / "intel_pstate/no_turbo")) is not None:
        return not no_turbo
    boost = read_int(root / _CPU / "cpufreq/boost")
    return None if boost is None else bool(boost)


def _processor(root: Path) -> Facts:
    text = read_text(root / "proc/cpuinfo") or ""
    model = re.search(r"^(?:model name|Model|cpu model|cpu)\s*:\s*(.+)$", text, re.MULTILINE)
    places = re.findall(r"^physical id\s*:\s*(\d+)$.*?^core id\s*:\s*(\d+)$", text, re.MULTILINE | re.DOTALL)
    cpus = len(re.findall(r"^processor\s*:", text, re.MULTILINE)) or None
    return {
        "cpu_model": model[1] if model else read_text(root / "sys/firmware/devicetree/base/model"),
        "cpus": cpus,
        "cores": len(set(places)) or None,
        "smt": cpus > len(set(places)) if cpus and places else None,
    }


def _cpu_mhz(root: Path) -> float | None:
    """Give the mean clock now."""
    # One look at all cores; some kernels pause at each of the cores' own files.
    clocks = re.findall(r"^cpu MHz\s*:\s*(\d+(?:\.\d+)?)$", read_text(root / "proc/cpuinfo") or "", re.MULTILINE)
    if clocks:
        return round(sum(map(float, clocks)) / len(clocks))
    khz = read_int(root / _CPU / "cpufreq/policy0/scaling_cur_freq")
    return None if khz is None else round(khz / 1000)


def _steal_seconds(root: Path) -> float | None:
    """Give the seconds since boot in which the hypervisor let others run instead, all processors together."""
    ticks = re.match(r"cpu(?:\s+\d+){7}\s+(\d+)", read_text(root / "proc/stat") or "")
    return int(ticks[1]) / os.sysconf("SC_CLK_TCK") if ticks else None


def _pressure(root: Path, what: str) -> float | None:
    """Give the share of the last 10 s in which some task waited (pressure stall information)."""
    match = re.search(r"^some avg10=(\d+\.\d+)", read_text(root / "proc/pressure" / what) or "")
    return float(match[1]) if match else None


def _boot_option(root: Path, name: str) -> str | None:
    match = re.search(rf"(?:^|\s){name}=(\S+)", read_text(root / "proc/cmdline") or "")
    return match[1] if match else None
