"""A hop between a client and an NBD server that may go away: it holds requests back, and connects again.

fio's NBD engine ends at the first lost connection, so nothing could be said of recovery; over the hop a load goes on
when the server is back. It adds a copy and a process to the path: compare only what went the same way. It is no place
to measure read errors, because QEMU's server drops a client whose read fails after the answer has begun. What the
server calls a hole is answered as zeroes without asking it, so the volume is filled first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..common import processes
from ..common.errors import MeasurementError
from .qemu_storage import StorageDaemon, nbd_node

RECONNECT_S = 60
"""How long requests wait for a server that is away before they fail; longer than any planned outage."""
_OPEN_S = 5
"""How long the server may take to be there when the hop is made."""


@contextmanager
def reconnecting_hop(
    uri: str, *, command: Sequence[str] = (), export: str = "hop", read_only: bool = False,
    reconnect_s: int = RECONNECT_S,
) -> Iterator[str]:  # fmt: skip
    """Give the URI by which the server at `uri` is reached; it answers again as soon as the server does.

    `command` is what the hop's own command begins with, such as entering a network namespace; its clients come by a
    private Unix socket, which they reach from any namespace. While the server is away requests wait up to
    `reconnect_s` seconds and then fail. The hop ends with the block. Raises `MeasurementError` where it cannot be
    made, and when the block ends well although the hop has died meanwhile.
    """
    with processes.guarded_socket_folder("hop") as folder:
        daemon = StorageDaemon(folder, "hop", command=command)
        try:
            daemon.start()
            waits = {"reconnect-delay": reconnect_s, "open-timeout": _OPEN_S}
            daemon.command("blockdev-add", nbd_node("server", uri, **waits, **{"read-only": read_only}))
            yield daemon.serve("server", export, writable=not read_only)
            if not daemon.alive():
                raise MeasurementError("the reconnecting hop ended during the run", hint="What came after is missing.")
        finally:
            daemon.end()
