"""What devices have in common that are one server of our own: opened for faults, they are served by a faulty one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

import psutil

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.units import format_size
from .base import Facts, Fault, Opening, Target
from .faulty_server import FaultyServer, faults_of, faulty_plugin
from .link import KINDS as LINK_KINDS
from .link import PrivateNetwork, check_link, link_faults, way_to_server
from .nbd import nbd_options
from .nbd_hop import reconnecting_hop
from .nbdkit import ServerParameters
from .purge_nbd import purge_export
from .qemu_storage import PROGRAM, storage_daemon_path

VOLATILE = ("writeback", "unsafe")
_LINKED = "the server is reached over a private network and by a hop that connects again, which adds a copy"
_NO_HOP = f"{PROGRAM} is not here: a load ends when its server is killed, and recovery cannot be measured"


class BreakableParameters(ServerParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a server of our own that can be made to fail can be given."""

    cache: Literal["none", "writeback", "unsafe", "writethrough"] = "none"
    """Volatile write cache: writeback is honest, unsafe ignores flushes, writethrough has all durable at once."""
    link: Literal["unix", "netns"] = "unix"
    """How it is reached: by a Unix socket, or over a private network whose link can be cut and limited (root only)."""


class Serving:
    """Serves an image for one device, and makes the server fail."""

    def __init__(self, parameters: BreakableParameters) -> None:
        self._parameters = parameters
        self._server: FaultyServer | None = None
        self._network: PrivateNetwork | None = None
        self._uri = ""

    def wanted(self, opening: Opening) -> bool:
        """Say whether it takes this server: for faults, for a write cache or for a link."""
        return bool(opening.faults) or self._parameters.cache != "none" or self._parameters.link != "unix"

    def check(self, opening: Opening, size: int) -> None:
        """Refuse where the plug-in was not built, and where a write cache of up to `size` has no room."""
        if not self.wanted(opening):
            return
        faulty_plugin()
        if self._parameters.link == "netns":
            check_link(self._parameters.link)
            storage_daemon_path()
        available = psutil.virtual_memory().available
        if self._parameters.cache in VOLATILE and size > available:
            raise InputError(
                f"the write cache may grow to {format_size(size)}, {format_size(available)} of memory are available",
                hint="Choose a smaller size, or cache=none.",
            )

    @contextmanager
    def serve(self, image: Path, opening: Opening) -> Iterator[Target]:
        """Serve an image; when the block ends all faults are healed, whatever happens, and the server is gone."""
        with processes.guarded_socket_folder("nbd") as folder, ExitStack() as stack:
            way = stack.enter_context(way_to_server(self._parameters.link))
            server = FaultyServer(
                image, folder, "socket", cache=self._parameters.cache, parameters=self._parameters,
                read_only=not opening.write, command=way.server, address=way.address,
            )  # fmt: skip
            stack.callback(self._end, server)
            server.start()
            self._server, self._network = server, way.network
            hop, notes = "", []
            if opening.faults or way.network is not None:
                if shutil.which(PROGRAM):
                    hop = stack.enter_context(
                        reconnecting_hop(server.uri, command=way.client, read_only=not opening.write)
                    )
                else:
                    notes.append(_NO_HOP)
            if way.network is not None:
                # Nobody outside the namespaces reaches the server itself.
                notes.append(_LINKED)
            self._uri = server.uri if way.network is None else hop
            yield Target(
                server.size, nbd_options(self._uri), reconnecting=nbd_options(hop) if hop else {}, notes=tuple(notes)
            )
            server.check()

    def _end(self, server: FaultyServer) -> None:
        server.stop()
        self._server = self._network = None

    def faults(self) -> dict[str, str]:
        """Name the kinds of fault; each with an empty text, or why there cannot be one here."""
        of_link = link_faults(self._parameters.link)
        if self._server is not None:
            return self._server.faults() | of_link
        try:
            faulty_plugin()
        except MeasurementError as error:
            return dict.fromkeys(faults_of(self._parameters.cache), str(error).partition("\n")[0]) | of_link
        return faults_of(self._parameters.cache) | of_link

    def inject(self, fault: Fault) -> Facts:
        """Begin a fault, of the server or of the link to it."""
        if self._network is not None and fault.kind in LINK_KINDS:
            return self._network.inject(fault)
        return self._running().inject(fault)

    def heal(self, fault: Fault) -> Facts:
        """End it."""
        if self._network is not None and fault.kind in LINK_KINDS:
            return self._network.heal(fault)
        return self._running().heal(fault)

    def forget_cache(self) -> None:
        """Empty a write cache before the image is made anew behind the server's back."""
        if self._server is not None and self._parameters.cache in VOLATILE:
            purge_export(self._uri, self._server.size)

    def facts(self) -> Facts:
        """Say which write cache it has, and which link."""
        cache: Facts = {} if self._parameters.cache == "none" else {"server_cache": self._parameters.cache}
        return cache if self._parameters.link == "unix" else {**cache, "server_link": self._parameters.link}

    def _running(self) -> FaultyServer:
        if self._server is None:
            raise MeasurementError("the device was not opened for faults")
        return self._server
