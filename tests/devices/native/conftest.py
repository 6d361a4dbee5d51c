"""Servers that can be made to fail, on an image of a few megabytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from storbench.common import processes
from storbench.devices.faulty_server import FaultyServer
from storbench.devices.nbdkit import ServerParameters

from .nbd_requests import Client

SIZE = 4 << 20


class Served:
    """A server and its image."""

    def __init__(self, server: FaultyServer, image: Path) -> None:
        self.server = server
        self.image = image
        self.clients: list[Client] = []

    def client(self) -> Client:
        """Connect."""
        self.clients.append(Client(self.server.uri))
        return self.clients[-1]

    def at_rest(self, offset: int, length: int) -> bytes:
        """Give what a power cut would leave."""
        with self.image.open("rb") as file:
            file.seek(offset)
            return file.read(length)


Serve = Callable[..., Served]


@contextmanager
def served(image: Path, cache: str) -> Iterator[Served]:
    """Serve an image until the block ends."""
    with processes.guarded_socket_folder("test") as folder:
        server = FaultyServer(image, folder, "s", cache=cache, parameters=ServerParameters())
        it = Served(server, image)
        try:
            server.start()
            yield it
        finally:
            for client in it.clients:
                client.close()
            server.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:

        def start(cache: str = "none", contents: bytes = bytes(SIZE)) -> Served:
            image = tmp_path / "image"
            image.write_bytes(contents)
            return stack.enter_context(served(image, cache))

        yield start
