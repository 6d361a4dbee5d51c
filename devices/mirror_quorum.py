"""The mirror itself: QEMU's quorum over NBD servers, and bringing back one that has missed writes.

Each write goes to all members and is done when a majority has done it; each read asks all, and what the majority gives
is the answer. A member that is away is tried again at each request, so one that is restarted is part of the mirror at
once, with what it had before; the others outvote it. `rewrite-corrupted` stays off: QEMU does not keep a read from
overlapping a write, and would now and then write what is old over what is new.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ..common.errors import MeasurementError
from .qemu_storage import StorageDaemon, nbd_node

EXPORT = "mirror"
_NODE, _JOB = "mirror", "resync"
_PATIENCE_S, _SLOWEST = 25.0, 8 << 20
"""How long a resync may take at least, and the bytes per second from which on more is given."""
_POLL_S = 0.01


def majority(replicas: int) -> int:
    """Give how many replicas must agree."""
    return replicas // 2 + 1


class Quorum:
    """One quorum in a storage daemon of its own."""

    def __init__(self, folder: Path, uris: Sequence[str], size: int, command: Sequence[str] = ()) -> None:
        """Prepare it over servers that are running, each of `size` bytes; `command` is what its own begins with."""
        self._uris = tuple(uris)
        self._size = size
        self._nodes = [f"member{number}" for number in range(len(uris))]
        self._children = [f"children.{number}" for number in range(len(uris))]
        self._named = self._numbered = len(uris)
        self._daemon = StorageDaemon(folder, "quorum", command=command)

    def start(self, *, writable: bool) -> str:
        """Start it and give the URI of the mirror."""
        self._daemon.start()
        for node, uri in zip(self._nodes, self._uris, strict=True):
            self._add(node, uri, read_only=not writable)
        self._daemon.command(
            "blockdev-add",
            {
                "driver": "quorum", "node-name": _NODE, "children": self._nodes, "read-only": not writable,
                "vote-threshold": majority(len(self._nodes)),
            },
        )  # fmt: skip
        return self._daemon.serve(_NODE, EXPORT, writable=writable)

    def check(self) -> None:
        """Raise `MeasurementError` where it has ended."""
        if not self._daemon.alive():
            raise MeasurementError("the mirror ended during the run", hint="What came after that moment is missing.")

    def resync(self, member: int) -> float:
        """Copy everything to a member, from what the majority says, while clients go on; give the seconds it took.

        The copy goes over a connection of its own, which takes the member's place at the end. Each write that clients
        make meanwhile waits until the copy has it too, so it comes to an end under any load. Raises
        `MeasurementError` where it fails, as when there is no majority to copy from.
        """
        began = time.monotonic()
        old, new = self._nodes[member], f"member{self._named}"
        self._named += 1
        self._add(new, self._uris[member])
        try:
            self._daemon.command(
                "blockdev-mirror",
                {
                    "job-id": _JOB, "device": _NODE, "target": new, "replaces": old, "sync": "full",
                    "copy-mode": "write-blocking", "auto-dismiss": False,
                    # Where a read meets a write the replicas may disagree for a moment: it is copied again.
                    "on-source-error": "ignore",
                },
            )  # fmt: skip
            self._finish(began + _PATIENCE_S + self._size / _SLOWEST)
        except MeasurementError:
            self._forget(new)
            raise
        self._nodes[member] = new
        self._forget(old)
        return time.monotonic() - began

    def reconnect(self, member: int) -> None:
        """Give a member a new connection: one that has failed for long is not always tried again."""
        new = f"member{self._named}"
        self._named += 1
        self._add(new, self._uris[member])
        self._daemon.command("x-blockdev-change", {"parent": _NODE, "child": self._children[member]})
        self._daemon.command("x-blockdev-change", {"parent": _NODE, "node": new})
        self._forget(self._nodes[member])
        self._nodes[member], self._children[member] = new, f"children.{self._numbered}"
        self._numbered += 1

    def stopped(self) -> AbstractContextManager[None]:
        """Stand still while the block lasts: clients wait."""
        return self._daemon.stopped()

    def end(self) -> None:
        """End it; never raises."""
        self._daemon.end()

    def _add(self, node: str, uri: str, *, read_only: bool = False) -> None:
        self._daemon.command("blockdev-add", nbd_node(node, uri, **{"read-only": read_only}))

    def _forget(self, node: str) -> None:
        self._daemon.command("blockdev-del", {"node-name": node})

    def _finish(self, deadline: float) -> None:
        """Let the copy take the member's place as soon as both are the same, and wait for its end."""
        asked = False
        while (job := self._job())["status"] != "concluded":
            if job["status"] == "ready" and not asked:
                self._daemon.command("job-complete", {"id": _JOB})
                asked = True
            if time.monotonic() > deadline:
                self._daemon.command("job-cancel", {"id": _JOB})
                self._await_end()
                self._daemon.command("job-dismiss", {"id": _JOB})
                raise MeasurementError("the resync of a replica did not come to an end")
            time.sleep(_POLL_S)
        self._daemon.command("job-dismiss", {"id": _JOB})
        if "error" in job:
            raise MeasurementError(f"the resync of a replica failed: {job['error']}")

    def _await_end(self) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while self._job()["status"] != "concluded" and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def _job(self) -> dict[str, Any]:
        jobs: list[dict[str, Any]] = self._daemon.command("query-jobs")
        return next(job for job in jobs if job["id"] == _JOB)
