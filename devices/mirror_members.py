"""The members of a mirror: a server and an image each, what goes wrong with one, and bringing it back."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from ..common.errors import InputError, StorbenchError
from .base import Facts, Fault
from .faulty_server import FaultyServer
from .faulty_serving import VOLATILE, BreakableParameters
from .link import KINDS as LINK_KINDS
from .link import PORT, PrivateNetwork
from .mirror_compare import Read, compare
from .mirror_quorum import Quorum, majority
from .nbd_client import NbdClient, nbd_connection

_HARMLESS = frozenset({"hang", "slow", "stale-read", "lying-flush", "reordered-flush", "bandwidth"})
"""What ends without the medium having missed a write; after everything else a member may differ from the others."""
_RESYNC = "resync"
_PIECE, _PASSES = 1 << 20, 4


class Members:
    """All members and the vote over them. Faults may be begun and ended from any thread."""

    def __init__(
        self, parameters: BreakableParameters, count: int, size: int, images: Path, sockets: Path,
        network: PrivateNetwork | None = None,
    ) -> None:  # fmt: skip
        """Make an image for each in `images`; nothing is started. `network` has a wire to each, by its number."""
        self._size = size
        self._volatile = parameters.cache in VOLATILE
        self._parameters = parameters
        self._images = [images / f"replica{number}.img" for number in range(count)]
        self._sockets = sockets
        self._network = network
        self._servers: list[FaultyServer] = []
        self._quorum: Quorum | None = None
        self._open: dict[tuple[str, str], Fault] = {}
        self._stale: set[int] = set()
        """Those that a fault which has ended may have left behind the others."""
        self._lock = threading.RLock()
        for image in self._images:
            with image.open("xb") as file:
                file.truncate(size)

    def start(self, *, writable: bool) -> str:
        """Start servers and vote, and give the URI of the mirror."""
        for number, image in enumerate(self._images):
            wire = self._network.wires[str(number)] if self._network else None
            server = FaultyServer(
                image, self._sockets, f"m{number}", cache=self._parameters.cache, parameters=self._parameters,
                read_only=not writable, command=wire.command if wire else (),
                address=(wire.address, PORT) if wire else None,
            )  # fmt: skip
            self._servers.append(server)
            server.start()
        inside = self._network.command if self._network else ()
        self._quorum = Quorum(self._sockets, [server.uri for server in self._servers], self._size, inside)
        return self._quorum.start(writable=writable)

    def check(self) -> None:
        """Raise `MeasurementError` where something ended that nobody had killed."""
        if self._quorum is not None:
            self._quorum.check()
        for server in self._servers:
            server.check()

    def end(self) -> None:
        """Undo all faults and end everything; never raises."""
        if self._quorum is not None:
            self._quorum.end()
        for server in self._servers:
            # The images go away with it: what a cache has not written yet need not be.
            with suppress(StorbenchError):
                server.inject(Fault("kill"))
            server.stop()

    def inject(self, fault: Fault) -> Facts:
        """Begin a fault of a member."""
        with self._lock:
            number = self._number(fault)
            facts = self._broken(number, fault.kind).inject(_without_resync(fault, number))
            self._open[fault.kind, str(number)] = fault
            return {"fault_part": str(number), **facts}

    def heal(self, fault: Fault) -> Facts:
        """End a fault of a member; what it may have missed or lost is copied to it, unless `resync` is 0."""
        with self._lock:
            number = self._number(fault)
            if self._open.pop((fault.kind, str(number)), None) is None:
                return {}
            facts = Facts()
            if fault.kind not in _HARMLESS and fault.parameters.get(_RESYNC, 1):
                self._stale.add(number)
            if fault.kind == "bit-flip":
                # Repaired by the mirror, from the others; a bit that it did not repair is turned back afterwards.
                facts |= self._resync()
            return facts | self._broken(number, fault.kind).heal(_without_resync(fault, number)) | self._resync()

    def compare(self) -> Facts:
        """Say whether all replicas are identical. Nothing may write meanwhile; a cache that is honest is flushed."""
        with self._lock, self._reading() as replicas:
            return compare(replicas, self._size)

    def _resync(self) -> Facts:
        """Bring up to date who can be: nothing is wrong with it any more, and others can tell what it missed."""
        if self._quorum is None:
            return {}
        facts: Facts = {}
        busy = {int(part) for _, part in self._open}
        broken = {int(part) for kind, part in self._open if kind not in _HARMLESS}
        spare = len(self._images) - majority(len(self._images))
        for number in sorted(self._stale - busy):
            if len(broken | self._stale) <= spare:
                facts["resync_s"] = self._quorum.resync(number)
            elif sound := sorted(set(range(len(self._images))) - busy - self._stale):
                # There may be blocks on which no majority agrees: what was written and not acknowledged. So it comes
                # from one that was always there.
                facts["resync_s"] = self._copy(sound[0], number, self._quorum)
            else:
                break
            self._stale.discard(number)
        return facts

    def _copy(self, source: int, target: int, quorum: Quorum) -> float:
        """Make one member what another is, while clients wait; give the seconds it took."""
        began = time.monotonic()
        quorum.reconnect(target)
        for _ in range(_PASSES):
            # Once more: a request that was on its way to one of the two, and not to the other yet, is seen by that.
            with quorum.stopped(), self._connected(source) as here, self._connected(target) as there:
                copied = _copied(here, there, self._size)
            if not copied:
                break
        return time.monotonic() - began

    def _broken(self, number: int, kind: str) -> FaultyServer | PrivateNetwork:
        """Give what a kind of fault happens to: a member's server, or the network to it."""
        return self._network if self._network is not None and kind in LINK_KINDS else self._servers[number]

    def _connected(self, number: int) -> AbstractContextManager[NbdClient]:
        """Connect to a member past the vote."""
        return nbd_connection(self._servers[number].uri, inside=self._network.holder if self._network else None)

    def _number(self, fault: Fault) -> int:
        known = [str(number) for number in range(len(self._images))]
        part = fault.part or known[0]
        if part not in known:
            raise InputError(f"the mirror has no part '{part}'", hint=f"It has: {', '.join(known)}.")
        return int(part)

    @contextmanager
    def _reading(self) -> Iterator[dict[str, Read]]:
        """Give what reads each replica: its server where that has a volatile cache and is there, or its image."""
        with ExitStack() as stack:
            reads: dict[str, Read] = {}
            for number, (image, server) in enumerate(zip(self._images, self._servers, strict=True)):
                if self._volatile and server.alive():
                    reads[str(number)] = stack.enter_context(self._connected(number)).read
                else:
                    reads[str(number)] = _reader(stack, image)
            yield reads


def _copied(here: NbdClient, there: NbdClient, size: int) -> int:
    """Copy what differs, and give how many bytes that may have been."""
    copied = 0
    for offset in range(0, size, _PIECE):
        length = min(_PIECE, size - offset)
        data = here.read(offset, length)
        if there.read(offset, length) != data:
            there.write(offset, data)
            copied += length
    there.flush()
    return copied


def _reader(stack: ExitStack, image: Path) -> Read:
    descriptor = os.open(image, os.O_RDONLY | os.O_CLOEXEC)
    stack.callback(os.close, descriptor)
    # What is behind the end of an image that was cut short reads as zeroes.
    return lambda offset, length: os.pread(descriptor, length, offset).ljust(length, b"\0")


def _without_resync(fault: Fault, number: int) -> Fault:
    """Leave out what is the mirror's own business; of links, name the one that it is about."""
    rest = {name: value for name, value in fault.parameters.items() if name != _RESYNC}
    return msgspec.structs.replace(fault, part=str(number) if fault.kind in LINK_KINDS else "", parameters=rest)
