"""Findings about the machine's settings: what makes its numbers noisy, slower, or not its own. Pure."""

from __future__ import annotations

import os

from ..common.packages import as_root
from ..common.units import format_size
from ..devices.base import Facts
from .finding import Finding

CLIENTS = 256
"""The largest number of clients that the workload `users` asks for by itself."""
_FILES_PER_CLIENT = 4
_AIO_PER_CLIENT = 64
_LOW_MEMORY = 1 << 30
_LOW_MEMORY_SHARE = 0.1
_SWAP_SHARE = 0.01
_DIRTY = 256 << 20

_FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv", "arch_sys_counter", "riscv_clocksource", "timebase", "tod", "stp")
"""Read in user space within some ten nanoseconds; the beginning of the name decides."""

_CPU = "/sys/devices/system/cpu"


def machine_findings(host: Facts, environment: Facts) -> list[Finding]:
    """Judge the facts of `host_facts` and `environment_facts`."""
    return [
        governor_finding(environment),
        turbo_finding(host, environment),
        clock_finding(environment),
        neighbours_finding(host),
        limits_finding(host, environment),
        memory_finding(host, environment),
        swap_finding(host, environment),
        dirty_finding(environment),
        hugepages_finding(environment),
        open_files_finding(environment),
        aio_finding(environment),
        user_finding(),
    ]


def governor_finding(environment: Facts) -> Finding:
    """Judge who chooses the processors' clock."""
    governor = environment.get("governor")
    why = "The clock follows the load, so latencies depend on what ran before."
    if governor is None:
        return Finding("governor", "unknown", "not visible", why, "On a virtual machine the host decides; ask there.")
    if governor == "performance":
        return Finding("governor", "ok", "performance")
    before = str(governor).partition(",")[0]
    path = f"{_CPU}/cpufreq/policy*/scaling_governor"
    advice = f"{_write('performance', path)} (back: {_write(before, path)})"
    return Finding("governor", "warning", str(governor), why, advice)


def turbo_finding(host: Facts, environment: Facts) -> Finding:
    """Judge whether the clock depends on temperature and on how many cores work."""
    turbo = environment.get("turbo")
    why = "Above the nominal clock the speed depends on temperature and on how many cores work."
    if turbo is None:
        return Finding("turbo", "unknown", "not visible", why, "On a virtual machine the host decides; ask there.")
    if not turbo:
        return Finding("turbo", "ok", "off")
    intel = str(host.get("scaling_driver", "")).startswith("intel_")
    path, off, on = ("intel_pstate/no_turbo", "1", "0") if intel else ("cpufreq/boost", "0", "1")
    return Finding("turbo", "warning", "on", why, f"{_write(off, f'{_CPU}/{path}')} (back: {on})")


def clock_finding(environment: Facts) -> Finding:
    """Judge how fast time can be read; fio reads it twice for each I/O."""
    clock = environment.get("clock_source")
    if clock is None:
        return Finding("clock source", "unknown", "not visible")
    if str(clock).startswith(_FAST_CLOCKS):
        return Finding("clock source", "ok", str(clock))
    why = "Reading this clock is a system call or slower; fio reads it twice for each I/O, which short latencies show."
    advice = _write("tsc", "/sys/devices/system/clocksource/clocksource0/current_clocksource")
    return Finding("clock source", "warning", str(clock), why, f"{advice}, if the kernel offers it")


def neighbours_finding(host: Facts) -> Finding:
    """Judge whether others share this machine unseen."""
    below, around = host.get("virtualisation"), host.get("container", "none")
    parts = [f"virtual machine ({below})"] if below not in (None, "none") else []
    parts += [f"container ({around})"] if around != "none" else []
    if not parts:
        seen = "cannot be seen" if below is None else "bare metal, no container"
        return Finding("virtualisation", "unknown" if below is None else "ok", seen)
    why = "Others share processors and disks unseen: numbers differ from hour to hour, and caches below are not yours."
    advice = "Measure with --repeat 5 or more and compare with intervals; for certification use bare metal."
    return Finding("virtualisation", "warning", ", ".join(parts), why, advice)


def limits_finding(host: Facts, environment: Facts) -> Finding:
    """Judge the limits of the control group."""
    found = []
    cpus, memory, io = (environment.get(f"cgroup_{name}") for name in ("cpus", "memory_bytes", "io"))
    if isinstance(cpus, (int, float)) and cpus < _number(host, "cpus", float("inf")):
        found.append(f"{cpus:g} processors")
    if isinstance(memory, int) and memory < _number(host, "memory_bytes", float("inf")):
        found.append(f"{format_size(memory)} of memory")
    if io:
        found.append(f"disk: {io}")
    if not found:
        return Finding("limits", "ok", "none by a control group")
    why = "What is measured may be this limit and not the device."
    advice = "Raise the limits of the container or the systemd unit (CPUQuota, MemoryMax, IO…Max)."
    return Finding("limits", "warning", "; ".join(found), why, advice)


