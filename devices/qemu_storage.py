"""A QEMU storage daemon of our own: block drivers in a process that is told what to do over QMP.

QMP is QEMU's machine protocol: one line of JSON a message, over a socket in the daemon's private folder.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command

PROGRAM = "qemu-storage-daemon"

_READY_S = 15.0
_ANSWER_S = 30.0
_END_S = 1.0
"""A client that is still connected may keep it busy: it is not waited for."""
_RECEIVE_BYTES = 1 << 16
_ANSWERED_S = 0.05
"""By then servers that do not hang have answered what a stopped daemon had asked for."""

Arguments = dict[str, Any]
"""What a QMP command takes; nested as QEMU's reference manual says."""


class _Failure(msgspec.Struct, frozen=True):
    description: str = msgspec.field(name="desc")


class _Message(msgspec.Struct, frozen=True):
    answer: Any = msgspec.field(name="return", default=None)
    error: _Failure | None = None
    id: int | None = None
    """Which command it answers; events and the greeting have none."""


@cache
def storage_daemon_path() -> str:
    """Find the program. Raises `MeasurementError` where it is not installed."""
    path = shutil.which(PROGRAM)
    if path is None:
        raise MeasurementError(
            f"{PROGRAM} is not installed; it mirrors, and it connects again to a server that was away",
            hint=f"Install it: {install_command(PROGRAM, _PACKAGES)}. Nothing was touched.",
        )
    return path


_PACKAGES = {"apt": "qemu-system-common qemu-utils", "dnf": "qemu-img", "zypper": "qemu-tools", "apk": "qemu-img"}
"""Where it is; Debian and Ubuntu moved it from one of the two packages to the other."""


@cache
def storage_daemon_version() -> str:
    """Give the first line of what it says of itself. Raises `MeasurementError` where it does not answer."""
    path = storage_daemon_path()
    try:
        return processes.output_of([path, "--version"]).partition("\n")[0].strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise MeasurementError(f"{path} --version does not answer: {error}") from None


class StorageDaemon:
    """One daemon and the connection to it. Calls from several threads wait for each other."""

    def __init__(self, folder: Path, name: str, *, command: Sequence[str] = ()) -> None:
        """Prepare a daemon whose sockets and files lie in `folder`; `command` is what its own begins with."""
        self._folder = folder
        self._name = name
        self._prefix = tuple(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._number = 0
        self._lock = threading.RLock()

    @property
    def export_path(self) -> Path:
        """The socket on which `serve` exports."""
        return self._folder / f"{self._name}.nbd"

    def start(self) -> None:
        """Start it and connect. Raises `MeasurementError` with its words where it does not come up."""
        qmp, ready = self._folder / f"{self._name}.qmp", self._folder / f"{self._name}.pid"
        command = [*self._prefix, storage_daemon_path(), "--pidfile", str(ready)]
        command += ["--chardev", f"socket,id=qmp,path={_escaped(qmp)},server=on,wait=off", "--monitor", "chardev=qmp"]
        with self._words.open("wb") as stderr:
            self._process = processes.start(command, stderr=stderr)
        if not processes.wait_until(ready, self._process, timeout=_READY_S):
            self.end()
            raise MeasurementError(f"{PROGRAM} did not start{self._said()}", hint=f"The command: {' '.join(command)}")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(qmp))
        self.command("qmp_capabilities")

    def alive(self) -> bool:
        """Say whether the process is still there."""
        return self._process is not None and self._process.poll() is None

    def command(self, name: str, arguments: Arguments | None = None, *, timeout: float = _ANSWER_S) -> Any:
        """Carry out a QMP command and give what it returns.

        Raises `MeasurementError` where the daemon refuses, is gone or has not answered within `timeout` seconds.
        """
        with self._lock:
            self._number += 1
            message = {"execute": name, "arguments": arguments or {}, "id": self._number}
            self._send(msgspec.json.encode(message))
            deadline = time.monotonic() + timeout
            while True:
                answer = self._receive(deadline)
                if answer is None:
                    raise MeasurementError(f"{PROGRAM} did not answer '{name}' within {timeout:g} s{self._said()}")
                if answer.id == self._number:
                    break
            if answer.error is not None:
                raise MeasurementError(f"{PROGRAM} refused '{name}': {answer.error.description}")
            return answer.answer

    def serve(self, node: str, name: str, *, writable: bool) -> str:
        """Export a node on the daemon's own Unix socket and give its URI."""
        address = {"type": "unix", "data": {"path": str(self.export_path)}}
        self.command("nbd-server-start", {"addr": address, "max-connections": 0})
        export = {"type": "nbd", "id": "export", "node-name": node, "name": name, "writable": writable}
        self.command("block-export-add", export)
        return f"nbd+unix:///{quote(name)}?socket={quote(str(self.export_path))}"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Let it do nothing at all while the block lasts; what it has asked for is answered meanwhile."""
        if self._process is None:
            raise self._gone()
        with self._lock:
            processes.signal_group(self._process, signal.SIGSTOP)
            try:
                time.sleep(_ANSWERED_S)
                yield
            finally:
                processes.signal_group(self._process, signal.SIGCONT)

    def end(self) -> None:
        """End it; never raises, and does nothing where it is not running."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        process, self._process = self._process, None
        if process is not None:
            processes.signal_group(process, signal.SIGTERM)
            processes.end(process, patience=_END_S)

    @property
    def _words(self) -> Path:
        return self._folder / f"{self._name}.stderr"

    def _said(self) -> str:
        lines = self._words.read_text(errors="replace").splitlines() if self._words.exists() else []
        return "".join(f"\n  {line}" for line in lines[-6:])

    def _gone(self) -> MeasurementError:
        return MeasurementError(f"{PROGRAM} has ended{self._said()}")

    def _send(self, line: bytes) -> None:
        if self._socket is None:
            raise self._gone()
        self._socket.settimeout(_ANSWER_S)
        try:
            self._socket.sendall(line + b"\n")
        except OSError:
            raise self._gone() from None

    def _receive(self, deadline: float) -> _Message | None:
        """Give the next message until `deadline`; None when the time is over."""
        while b"\n" not in self._buffer:
            if self._socket is None:
                raise self._gone()
            # Not 0, which would mean not to block, and say so with another exception.
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
            except TimeoutError:
                return None
            except OSError:
                raise self._gone() from None
            if not data:
                raise self._gone()
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return msgspec.json.decode(line, type=_Message)


def nbd_node(name: str, uri: str, **settings: str | int | bool) -> Arguments:
    """Describe a block node that is a client of an NBD URI: `nbd+unix:///NAME?socket=PATH` or `nbd://HOST:PORT/NAME`.

    Raises `InputError` for a URI of another form.
    """
    parts = urlsplit(uri)
    server: Arguments
    if parts.scheme == "nbd+unix" and (paths := parse_qs(parts.query).get("socket")):
        server = {"type": "unix", "path": paths[0]}
    elif parts.scheme == "nbd" and parts.hostname:
        server = {"type": "inet", "host": parts.hostname, "port": str(parts.port or 10809)}
    else:
        raise InputError(f"'{uri}' is no NBD URI that {PROGRAM} can reach", hint="Like nbd+unix:///?socket=/run/s.")
    export = unquote(parts.path.removeprefix("/"))
    # Without `unmap` trims would be answered and not passed on.
    return {
        "driver": "nbd", "node-name": name, "server": server, "discard": "unmap",
        **({"export": export} if export else {}), **settings,
    }  # fmt: skip


def _escaped(path: Path) -> str:
    """Give a path as QEMU's options want it, which are separated by commas."""
    return str(path).replace(",", ",,")
