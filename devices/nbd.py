"""One export of an NBD server: what it says of itself, when it may be written, how fio addresses it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError, SafetyError
from ..common.packages import install_command
from ..common.units import format_size
from .base import DeviceInfo, Facts, Opening, Target

_TIMEOUT_S = 10.0
_PRECIOUS = re.compile(
    r"boot sector|partition|file ?system|LVM|LUKS|swap|QEMU|QCOW|ext[234]|XFS|BTRFS|NTFS|FAT|VMware|ISO 9660|"
    r"SQLite|Linux rev",
    re.IGNORECASE,
)
"""Words of file(1) for contents that somebody will miss."""


class Export(msgspec.Struct, frozen=True):
    """What a server says of one export (nbdinfo's JSON)."""

    size: int = msgspec.field(name="export-size")
    name: str = msgspec.field(name="export-name", default="")
    content: str | None = None
    """What file(1) makes of its first blocks; None where that could not be found out."""
    is_read_only: bool = False
    is_rotational: bool | None = None
    can_multi_conn: bool | None = None
    can_flush: bool | None = None
    can_fua: bool | None = None
    can_trim: bool | None = None
    block_minimum: int | None = msgspec.field(name="block_size_minimum", default=None)


class _Answer(msgspec.Struct, frozen=True):
    protocol: str
    tls: bool = msgspec.field(name="TLS", default=False)
    exports: list[Export] = []


class NbdDevice:
    """One export of a server."""

    def __init__(self, url: str, uri: str) -> None:
        self._url = url
        self._uri = uri

    def info(self) -> DeviceInfo:
        """Ask the server for size and block size. Raises `InputError` where it does not answer."""
        export = ask(self._uri)[1]
        if not export.size:
            raise InputError(f"{self._url}: the export is empty")
        return DeviceInfo(self._url, "nbd", export.size, max(512, export.block_minimum or 0))

    def facts(self) -> Facts:
        """Give what the server says of the export."""
        protocol, export = ask(self._uri)
        found: Facts = {"uri": self._uri, "protocol": protocol, **msgspec.to_builtins(export)}
        return {name.replace("-", "_"): value for name, value in found.items() if value is not None}

    def check(self, opening: Opening) -> None:
        """Refuse to write a read-only export, or one that holds somebody's data and was not named."""
        check_nbd_engine(opening)
        export = ask(self._uri)[1]
        if not opening.write:
            return
        if export.is_read_only:
            raise SafetyError(f"{self._url} is exported read-only")
        reason = precious(export.content)
        if reason and self._url not in opening.destroy:
            raise SafetyError(
                f"the workload writes to {self._url} ({format_size(export.size)}): {reason}",
                hint=f"If all of it may be lost, say so: --destroy '{self._url}'",
            )

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Look at the export once more; each of fio's jobs connects by itself."""
        if opening.resuming:
            info = self.info()  # by now it holds what the run itself has written
        else:
            self.check(opening)
            info = self.info()
        yield Target(info.size, nbd_options(self._uri), logical_block_size=info.logical_block_size)


def ask(uri: str) -> tuple[str, Export]:
    """Ask a server about one export.

    Raises `InputError` where it cannot be reached, `MeasurementError` where nbdinfo is not installed.
    """
    if shutil.which("nbdinfo") is None:
        raise MeasurementError(
            "nbdinfo is not installed; it asks NBD servers for their size",
            hint=f"Install it: {install_command('libnbd', {'apt': 'libnbd-bin'})}. Nothing was touched.",
        )
    try:
        answer = msgspec.json.decode(processes.output_of(["nbdinfo", "--json", uri], timeout=_TIMEOUT_S), type=_Answer)
    except subprocess.TimeoutExpired:
        raise InputError(f"{uri} did not answer within {_TIMEOUT_S:g} s", hint="Is it an NBD server?") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().removeprefix("nbdinfo: ")
        raise InputError(
            f"cannot reach {uri}: {said}", hint="Is the server running, and is the export's name right?"
        ) from None
    except msgspec.DecodeError as error:
        raise MeasurementError(f"nbdinfo's answer about {uri} cannot be read: {error}") from None
    if not answer.exports:
        raise InputError(f"{uri} has no such export")
    return answer.protocol, answer.exports[0]


def precious(content: str | None) -> str:
    """Say why an export's content must not be lost without a word; empty where it is plain data."""
    if content is None:
        return f"what it holds is unknown, because file(1) is not installed ({install_command('file')})"
    return f"it holds {content[:80]}" if _PRECIOUS.search(content) else ""


def nbd_options(uri: str) -> dict[str, str]:
    """Give the fio options that address an export."""
    return {"ioengine": "nbd", "uri": uri}


def check_nbd_engine(opening: Opening) -> None:
    """Refuse where the fio that is here cannot speak NBD."""
    if opening.ioengines and "nbd" not in opening.ioengines:
        raise InputError(
            "this fio lacks the I/O engine 'nbd'",
            hint="Install a fio that was built with libnbd; see `storbench doctor`.",
        )
