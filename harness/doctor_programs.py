"""Findings about programs: Python, fio and its engines, the NBD tools, plug-ins."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ..common.errors import MeasurementError
from ..common.packages import as_root, install_command, package_manager
from ..devices.base import Facts
from ..devices.ioengines import io_uring_error
from .engines.fio.probe import OLDEST, FioProbe, probe
from .environment import program_version
from .finding import Finding

ENGINES = {
    "psync": "file: devices without a queue",
    "libaio": "file: and block: devices with a queue",
    "io_uring": "file: and block: devices with a queue",
    "nbd": "nbd: devices",
    "libpmem": "persistent memory",
    "rbd": "Ceph block devices",
    "gfapi": "Gluster volumes",
}
"""The engines that storbench can use, and for what."""

_NEEDED = frozenset({"psync", "nbd"})
_QUEUED = frozenset({"libaio", "io_uring"})


class _Tool(msgspec.Struct, frozen=True):
    program: str
    purpose: str
    package: str
    packages: Mapping[str, str] = {}
    oldest: tuple[int, int] = (0, 0)
    optional: bool = False


TOOLS = (
    _Tool("nbdkit", "nbd:memory and nbd:file devices", "nbdkit", oldest=(1, 32)),
    _Tool("nbdinfo", "asking NBD servers for size and features", "libnbd", {"apt": "libnbd-bin"}),
    _Tool("file", "seeing what an NBD export holds before it is written", "file"),
    _Tool(
        "nbdfuse",
        "giving an NBD device a file name, for the kernel's engines and fault injection",
        "libnbd",
        {"apt": "libnbd-bin", "dnf": "nbdfuse", "zypper": "nbdfuse"},
    ),
    _Tool(
        "qemu-storage-daemon",
        "mirror: devices",
        "qemu-storage-daemon",
        {"apt": "qemu-system-common", "dnf": "qemu-img", "zypper": "qemu-tools", "apk": "qemu-tools"},
        optional=True,
    ),
)


def program_findings(root: Path = Path("/")) -> list[Finding]:
    """Ask every program for its version and judge."""
    try:
        fio: FioProbe | MeasurementError = probe()
    except MeasurementError as error:
        fio = error
    return [
        fio_finding(fio),
        *(engines_findings(fio.ioengines, root) if isinstance(fio, FioProbe) else ()),
        io_uring_finding(io_uring_error()),
        *(tool_finding(tool, program_version(tool.program), root) for tool in TOOLS),
    ]


def python_finding(host: Facts) -> Finding:
    """Say which versions of Python and of the libraries are at work."""
    names = {"python": "Python", "storbench": "storbench", "numpy": "numpy", "h5py": "h5py", "hdf5": "HDF5"}
    return Finding("python", "ok", ", ".join(f"{name} {host.get(key, '?')}" for key, name in names.items()))


def fio_finding(fio: FioProbe | MeasurementError) -> Finding:
    """Judge the fio that was found, or say why none can be used."""
    if isinstance(fio, FioProbe):
        return Finding("fio", "ok", f"{fio.version_text} at {fio.path}")
    needed = f"fio {OLDEST[0]}.{OLDEST[1]} or newer makes every load; without it nothing real can be measured."
    return Finding("fio", "problem", fio.problem, needed, fio.hint)


def engines_findings(present: frozenset[str], root: Path = Path("/")) -> list[Finding]:
    """Judge which I/O engines fio has."""
    have = [name for name in ENGINES if name in present]
    missing = {name: use for name, use in ENGINES.items() if name not in present}
    lacking = [name for name in missing if name in _NEEDED or (name in _QUEUED and not present & _QUEUED)]
    seen = f"{', '.join(have) or 'none'}" + (f"; not {', '.join(missing)}" if missing else "")
    if not lacking:
        return [Finding("fio engines", "ok", seen)]
    why = "Needed: " + ", ".join(f"{name} for {ENGINES[name]}" for name in lacking) + "."
    if package_manager(root) == "dnf":  # there the engines are packages of their own
        advice = as_root("dnf install " + " ".join(f"fio-engine-{name}" for name in lacking if name != "psync"))
    else:
        advice = "Install a fio built with them; ./configure of fio's source says which libraries it misses."
    return [Finding("fio engines", "warning", seen, why, advice)]


def io_uring_finding(error: int) -> Finding:
    """Judge what the kernel answered to io_uring_setup without entries."""
    if error in (0, errno.EINVAL, errno.EFAULT):
        return Finding("io_uring", "ok", "the kernel allows it")
    why = "fio's io_uring engine cannot be used here; libaio takes its place, with a little more overhead."
    if error == errno.ENOSYS:
        return Finding("io_uring", "warning", "this kernel has none", why, "Use a kernel of 5.1 or newer, or libaio.")
    advice = f"{as_root('sysctl kernel.io_uring_disabled=0')}; in a container its seccomp profile must allow it as well"
    return Finding("io_uring", "warning", f"the kernel refuses it ({errno.errorcode.get(error, error)})", why, advice)


def tool_finding(tool: _Tool, version: str | None, root: Path = Path("/")) -> Finding:
    """Judge a program by its version, None where it is absent."""
    install = install_command(tool.package, tool.packages, root=root)
    if version is None and tool.optional:
        return Finding(tool.program, "ok", f"not installed; needed for {tool.purpose} only", "", install)
    if version is None:
        return Finding(tool.program, "warning", "not installed", f"Needed for {tool.purpose}.", install)
    numbers = re.findall(r"\d+", version)[:2]
    if len(numbers) == 2 and (int(numbers[0]), int(numbers[1])) < tool.oldest:
        needed = ".".join(map(str, tool.oldest))
        return Finding(tool.program, "warning", version, f"{tool.purpose} need {needed} or newer.", install)
    return Finding(tool.program, "ok" if numbers else "unknown", version if numbers else "tells no version")


def plugin_findings(broken: Sequence[tuple[str, str]]) -> list[Finding]:
    """Name every plug-in that cannot be used, with the reason."""
    why = "It is skipped; everything else works."
    advice = "Update or uninstall the distribution that brings it: storbench list says which."
    return [Finding(f"plug-in {name}", "warning", reason, why, advice) for name, reason in broken] or [
        Finding("plug-ins", "ok", "none is broken")
    ]
