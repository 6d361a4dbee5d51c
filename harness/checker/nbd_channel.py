"""A connection to an NBD server for the checker: errors keep their number, and a server that hangs is waited for.

Protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, fixed newstyle, NBD_OPT_EXPORT_NAME,
simple replies.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

_REQUEST, _REPLY = struct.Struct(">LHHQQL"), struct.Struct(">LLQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_CAN_FLUSH = 1 << 2
_FIXED_NEWSTYLE, _NO_ZEROES = 1, 2
_EXPORT_NAME = 1

_PATIENCE_S = 60.0
"""A hang is something to measure, so an answer is waited for; but nothing is waited for without an end."""


class NbdChannel:
    """One connection, one request at a time."""

    def __init__(self, uri: str, patience_s: float = _PATIENCE_S) -> None:
        parts = urlsplit(uri)
        self._name = parts.path.lstrip("/").encode()
        if parts.scheme == "nbd+unix":
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            address: str | tuple[str, int] = parse_qs(parts.query)["socket"][0]
        else:
            self._socket = socket.socket(socket.AF_INET6 if ":" in (parts.hostname or "") else socket.AF_INET)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = (parts.hostname or "localhost", parts.port or 10809)
        self._socket.settimeout(patience_s)
        self._handle = 0
        try:
            self._socket.connect(address)
            self.size, self._flags = self._negotiate()
        except BaseException:
            self._socket.close()
            raise

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`."""
        self._ask(_READ, offset, length)
        return self._exactly(length)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        self._ask(_WRITE, offset, len(data), data)

    def flush(self) -> None:
        """Flush, where the server offers it; where it does not, what is acknowledged counts as durable."""
        if self._flags & _CAN_FLUSH:
            self._ask(_FLUSH, 0, 0)

    def close(self) -> None:
        """Take leave, to which there is no answer."""
        with suppress(OSError):
            self._socket.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))
        self._socket.close()

    def _ask(self, kind: int, offset: int, length: int, data: bytes = b"") -> None:
        self._handle += 1
        self._socket.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, kind, self._handle, offset, length) + data)
        magic, error, handle = _REPLY.unpack(self._exactly(_REPLY.size))
        if magic != _REPLY_MAGIC or handle != self._handle:
            raise OSError(errno.EPROTO, "the NBD server's answer makes no sense")
        if error:
            raise OSError(error, os.strerror(error))

    def _negotiate(self) -> tuple[int, int]:
        greeting = self._exactly(18)
        if greeting[:16] != b"NBDMAGICIHAVEOPT":
            raise OSError(errno.EPROTO, "what listens there is no NBD server of the newstyle kind")
        offered = struct.unpack(">H", greeting[16:])[0]
        self._socket.sendall(struct.pack(">L", offered & (_FIXED_NEWSTYLE | _NO_ZEROES)))
        self._socket.sendall(b"IHAVEOPT" + struct.pack(">LL", _EXPORT_NAME, len(self._name)) + self._name)
        size, flags = struct.unpack(">QH", self._exactly(10))
        if not offered & _NO_ZEROES:
            self._exactly(124)
        return size, flags

    def _exactly(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise OSError(errno.ENOTCONN, "the NBD server closed the connection")
            data += piece
        return bytes(data)
