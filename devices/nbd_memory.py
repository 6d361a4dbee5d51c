"""`nbd:memory`: a networked device whose medium is memory, on a server of our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import psutil

from ..common import processes
from ..common.errors import InputError
from ..common.units import Size, format_size
from .base import API_VERSION, DeviceInfo, Facts, Fault, Opening, Purged, Target
from .emulated import memory_folder
from .faulty_serving import BreakableParameters, Serving
from .nbd import check_nbd_engine, nbd_options
from .nbdkit import filters_of, nbdkit, server_facts
from .purge_nbd import purge_export


class MemoryParameters(BreakableParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large it is and how it is reached."""

    size: Size


class MemoryServer:
    """Memory behind nbdkit."""

    def __init__(self, url: str, parameters: MemoryParameters) -> None:
        self._url = url
        self._parameters = parameters
        self._serving = Serving(parameters)

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        return DeviceInfo(self._url, "nbd", self._parameters.size, blank=True, faults=self._serving.faults())

    def facts(self) -> Facts:
        """Say which server it is."""
        return {"medium": "memory", **server_facts(self._parameters), **self._serving.facts()}

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
        # Beside the image, all of which may be in the cache as well.
        self._serving.check(opening, 2 * self._parameters.size)

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Start the server; it ends with the block."""
        size = self._parameters.size
        if self._serving.wanted(opening):
            # nbdkit's own memory would be lost with the server, which no medium is.
            with processes.guarded_folder("memory", inside=memory_folder()) as folder:
                image = folder / "image"
                with image.open("wb") as file:
                    file.truncate(size)
                with self._serving.serve(image, opening) as served:
                    yield msgspec.structs.replace(served, fresh=True)
            return
        with nbdkit(["memory", str(size)], self._parameters, read_only=not opening.write) as uri:
            yield Target(size, nbd_options(uri), fresh=True)

    def faults(self) -> Mapping[str, str]:
        """Name the kinds of fault; each with an empty text, or why there cannot be one here."""
        return self._serving.faults()

    def inject(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one server
        """Begin a fault."""
        return self._serving.inject(fault)

    def heal(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one server
        """End it."""
        return self._serving.heal(fault)

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
