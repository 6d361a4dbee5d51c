"""`nbd:memory`: a networked device whose medium is memory, on a server of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from ..common.errors import InputError
from ..common.units import Size, format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .nbd import check_nbd_engine, nbd_options
from .nbdkit import ServerParameters, filters_of, nbdkit, server_facts
from .purge_nbd import purge_export


class MemoryParameters(ServerParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large it is and how it is reached."""

    size: Size


class MemoryServer:
    """Memory behind nbdkit."""

    def __init__(self, url: str, parameters: MemoryParameters) -> None:
        self._url = url
        self._parameters = parameters

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        return DeviceInfo(self._url, "nbd", self._parameters.size, blank=True)

    def facts(self) -> Facts:
        """Say which server it is."""
        return {"medium": "memory", **server_facts(self._parameters)}

    def check(self, opening: Opening) -> None:
        """Refuse a size that this machine does not have, and a server or engine that is not there."""
        check_nbd_engine(opening)
        filters_of(self._parameters)
        server_facts(self._parameters)
        available = psutil.virtual_memory().available
        if self._parameters.size > available:
            raise InputError(
                f"no space: {format_size(self._parameters.size)} of memory are wanted, "
                f"{format_size(available)} are available",
                hint="Choose a smaller size.",
            )

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Start the server; it ends with the block."""
        size = self._parameters.size
        with nbdkit(["memory", str(size)], self._parameters, read_only=not opening.write) as uri:
            yield Target(size, nbd_options(uri), fresh=True)

    def purge(self, target: Target) -> Purged:
        """Let the server forget everything: all of it is trimmed."""
        return purge_export(target.options["uri"], target.size)


class MemoryKind:
    """Memory by size."""

    scheme = "nbd:memory"
    summary = "a networked device whose medium is memory; storbench starts the server"
    example = "nbd:memory?size=1GiB&delay=1ms&rate=100MB"
    api_version = API_VERSION
    parameters = MemoryParameters

    def resolve(self, url: str, address: str, parameters: MemoryParameters) -> MemoryServer:
        """Build the device; it has no address of its own."""
        if address:
            raise InputError(
                f"'nbd:memory' has no address, so '{address}' makes no sense", hint=f"Like {self.example}."
            )
        return MemoryServer(url, parameters)


KIND = MemoryKind()