def memory_finding(host: Facts, environment: Facts) -> Finding:
    """Judge the memory that is available."""
    available, total = environment.get("memory_available_bytes"), _number(host, "memory_bytes", 0)
    if not isinstance(available, int):
        return Finding("memory", "unknown", "not visible")
    seen = f"{format_size(available)} available" + (f" of {format_size(total)}" if total else "")
    if available >= max(_LOW_MEMORY, _LOW_MEMORY_SHARE * total):
        return Finding("memory", "ok", seen)
    why = "The kernel reclaims memory while the load runs, which stalls I/O; nbd:memory devices need their size of it."
    return Finding("memory", "warning", seen, why, "End what uses it: ps aux --sort=-rss | head")


def swap_finding(host: Facts, environment: Facts) -> Finding:
    """Judge the swap space in use."""
    used = environment.get("swap_used_bytes")
    if not isinstance(used, int):
        return Finding("swap", "unknown", "not visible")
    seen = f"{format_size(used)} in use"
    if used <= _SWAP_SHARE * _number(host, "memory_bytes", 0):
        return Finding("swap", "ok", seen)
    why = "Pages that come back from the disk are I/O of their own and stop the program that waits for them."
    return Finding("swap", "warning", seen, why, as_root("swapoff -a") + " (back: swapon -a), with memory free for it")


def dirty_finding(environment: Facts) -> Finding:
    """Judge the data that waits to be written."""
    dirty = _number(environment, "dirty_bytes", 0) + _number(environment, "writeback_bytes", 0)
    seen = f"{format_size(dirty)} wait to be written"
    if dirty < _DIRTY:
        return Finding("dirty pages", "ok", seen)
    return Finding("dirty pages", "warning", seen, "They reach the disks while the load runs.", "sync")


def hugepages_finding(environment: Facts) -> Finding:
    """Judge whether the kernel may move memory into huge pages behind every program's back."""
    mode = environment.get("transparent_hugepages")
    if mode != "always":
        return Finding("huge pages", "ok", str(mode or "not in this kernel"))
    why = "The kernel gathers huge pages while the load runs; the pauses show in the tail of short latencies."
    advice = _write("madvise", "/sys/kernel/mm/transparent_hugepage/enabled")
    return Finding("huge pages", "warning", "always", why, f"{advice} (back: always)")


def open_files_finding(environment: Facts) -> Finding:
    """Judge whether 256 clients can open their files."""
    limit, needed = _number(environment, "open_files_limit", 0), CLIENTS * _FILES_PER_CLIENT
    if limit >= needed or limit < 0:
        return Finding("open files", "ok", "no limit" if limit < 0 else f"up to {limit:g}")
    why = f"{CLIENTS} clients with their sockets and logs need about {needed}."
    return Finding("open files", "warning", f"up to {limit:g}", why, f"ulimit -n {needed}")


def aio_finding(environment: Facts) -> Finding:
    """Judge whether 256 clients can have queues."""
    limit, used = environment.get("aio_limit"), _number(environment, "aio_used", 0)
    if not isinstance(limit, int):
        return Finding("aio queue", "unknown", "not visible")
    seen, needed = f"{limit - used:g} of {limit} free", CLIENTS * _AIO_PER_CLIENT
    if limit - used >= needed:
        return Finding("aio queue", "ok", seen)
    why = f"libaio takes an entry for each I/O in flight: {CLIENTS} clients at depth {_AIO_PER_CLIENT} need {needed}."
    return Finding("aio queue", "warning", seen, why, as_root(f"sysctl fs.aio-max-nr={1 << 20}"))


def user_finding(user: int | None = None) -> Finding:
    """Say what this user may do."""
    if (os.geteuid() if user is None else user) == 0:
        return Finding("user", "ok", "root")
    return Finding("user", "ok", "not root: file: and nbd: devices work, block: devices need rights on their node")


def _number(facts: Facts, name: str, default: float) -> float:
    value = facts.get(name)
    return value if isinstance(value, (int, float)) else default


def _write(value: str, path: str) -> str:
    return f"echo {value} | {as_root(f'tee {path}')}"
