"""A network of our own: one namespace for the client, one for each server, a wire to each that can be cut or made slow.

No packet leaves these namespaces, and no name of them is left. What is served is reached from outside by a Unix socket,
which belongs to the file system and not to a network.

A cut takes the link down at both ends. TCP would find out only when its retransmission timer runs out that the link is
back, and that timer doubles: a cut of 3.3 s was measured as 4.1 to 6.6 s. So the connections are dropped with the link,
as a host does that has lost its peer, and the client connects again when the link is back: 3.34 s. The server's side is
dropped before the link comes up, so that nothing which was sent before the cut arrives after it was sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import msgspec

from ..common.errors import InputError, MeasurementError
from .base import Facts, Fault
from .faulty_rules import parameters_of
from .namespaces import Namespace, namespace, need_namespaces, why_no_namespaces

PORT = 10809
PROGRAMS = ("unshare", "nsenter", "ip", "tc", "ss")
LINKS = ("unix", "netns")
"""How a server can be reached: on a Unix socket, or over a network of our own."""
KINDS = ("network-cut", "bandwidth")
_RATE = 1_000_000
"""Bytes per second, as in the facts that were measured with this shaper."""
_BURST, _QUEUE, _DRAIN_S = 16 << 10, 8 << 20, 0.05


class Wire:
    """One server's namespace and its link to the client."""

    def __init__(self, name: str, number: int, client: Namespace, server: Namespace) -> None:
        """Lay the wire between two namespaces that exist."""
        self.name = name
        self.command = server.command
        """What the server's command begins with."""
        self.address = f"10.211.{number}.1"
        self._ends = ((server, f"server{number}"), (client, f"client{number}"))
        self._down = False
        self._limited = False
        (there, far), (here, near) = self._ends
        here.run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", str(there.holder))
        there.run("ip", "addr", "add", f"{self.address}/30", "dev", far)
        here.run("ip", "addr", "add", f"10.211.{number}.2/30", "dev", near)
        self._set("up")

    def cut(self) -> Facts:
        """Take the link down."""
        self._set("down")
        self._down = True
        return {}

    def restore(self) -> Facts:
        """Bring the link up again; the connections from before are gone. Does nothing to a link that is up."""
        if not self._down:
            return {}
        (there, _), (here, _) = self._ends
        dropped = _drop_connections(there, "sport", "=", f":{PORT}")
        self._set("up")
        _drop_connections(here, "dst", self.address)
        self._down = False
        return {"connections_dropped": dropped}

    def limit(self, rate: int) -> Facts:
        """Let through `rate` bytes per second in each direction."""
        for end, device in self._ends:
            _shape(end, device, rate)
        self._limited = True
        return {"link_rate": rate}

    def unlimit(self) -> Facts:
        """Let everything through; does nothing to a link that is not limited."""
        if not self._limited:
            return {}
        for end, device in self._ends:
            # What waits in the queue would be lost with it, and be sent again much later.
            _shape(end, device, 10**9)
        time.sleep(_DRAIN_S)
        for end, device in self._ends:
            end.run("tc", "qdisc", "del", "dev", device, "root")
        self._limited = False
        return {}

    def _set(self, state: str) -> None:
        for end, device in self._ends:
            end.run("ip", "link", "set", device, state)


