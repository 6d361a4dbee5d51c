"""A small NBD client for what fio does not do: trimming a whole export of our own server, and looking at it.

Protocol: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, newstyle negotiation with
NBD_OPT_EXPORT_NAME and simple replies.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from ..common.errors import MeasurementError
from .namespaces import connected_inside

_TIMEOUT_S = 60.0
_PASSWORD, _OPTIONS = b"NBDMAGIC", b"IHAVEOPT"
_NO_ZEROES = 1 << 1
_FIXED_NEWSTYLE = 1 << 0
_EXPORT_NAME = 1
_REQUEST, _REPLY = struct.Struct(">LHHQQL"), struct.Struct(">LLQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM = 0, 1, 2, 3, 4
_CAN_FLUSH, _CAN_TRIM = 1 << 2, 1 << 5


class NbdClient:
    """One connection, one request at a time. Raises `MeasurementError` where the server says no."""

    def __init__(self, connection: socket.socket, size: int, flags: int) -> None:
        self._connection = connection
        self.size = size
        self._flags = flags

    @property
    def can_trim(self) -> bool:
        """Whether the server takes trims."""
        return bool(self._flags & _CAN_TRIM)

    def read(self, offset: int, length: int) -> bytes:
        """Give what is there."""
        self._ask(_READ, offset, length)
        return _exactly(self._connection, length)

    def write(self, offset: int, data: bytes) -> None:
        """Write all of it."""
        self._ask(_WRITE, offset, len(data), data)

    def trim(self, offset: int, length: int) -> None:
        """Let the server forget what is there."""
        self._ask(_TRIM, offset, length)

    def flush(self) -> None:
        """Wait until everything before is done, where the server knows how."""
        if self._flags & _CAN_FLUSH:
            self._ask(_FLUSH, 0, 0)

    def disconnect(self) -> None:
        """Take leave, to which there is no answer."""
        self._connection.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, _DISCONNECT, 0, 0, 0))

    def _ask(self, kind: int, offset: int, length: int, data: bytes = b"") -> None:
        self._connection.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, kind, 0, offset, length) + data)
        magic, error, _ = _REPLY.unpack(_exactly(self._connection, _REPLY.size))
        if magic != _REPLY_MAGIC:
            raise MeasurementError("the NBD server's answer makes no sense")
        if error:
            raise MeasurementError(f"the NBD server answered: {os.strerror(error)}")


@contextmanager
def nbd_connection(uri: str, *, inside: int | None = None) -> Iterator[NbdClient]:
    """Connect to the default export behind `nbd+unix:///?socket=PATH`, or `nbd://HOST:PORT` in a process's network.

    Raises `MeasurementError` where that fails, also in the middle.
    """
    try:
        with _connected(uri, inside) as connection:
            connection.settimeout(_TIMEOUT_S)
            client = _negotiate(connection)
            yield client
            client.disconnect()
    except (OSError, EOFError, struct.error) as error:
        raise MeasurementError(f"the NBD server does not answer: {error}") from None


def _connected(uri: str, inside: int | None) -> socket.socket:
    parts = urlsplit(uri)
    if inside is not None and parts.hostname and parts.port:
        return connected_inside(inside, parts.hostname, parts.port, _TIMEOUT_S)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(parse_qs(parts.query)["socket"][0])
    except OSError:
        connection.close()
        raise
    return connection


def _negotiate(connection: socket.socket) -> NbdClient:
    greeting = _exactly(connection, 18)
    if not greeting.startswith(_PASSWORD + _OPTIONS):
        raise MeasurementError("what listens there is no NBD server of the newstyle kind")
    offered = struct.unpack(">H", greeting[16:])[0]
    connection.sendall(struct.pack(">L", offered & (_FIXED_NEWSTYLE | _NO_ZEROES)))
    connection.sendall(_OPTIONS + struct.pack(">LL", _EXPORT_NAME, 0))
    size, flags = struct.unpack(">QH", _exactly(connection, 10))
    if not offered & _NO_ZEROES:
        _exactly(connection, 124)
    return NbdClient(connection, size, flags)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError("the connection was closed")
        data += piece
    return bytes(data)
