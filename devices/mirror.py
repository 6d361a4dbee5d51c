"""`mirror`: a redundant device of our own: replicas behind a vote, on servers that can be made to fail."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import psutil

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.units import Size, format_size
from .base import API_VERSION, COMPARE, DeviceInfo, Facts, Fault, Opening, Target
from .faulty_server import faults_of, faulty_plugin
from .faulty_serving import VOLATILE, BreakableParameters
from .file import absolute
from .link import check_link, link_faults, private_network
from .mirror_members import Members
from .mirror_quorum import majority
from .nbd import check_nbd_engine, nbd_options
from .nbdkit import filters_of, server_facts
from .qemu_storage import storage_daemon_path, storage_daemon_version

_SECTOR = 512
_NOTE = "the replicas are files on one machine: the servers read and write them through the page cache"


class MirrorParameters(BreakableParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large it is, how many replicas it has, and how each is reached."""

    size: Size
    replicas: Annotated[int, msgspec.Meta(ge=3, le=9)] = 3
    """A majority of them must agree."""
    path: str | None = None
    """The folder for the replicas' images; otherwise they lie where temporary files do."""


class Mirror:
    """Replicas behind a vote. What is in them exists only while it is open."""

    def __init__(self, url: str, parameters: MirrorParameters) -> None:
        self._url = url
        self._parameters = parameters
        self._folder = Path(tempfile.gettempdir()) if parameters.path is None else absolute(parameters.path)
        self._members: Members | None = None

    def info(self) -> DeviceInfo:
        """Give size, replicas and how many of them may fail."""
        replicas = self._parameters.replicas
        return DeviceInfo(
            self._url,
            "mirror",
            self._parameters.size,
            blank=True,
            faults=self.faults(),
            parts=self._parts,
            spare_parts=replicas - majority(replicas),
        )

    def facts(self) -> Facts:
        """Say what it is made of."""
        return {
            "medium": "files",
            "replicas": self._parameters.replicas,
            "vote_threshold": majority(self._parameters.replicas),
            "mirror": storage_daemon_version(),
            "server_cache": self._parameters.cache,
            "server_link": self._parameters.link,
            **server_facts(self._parameters),
        }

    def check(self, opening: Opening) -> None:
        """Refuse a size or a folder that makes no sense, too little space, and programs that are not there."""
        check_nbd_engine(opening)
        storage_daemon_path()
        server_facts(self._parameters)
        filters_of(self._parameters)
        faulty_plugin()
        check_link(self._parameters.link)
        size, replicas = self._parameters.size, self._parameters.replicas
        if size % _SECTOR:
            raise InputError(f"{self._url}: the size is no multiple of {_SECTOR} bytes")
        if not self._folder.is_dir():
            raise InputError(f"{self._folder} is no folder", hint="Make it first, or leave out path.")
        free = shutil.disk_usage(self._folder).free
        if size * replicas > free:
            raise InputError(
                f"no space: {replicas} replicas take {format_size(size * replicas)}, {format_size(free)} are free "
                f"in {self._folder}",
                hint="Choose a smaller size, or path= in another file system.",
            )
        available = psutil.virtual_memory().available
        if self._parameters.cache in VOLATILE and size * replicas > available:
            raise InputError(
                f"the write caches may grow to {format_size(size * replicas)}, {format_size(available)} of memory are "
                "available",
                hint="Choose a smaller size, or cache=none.",
            )

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Make the images, start servers and mirror; when the block ends nothing of it is left."""
        with ExitStack() as stack:
            images = stack.enter_context(processes.guarded_folder("mirror", inside=self._folder))
            sockets = stack.enter_context(processes.guarded_socket_folder("mirror"))
            network = None
            if self._parameters.link == "netns":
                network = stack.enter_context(private_network(self._parts))
            members = Members(
                self._parameters, self._parameters.replicas, self._parameters.size, images, sockets, network
            )
            stack.callback(self._end, members)
            uri = members.start(writable=opening.write)
            self._members = members
            yield Target(self._parameters.size, nbd_options(uri), fresh=True, notes=(_NOTE,))
            members.check()

    def faults(self) -> dict[str, str]:
        """Name the kinds of fault; each with an empty text, or why there cannot be one here."""
        of_link = link_faults(self._parameters.link)
        kinds = {**faults_of(self._parameters.cache), COMPARE: ""}
        try:
            faulty_plugin()
            storage_daemon_path()
        except MeasurementError as error:
            return dict.fromkeys(kinds, error.problem) | of_link
        return kinds | of_link

    def inject(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one opening
        """Begin a fault of one replica, the first unless `part` names another.

        `compare` is no fault but a look at all of them: whether they are identical. Nothing may write meanwhile.
        """
        members = self._running()
        return members.compare() if fault.kind == COMPARE else members.inject(fault)

    def heal(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one opening
        """End a fault, and bring the replica up to date where it may have missed or lost writes, unless `resync=0`."""
        members = self._running()
        return {} if fault.kind == COMPARE else members.heal(fault)

    @property
    def _parts(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(self._parameters.replicas))

    def _end(self, members: Members) -> None:
        self._members = None
        members.end()

    def _running(self) -> Members:
        if self._members is None:
            raise MeasurementError("the mirror is not open")
        return self._members


class MirrorKind:
    """Mirrors by size."""

    scheme = "mirror"
    summary = (
        "replicas behind a majority vote (QEMU's quorum) on servers that can be made to fail; storbench starts all"
    )
    example = "mirror:?size=256MiB&replicas=3"
    api_version = API_VERSION
    parameters = MirrorParameters

    def resolve(self, url: str, address: str, parameters: MirrorParameters) -> Mirror:
        """Build the device; it has no address of its own."""
        if address:
            raise InputError(f"'mirror' has no address, so '{address}' makes no sense", hint=f"Like {self.example}.")
        return Mirror(url, parameters)


KIND = MirrorKind()