class PrivateNetwork:
    """The client's namespace and a wire to each server."""

    def __init__(self, client: Namespace, wires: Sequence[Wire]) -> None:
        self.command = client.command
        """What a client's command begins with."""
        self.holder = client.holder
        """A process that is where the client is."""
        self.wires = {wire.name: wire for wire in wires}

    def inject(self, fault: Fault) -> Facts:
        """Begin a fault. Raises `InputError` for one that a link cannot have, `MeasurementError` where it fails."""
        wire = self._wire(fault)
        if fault.kind == "network-cut":
            parameters_of(fault, ())
            return wire.cut()
        if fault.kind == "bandwidth":
            return wire.limit(_rate_of(fault))
        raise InputError(f"a link has no fault '{fault.kind}'", hint=f"Known: {', '.join(KINDS)}.")

    def heal(self, fault: Fault) -> Facts:
        """End a fault; one that is not there needs nothing."""
        wire = self._wire(fault)
        return wire.restore() if fault.kind == "network-cut" else wire.unlimit()

    def heal_all(self) -> None:
        """End all faults; never raises, and what the namespaces hold goes away with them anyway."""
        for wire in self.wires.values():
            with suppress(MeasurementError):
                wire.restore()
            with suppress(MeasurementError):
                wire.unlimit()

    def _wire(self, fault: Fault) -> Wire:
        if not fault.part:
            return next(iter(self.wires.values()))
        if fault.part not in self.wires:
            raise InputError(f"there is no link to '{fault.part}'", hint=f"There are: {', '.join(self.wires)}.")
        return self.wires[fault.part]


def link_faults(link: str) -> dict[str, str]:
    """Name the kinds of fault of a link, each with an empty text, or why a server that is reached so cannot have it."""
    reason = why_no_namespaces(PROGRAMS) if link == "netns" else "there is no network on the way; use link=netns"
    return dict.fromkeys(KINDS, reason)


def check_link(link: str) -> None:
    """Refuse a link that does not exist or cannot be made here. Raises `InputError`."""
    if link not in LINKS:
        raise InputError(f"'{link}' is no link", hint=f"One of: {', '.join(LINKS)}.")
    if link == "netns":
        need_namespaces(PROGRAMS)


@contextmanager
def private_network(servers: Sequence[str] = ("server",)) -> Iterator[PrivateNetwork]:
    """Make a network with these servers; it goes away with the block, or with this process.

    Raises `InputError` where nothing of that kind can be made here, `MeasurementError` where making it fails.
    """
    need_namespaces(PROGRAMS)
    with ExitStack() as stack:
        client = stack.enter_context(namespace("net"))
        wires = [
            Wire(name, number, client, stack.enter_context(namespace("net"))) for number, name in enumerate(servers)
        ]
        network = PrivateNetwork(client, wires)
        try:
            yield network
        finally:
            network.heal_all()


class Way(msgspec.Struct, frozen=True):
    """How a server is reached."""

    network: PrivateNetwork | None = None
    """None where the server listens on a Unix socket."""
    server: tuple[str, ...] = ()
    """What the server's command begins with."""
    address: tuple[str, int] | None = None
    """Where it listens, seen from the client's namespace."""
    client: tuple[str, ...] = ()
    """What its client's command begins with."""


@contextmanager
def way_to_server(link: str) -> Iterator[Way]:
    """Give the way to one server: nothing special for `unix`, a private network for `netns`. Raises as those do."""
    check_link(link)
    if link == "unix":
        yield Way()
        return
    with private_network() as network:
        wire = network.wires["server"]
        yield Way(network, wire.command, (wire.address, PORT), network.command)


def _drop_connections(end: Namespace, *matching: str) -> int:
    """Drop the TCP connections of one end and say how many; 0 as well where the kernel cannot (INET_DIAG_DESTROY)."""
    said = end.run("ss", "--kill", "--no-header", "--numeric", "--tcp", "state", "connected", *matching)
    return len(said.splitlines())


def _shape(end: Namespace, device: str, rate: int) -> None:
    shaper = ["tbf", "rate", f"{rate * 8}bit", "burst", str(max(_BURST, rate // 100)), "limit", str(_QUEUE)]
    end.run("tc", "qdisc", "replace", "dev", device, "root", *shaper)


def _rate_of(fault: Fault) -> int:
    parameters_of(fault, ("rate",))
    rate = fault.parameters.get("rate", _RATE)
    if isinstance(rate, str) or rate < 1000:
        raise InputError(f"rate={rate}: bytes per second are a number of at least 1000")
    return int(rate)
