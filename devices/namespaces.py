"""Namespaces of our own, held by a process each: no name is left anywhere when that process ends."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command

_READY_S, _COMMAND_S = 5.0, 10.0
_NETWORK = 0x40000000
"""CLONE_NEWNET of Linux's <sched.h>."""
_PACKAGES = {
    "unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2", "tc": "iproute2", "ss": "iproute2"
}  # fmt: skip
_MAKE = {"net": "--net", "mnt": "--mount", "pid": "--pid --fork --kill-child --mount-proc"}
# What is forked lies in the new namespace of processes, and not what made it.
_ENTER = {"net": "--net", "mnt": "--mount", "pid": "--pid=/proc/{}/ns/pid_for_children"}


class Namespace:
    """Private namespaces that a process holds open."""

    def __init__(self, holder: int, kinds: Sequence[str]) -> None:
        self.holder = holder
        """The process that is in them."""
        self.root = Path(f"/proc/{holder}/root")
        """Their file system, as it is reached from outside."""
        self.command = self.enter(*kinds)
        """What a command begins with that is to run in all of them."""

    def enter(self, *kinds: str) -> tuple[str, ...]:
        """Give what a command begins with that is to run in namespaces of these kinds.

        Without `pid` it becomes that command; with it, the command is its child. With `mnt` it begins in `/`.
        """
        return ("nsenter", f"--target={self.holder}", *(_ENTER[kind].format(self.holder) for kind in kinds), "--")

    def run(self, *command: str, timeout: float = _COMMAND_S) -> str:
        """Carry out a short command in them and give what it printed. Raises `MeasurementError` where it fails."""
        try:
            return processes.output_of([*self.command, *command], timeout=timeout)
        except subprocess.CalledProcessError as error:
            words = (error.stderr or error.stdout or "").strip()
            raise MeasurementError(f"'{' '.join(command)}' failed in a private namespace: {words}") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MeasurementError(f"'{' '.join(command)}' failed in a private namespace: {error}") from None


def connected_inside(holder: int, host: str, port: int, timeout: float) -> socket.socket:
    """Connect to an address in the network namespace of a process. Raises `OSError` where that fails."""
    found: list[socket.socket | OSError] = []

    def connect() -> None:
        # A thread may be in another network than its process, and a socket stays in the one it was made in.
        try:
            with Path(f"/proc/{holder}/ns/net").open("rb") as space:
                if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _NETWORK) != 0:
                    raise OSError(ctypes.get_errno(), "the namespace cannot be entered")
            found.append(socket.create_connection((host, port), timeout))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=connect, name="inside")
    thread.start()
    thread.join()
    (made,) = found
    if isinstance(made, OSError):
        raise made
    return made


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
    """Make namespaces of these kinds (`net`, `mnt`, `pid`); they go away with the block, or with this process.

    The loopback of a new network is up. With `pid`, daemons that detach themselves end with it as well. Raises
    `MeasurementError` where they cannot be made.
    """
    options = [option for kind in kinds for option in _MAKE[kind].split()]
    # The name in the command line says whose process that is; the shell stays, with the sleep as its child.
    holder = ["unshare", *options, "sh", "-c", "echo made; exec >&-; sleep infinity; exit", "storbench-namespace"]
    process = processes.start(holder, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        with process.stdout as words:
            if not select.select([words], [], [], _READY_S)[0] or not words.readline():
                raise MeasurementError("private namespaces could not be made", hint="It takes root.")
        made = Namespace(process.pid, kinds)
        if "net" in kinds:
            made.run("ip", "link", "set", "lo", "up")
        yield made
    finally:
        processes.end(process)
