"""Namespaces of our own, held by a process each: no name is left anywhere when that process ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command

_READY_S, _COMMAND_S = 5.0, 10.0
_PACKAGES = {
    "unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "tc": "iproute2", "ss": "iproute2"
}  # fmt: skip
_KINDS = {"net": "--net", "mnt": "--mount"}


class Namespace:
    """Private namespaces that a process holds open."""

    def __init__(self, holder: int, kinds: Sequence[str]) -> None:
        self.holder = holder
        """The process that is in them; a path in its mounts is reached by /proc/HOLDER/root."""
        self.command: tuple[str, ...] = ("nsenter", f"--target={holder}", *(_KINDS[kind] for kind in kinds), "--")
        """What a command begins with that is to run in them; it becomes that command, without a child."""

    def run(self, *command: str, timeout: float = _COMMAND_S) -> str:
        """Carry out a short command in them and give what it printed. Raises `MeasurementError` where it fails."""
        try:
            return processes.output_of([*self.command, *command], timeout=timeout)
        except subprocess.CalledProcessError as error:
            words = (error.stderr or error.stdout or "").strip()
            raise MeasurementError(f"'{' '.join(command)}' failed in a private namespace: {words}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MeasurementError(f"'{' '.join(command)}' failed in a private namespace: {error}") from None


def why_no_namespaces(programs: Sequence[str] = ("unshare", "nsenter", "ip")) -> str:
    """Say why namespaces cannot be made here, or which of `programs` is missing; empty where they can."""
    if os.geteuid() != 0:
        return "private network namespaces need root"
    for program in programs:
        if shutil.which(program) is None:
            package = _PACKAGES.get(program, program)
            return f"{program} is not installed ({install_command(package)})"
    try:
        processes.output_of(["unshare", "--net", "--mount", "true"])
    except (OSError, subprocess.SubprocessError):
        return "this kernel or container lets nobody make network namespaces"
    return ""


def need_namespaces(programs: Sequence[str] = ("unshare", "nsenter", "ip")) -> None:
    """Raise `InputError` where namespaces cannot be made here."""
    if reason := why_no_namespaces(programs):
        raise InputError(
            f"this device cannot be made here: {reason}", hint="Run storbench as root, on a host of yours."
        )


@contextmanager
def namespace(*kinds: str) -> Iterator[Namespace]:
    """Make namespaces of these kinds (`net`, `mnt`); they go away with the block, or with this process.

    The loopback of a new network is up. Raises `MeasurementError` where they cannot be made.
    """
    # The name in the command line says whose process that is; the shell stays, with the sleep as its child.
    holder = ["unshare", *(_KINDS[kind] for kind in kinds), "sh", "-c", "sleep infinity; exit", "storbench-namespace"]
    process = processes.start(holder)
    try:
        _wait_until_apart(process, kinds)
        made = Namespace(process.pid, kinds)
        if "net" in kinds:
            made.run("ip", "link", "set", "lo", "up")
        yield made
    finally:
        processes.end(process)


def _wait_until_apart(process: subprocess.Popen[bytes], kinds: Sequence[str]) -> None:
    own = {kind: Path(f"/proc/self/ns/{kind}").readlink() for kind in kinds}
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            shell = Path(f"/proc/{process.pid}/comm").read_text().strip() != "unshare"
            apart = all(Path(f"/proc/{process.pid}/ns/{kind}").readlink() != own[kind] for kind in kinds)
        except OSError:
            break
        # The mounts are made private after the namespace is there, so it counts when unshare has become the shell.
        if apart and shell:
            return
        time.sleep(0.005)
    raise MeasurementError("private namespaces could not be made", hint="It takes root; see `storbench doctor`.")
