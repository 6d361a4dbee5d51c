"""A client for requests that the checker's has not: trim, zeroes, and writes with FUA."""

from __future__ import annotations

import os
import struct

from storbench.harness.checker.nbd_channel import NbdChannel

WRITE, TRIM, ZEROES = 1, 4, 6
FUA, NO_HOLE = 1, 2
_REQUEST, _REPLY = struct.Struct(">LHHQQL"), struct.Struct(">LLQ")


class Client(NbdChannel):
    """One connection. Raises `OSError` with the server's errno."""

    def ask(self, kind: int, offset: int, length: int, data: bytes = b"", flags: int = 0) -> None:
        """Send one request and wait for its answer."""
        self._socket.sendall(_REQUEST.pack(0x25609513, flags, kind, 7, offset, length) + data)
        _, error, _ = _REPLY.unpack(self._exactly(_REPLY.size))
        if error:
            raise OSError(error, os.strerror(error))

    def write_through(self, offset: int, data: bytes) -> None:
        """Write with FUA."""
        self.ask(WRITE, offset, len(data), data, FUA)

    def trim(self, offset: int, length: int) -> None:
        """Trim."""
        self.ask(TRIM, offset, length)

    def zero(self, offset: int, length: int, *, hole: bool = True) -> None:
        """Write zeroes, by a hole or as data."""
        self.ask(ZEROES, offset, length, flags=0 if hole else NO_HOLE)
