"""What goes wrong on the client's side: other clients that overload the device or die, and the harness's own tools."""

from __future__ import annotations

import resource
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..devices.base import Facts, Fault, Target
from ..workloads.faults.client_kinds import CLIENT_KINDS
from ..workloads.job import Job
from .engines.fio.job_file import render_job_file
from .engines.fio.probe import probe

_BEGIN_S = 0.7
"""From a client's start to its kill: it is in the middle of its writes then."""
_FOUND_S = 5.0
_LONGEST_S, _SEED = 600.0, 7
_JOB_FILE = "client.fio"


class ClientFaults:
    """The faults of one step; `folder` is where the step's load generator runs."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = target
        self._folder = folder
        self._clients: dict[str, subprocess.Popen[bytes]] = {}

    def inject(self, fault: Fault) -> Facts:
        """Begin one of `CLIENT_KINDS`. Raises `MeasurementError` where that fails."""
        match fault.kind:
            case "overload":
                depth = int(fault.parameters.get("queue_depth", 64))
                self._clients[fault.kind] = self._client(fault.kind, read_fraction=0.5, queue_depth=depth)
                return {"client_queue_depth": depth}
            case "client-killed":
                return self._kill_client(fault)
            case "fio-killed":
                fio = self._load_generator()
                fio.kill()
                return {"killed": f"fio, process {fio.pid}"}
            case "log-disk-full":
                limit = int(fault.parameters.get("bytes", 1 << 16))
                fio = self._load_generator()
                with suppress(psutil.Error):
                    fio.rlimit(resource.RLIMIT_FSIZE, (limit, limit))
                return {"log_limit_bytes": limit}
        raise InputError(f"there is no fault '{fault.kind}'", hint=f"Known: {', '.join(CLIENT_KINDS)}.")

    def heal(self, fault: Fault) -> Facts:
        """End it; what has ended by itself needs nothing."""
        client = self._clients.pop(fault.kind, None)
        if client is not None:
            processes.end(client)
        return {}

    def end(self) -> None:
        """End every client that is still there."""
        for kind in list(self._clients):
            self.heal(Fault(kind))

    def _kill_client(self, fault: Fault) -> Facts:
        """Let a client write where the measured ones may be, too, and kill it while its requests are under way."""
        offset = int(fault.parameters.get("offset", 0))
        client = self._client(fault.kind, read_fraction=0.0, queue_depth=16, offset=offset)
        time.sleep(_BEGIN_S)
        ended = client.poll()
        processes.end(client)
        if ended is not None:
            raise MeasurementError(f"the client that was to be killed had ended by itself (exit status {ended})")
        return {"client_lived_s": _BEGIN_S}

    def _client(self, kind: str, *, read_fraction: float, queue_depth: int, offset: int = 0) -> subprocess.Popen[bytes]:
        """Start another client of the target: a fio of its own in a folder of its own."""
        folder = self._folder / kind
        folder.mkdir(parents=True, exist_ok=True)
        job = Job(read_fraction=read_fraction, queue_depth=queue_depth, offset=offset, duration=_LONGEST_S, seed=_SEED)
        (folder / _JOB_FILE).write_text(render_job_file((job,), self._target))
        command = [*self._target.command, str(probe().path), _JOB_FILE, "--output=/dev/null"]
        return processes.start(command, cwd=folder, environment=self._target.environment)

    def _load_generator(self) -> psutil.Process:
        """Find the fio of this step: a child of this process that runs in the step's folder."""
        deadline = time.monotonic() + _FOUND_S
        while time.monotonic() < deadline:
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    if child.name().startswith("fio") and Path(child.cwd()) == self._folder.resolve():
                        return child
            time.sleep(0.02)
        raise MeasurementError("the load generator that was to be disturbed was not found")
