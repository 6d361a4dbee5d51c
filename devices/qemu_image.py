"""Volumes that QEMU's block drivers reach: how large one is, and an NBD socket by which the checker gets at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from .qemu_storage import StorageDaemon

Node = Mapping[str, Any]
"""A block node as QEMU's reference manual describes it: `{"driver": "rbd", "pool": …}`."""

_NAME = "volume"
_ANSWER_S = 30.0
_DRIVERS = {"apt": "qemu-block-extra", "dnf": "qemu-block-rbd qemu-block-gluster"}


def volume_size(node: Node, url: str) -> int:
    """Ask how many bytes a volume has.

    Raises `InputError` where it is not there or does not answer, `MeasurementError` where QEMU's driver is missing.
    """
    with processes.guarded_socket_folder(_NAME) as folder:
        daemon = StorageDaemon(folder, _NAME)
        try:
            daemon.start()
            _open(daemon, node, url, read_only=True)
            (found,) = daemon.command("query-named-block-nodes")
            return int(found["image"]["virtual-size"])
        finally:
            # Not by the driver's own end: Gluster's library takes up to ten seconds to say goodbye.
            daemon.end()


@contextmanager
def exported(node: Node, url: str, *, command: Sequence[str] = (), read_only: bool) -> Iterator[str]:
    """Export a volume on a private Unix socket and give its NBD URI; it ends with the block.

    `command` is what the exporting daemon's own begins with. Raises as `volume_size` does.
    """
    with processes.guarded_socket_folder(_NAME) as folder:
        daemon = StorageDaemon(folder, _NAME, command=command)
        try:
            daemon.start()
            _open(daemon, node, url, read_only=read_only)
            yield daemon.serve(_NAME, _NAME, writable=not read_only)
        finally:
            daemon.end()


def _open(daemon: StorageDaemon, node: Node, url: str, *, read_only: bool) -> None:
    # Past caches of the client: what is read back must come from the cluster.
    settings = {"node-name": _NAME, "read-only": read_only, "cache": {"direct": True}}
    try:
        daemon.command("blockdev-add", {**node, **settings}, timeout=_ANSWER_S)
    except MeasurementError as error:
        if "Unknown driver" in error.problem or "Unknown protocol" in error.problem:
            hint = f"Install it: {install_command('qemu-block-extra', _DRIVERS)}. Nothing was touched."
            raise MeasurementError(f"this QEMU lacks the driver that reaches {url}", hint=hint) from None
        said = error.problem.partition("'blockdev-add': ")[2] or error.problem
        hint = "Is the cluster reachable, and does the volume exist?"
        raise InputError(f"cannot reach {url}: {said}", hint=hint) from None
