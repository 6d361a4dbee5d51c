"""A storage daemon of our own and what is said to it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.common import processes
from storbench.common.errors import InputError, MeasurementError
from storbench.devices.nbd import ask
from storbench.devices.qemu_storage import StorageDaemon, nbd_node

MIB = 1 << 20


@pytest.fixture
def daemon() -> Iterator[StorageDaemon]:
    with processes.guarded_socket_folder("test") as folder:
        daemon = StorageDaemon(folder, "daemon")
        try:
            daemon.start()
            yield daemon
        finally:
            daemon.end()


def test_a_node_is_exported(daemon: StorageDaemon, tmp_path: Path) -> None:
    image = tmp_path / "image, with a comma"
    image.write_bytes(bytes(MIB))
    daemon.command("blockdev-add", {"driver": "file", "node-name": "medium", "filename": str(image)})
    export = ask(daemon.serve("medium", "the volume", writable=True))[1]
    assert (export.size, export.name, export.is_read_only) == (MIB, "the volume", False)


def test_what_the_daemon_refuses_is_said_in_its_words(daemon: StorageDaemon) -> None:
    with pytest.raises(MeasurementError, match="refused 'blockdev-add': Could not open '/nowhere'"):
        daemon.command("blockdev-add", {"driver": "file", "node-name": "medium", "filename": "/nowhere"})
    assert daemon.alive()


def test_a_daemon_that_hangs_or_is_gone_is_an_error_and_no_endless_wait(daemon: StorageDaemon) -> None:
    process = daemon._process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(MeasurementError, match=r"did not answer 'query-block-jobs' within 0\.2 s"):
        daemon.command("query-block-jobs", timeout=0.2)
    os.kill(process.pid, signal.SIGCONT)
    # The answer that came too late is not taken for the next one's.
    assert daemon.command("query-version")["qemu"]["major"] >= 5
    process.kill()
    process.wait()
    with pytest.raises(MeasurementError, match="has ended"):
        daemon.command("query-block-jobs")
    assert not daemon.alive()
    daemon.end()
    daemon.end()


def test_nbd_uris_become_nodes() -> None:
    unix = nbd_node("n", "nbd+unix:///a%20b?socket=/run/s%201")
    assert (unix["server"], unix["export"]) == ({"type": "unix", "path": "/run/s 1"}, "a b")
    tcp = nbd_node("n", "nbd://10.0.0.2", **{"reconnect-delay": 5})
    assert tcp["server"] == {"type": "inet", "host": "10.0.0.2", "port": "10809"}
    assert "export" not in tcp
    assert tcp["reconnect-delay"] == 5
    for wrong in ("nbd+unix:///x", "http://a/", "nbd:///"):
        with pytest.raises(InputError, match="no NBD URI"):
            nbd_node("n", wrong)
