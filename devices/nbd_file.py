"""`nbd:file`: a networked device whose medium is a file, on a server of our own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from ..common.errors import InputError
from ..common.units import Size
from .base import API_VERSION, DeviceInfo, Facts, Fault, Opening, Purged, Target
from .faulty_serving import BreakableParameters, Serving
from .file import FileDevice, FileParameters, absolute
from .nbd import check_nbd_engine, nbd_options
from .nbdkit import filters_of, nbdkit, server_facts

_NOTE = "the server reads and writes its file through the page cache"


class ServedFileParameters(BreakableParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which file is served, and how it is reached."""

    path: str
    size: Size | None = None
    """Required for a new file."""
    keep: bool = False
    """Leave a file that the run made."""
    overwrite: bool = False
    """Allow writing inside a file that the run did not make."""


class FileServer:
    """A file behind nbdkit; making, locking and removing it is the file device's business."""

    def __init__(self, url: str, parameters: ServedFileParameters) -> None:
        self._url = url
        self._parameters = parameters
        self._path = absolute(parameters.path)
        kept = FileParameters(parameters.size, None, False, parameters.keep, parameters.overwrite)
        self._file = FileDevice(url, self._path, kept)
        self._serving = Serving(parameters)

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        return msgspec.structs.replace(self._file.info(), scheme="nbd", faults=self._serving.faults())

    def facts(self) -> Facts:
        """Give the file's facts and which server it is."""
        return {**self._file.facts(), **server_facts(self._parameters), **self._serving.facts()}

    def check(self, opening: Opening) -> None:
        """Refuse what the file device refuses, and a server or engine that is not there."""
        check_nbd_engine(opening)
        filters_of(self._parameters)
        server_facts(self._parameters)
        self._file.check(opening)
        existing = self._file.info()
        if not existing.blank and self._path.stat().st_size != existing.size:
            raise InputError(f"{self._path} is served as a whole, so size cannot be less", hint="Leave out size.")
        self._serving.check(opening, existing.size)

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Make or lock the file and start the server."""
        with self._file.open(opening) as target:
            if self._serving.wanted(opening):
                with self._serving.serve(self._path, opening) as served:
                    yield msgspec.structs.replace(served, fresh=target.fresh, notes=(_NOTE, *served.notes))
                return
            with nbdkit(["file", str(self._path)], self._parameters, read_only=not opening.write) as uri:
                yield Target(target.size, nbd_options(uri), fresh=target.fresh, notes=(_NOTE,))

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
        """Make the file anew in place, under the server; both see it through one page cache."""
        self._serving.forget_cache()
        return self._file.purge(target)

    def health(self, target: Target) -> Facts:
        """Give what the logs of the disk below say."""
        return self._file.health(target)

    def discard(self, run_id: str) -> None:
        """Remove the file if run `run_id` made it."""
        self._file.discard(run_id)


class ServedFileKind:
    """Files by path, served."""

    scheme = "nbd:file"
    summary = "a networked device whose medium is a file; storbench starts the server"
    example = "nbd:file?path=/data/t.bin&size=4GiB"
    api_version = API_VERSION
    parameters = ServedFileParameters

    def resolve(self, url: str, address: str, parameters: ServedFileParameters) -> FileServer:
        """Build the device; its path is a parameter."""
        if address:
            raise InputError(f"'nbd:file' takes its file as path=…, not as '{address}'", hint=f"Like {self.example}.")
        return FileServer(url, parameters)


KIND = ServedFileKind()
