"""`gluster://HOST/VOLUME/FILE`: a file on a GlusterFS volume that exists, by Gluster's own library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ..common.errors import InputError, SafetyError
from ..common.units import Count, format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Target
from .qemu_image import Node, exported, volume_size

_PORT = 24007
_NOTE = "writes may be answered from the client's memory, as the volume's performance.write-behind says"
_ADDRESS = re.compile(r"//([^/:]+|\[[^\]]+\])/([^/]+)/(.+)")
_MISREAD = frozenset(";#\"'$\\:\n\r ")
"""What fio cuts or replaces in a value."""


class GlusterParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the volume is reached."""

    port: Count = _PORT
    """Of the management daemon, for asking the size; fio itself knows the usual one only."""


class GlusterDevice:
    """One file of one volume."""

    def __init__(self, url: str, host: str, volume: str, path: str, port: int) -> None:
        self._url = url
        self._host, self._volume, self._path = host, volume, path
        self._port = port
        self._size = 0

    def info(self) -> DeviceInfo:
        """Ask the cluster for the file's size. Raises `InputError` where it does not answer or has no such file."""
        if not self._size:
            self._size = self._ask_size()
        return DeviceInfo(self._url, "gluster", self._size)

    def facts(self) -> Facts:
        """Say where the file is."""
        return {"host": self._host, "volume": self._volume, "path": self._path}

    def check(self, opening: Opening) -> None:
        """Refuse to write a file whose URL was not typed as one that may be destroyed."""
        check_gluster_engine(opening)
        size = self.info().size
        refuse_unless_typed(self._url, size, opening)

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Look at the file once more, and give the checker a way to it where faults are wanted."""
        self._size = size = self._ask_size()
        self.check(opening)
        target = Target(size, gluster_options(self._host, self._volume, self._path), notes=(_NOTE,))
        if not opening.write:
            yield target
            return
        with exported(self._node(), self._url, read_only=False) as uri:
            yield msgspec.structs.replace(target, checked={"ioengine": "nbd", "uri": uri})

    def _ask_size(self) -> int:
        size = volume_size(self._node(), self._url)
        if not size:
            raise InputError(f"{self._url} is empty", hint="Make it as large as it is to be: truncate -s 1G FILE.")
        return size

    def _node(self) -> Node:
        server = {"type": "inet", "host": self._host.strip("[]"), "port": str(self._port)}
        return {"driver": "gluster", "volume": self._volume, "path": self._path, "server": [server]}


def gluster_options(host: str, volume: str, path: str) -> dict[str, str]:
    """Give the fio options that address a file of a volume."""
    return {"ioengine": "gfapi_async", "volume": volume, "brick": host, "filename": path}


def check_gluster_engine(opening: Opening) -> None:
    """Refuse where the fio that is here cannot speak to GlusterFS."""
    if opening.ioengines and "gfapi_async" not in opening.ioengines:
        raise InputError(
            "this fio lacks the I/O engine 'gfapi_async'",
            hint="Install a fio that was built with libgfapi, or mount the volume and use file:.",
        )


def refuse_unless_typed(url: str, size: int, opening: Opening) -> None:
    """Raise `SafetyError` where something that exists would be written and its URL was not typed for that."""
    if opening.write and url not in opening.destroy:
        raise SafetyError(
            f"the workload writes to {url} ({format_size(size)}), which exists: everything in it would be lost",
            hint=f"If all of it may be lost, say so: --destroy '{url}'",
        )


class GlusterKind:
    """Files on GlusterFS volumes."""

    scheme = "gluster"
    summary = "a file on a GlusterFS volume that exists; written only with --destroy and its URL"
    example = "gluster://storage.example/volume/test.bin"
    api_version = API_VERSION
    parameters = GlusterParameters

    def resolve(self, url: str, address: str, parameters: GlusterParameters) -> GlusterDevice:
        """Build the device."""
        found = _ADDRESS.fullmatch(address)
        if found is None or set(address) & _MISREAD:
            raise InputError(
                f"'{url}' is no file on a GlusterFS volume",
                hint=f"Like {self.example}, without blanks and quotes; gluster:local starts a volume of its own.",
            )
        return GlusterDevice(url, found[1], found[2], found[3], parameters.port)


KIND = GlusterKind()
