"""Volumes that QEMU's block drivers reach: how large one is, and an NBD socket by which the checker gets at it."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from .qemu_storage import StorageDaemon

Node = Mapping[str, Any]
"""A block node as QEMU's reference manual describes it: `{"driver": "rbd", "pool": …}`."""

_ANSWER_S = 30.0
_DRIVERS = {"apt": "qemu-utils qemu-block-extra", "dnf": "qemu-img qemu-block-rbd qemu-block-gluster"}


class _Image(msgspec.Struct, frozen=True):
    size: int = msgspec.field(name="virtual-size")


def volume_size(node: Node, url: str) -> int:
    """Ask how many bytes a volume has.

    Raises `InputError` where it is not there or does not answer, `MeasurementError` where qemu-img is missing.
    """
    if shutil.which("qemu-img") is None:
        raise MeasurementError(
            "qemu-img is not installed; it asks for the size of volumes",
            hint=f"Install it: {install_command('qemu-img', _DRIVERS)}. Nothing was touched.",
        )
    description = msgspec.json.encode({"driver": "raw", "file": node}).decode()
    command = ["qemu-img", "info", "--force-share", "--output=json", f"json:{description}"]
    answer, words = _first_answer(command, url)
    try:
        return msgspec.json.decode(answer, type=_Image).size
    except msgspec.DecodeError:
        raise _refused(url, words) from None


def _first_answer(command: Sequence[str], url: str) -> tuple[bytes, str]:
    """Give what a command printed up to the end of a JSON document, and its complaints; it is not let come to its end.

    Gluster's library takes up to ten seconds to say goodbye, which the servers do not need.
    """
    process = processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    deadline = time.monotonic() + _ANSWER_S
    answer = b""
    with process.stdout as out, process.stderr as complaints:
        try:
            while not answer.endswith(b"}\n"):
                if not select.select([out], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise InputError(f"{url} did not answer within {_ANSWER_S:g} s", hint="Is the cluster reachable?")
                part = os.read(out.fileno(), 1 << 16)
                if not part:
                    break
                answer += part
        finally:
            processes.end(process)
        return answer, complaints.read().decode(errors="replace")


def _refused(url: str, words: str) -> InputError | MeasurementError:
    lines = [line for line in words.strip().splitlines() if line]
    if "Unknown driver" in words or "Unknown protocol" in words:
        hint = f"Install it: {install_command('qemu-block-extra', _DRIVERS)}. Nothing was touched."
        return MeasurementError(f"this QEMU lacks the driver that reaches {url}", hint=hint)
    said = lines[0].rpartition("}': ")[2] if lines else "no reason given"
    return InputError(f"cannot reach {url}: {said}", hint="Is the cluster reachable, and does the volume exist?")


@contextmanager
def exported(node: Node, *, command: Sequence[str] = (), read_only: bool) -> Iterator[str]:
    """Export a volume on a private Unix socket and give its NBD URI; it ends with the block.

    `command` is what the exporting daemon's own begins with. Raises `MeasurementError` where it cannot be made.
    """
    with processes.guarded_socket_folder("volume") as folder:
        daemon = StorageDaemon(folder, "volume", command=command)
        try:
            daemon.start()
            # Past caches of the client: what is read back must come from the cluster.
            settings = {"node-name": "volume", "read-only": read_only, "cache": {"direct": True}}
            daemon.command("blockdev-add", {**node, **settings})
            yield daemon.serve("volume", "volume", writable=not read_only)
        finally:
            daemon.end()
