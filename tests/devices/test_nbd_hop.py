"""A load that outlives its server."""

import json
import subprocess
import time
from pathlib import Path

import pytest

from storbench.common import processes
from storbench.common.errors import MeasurementError
from storbench.devices.base import Fault
from storbench.devices.faulty_server import FaultyServer
from storbench.devices.nbd import ask
from storbench.devices.nbd_hop import reconnecting_hop
from storbench.devices.nbdkit import ServerParameters

MIB = 1 << 20
KILL = Fault("kill")


def load(uri: str, *, runtime: float) -> subprocess.Popen[bytes]:
    """A mixed load that goes on for that many seconds."""
    return subprocess.Popen(
        [
            "fio", "--name=load", "--ioengine=nbd", f"--uri={uri}", "--rw=randrw", "--bs=4k", "--iodepth=4",
            "--size=4M", "--norandommap", "--time_based", f"--runtime={runtime}", "--output-format=json",
        ],
        stdout=subprocess.PIPE,
    )  # fmt: skip


def test_a_load_goes_on_when_its_server_is_back(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(4 * MIB))
    with processes.guarded_socket_folder("test") as folder:
        server = FaultyServer(image, folder, "server", parameters=ServerParameters())
        try:
            server.start()
            with reconnecting_hop(server.uri) as uri:
                assert ask(uri)[1].size == 4 * MIB
                running = load(uri, runtime=4)
                time.sleep(1)
                server.inject(KILL)
                time.sleep(1)
                assert running.poll() is None
                server.heal(KILL)
                said = running.communicate(timeout=60)[0]
        finally:
            server.stop()
    job = json.loads(said[said.index(b"{") :])["jobs"][0]
    assert (running.returncode, job["error"]) == (0, 0)
    longest = max(job[way]["clat_ns"]["max"] for way in ("read", "write")) / 1e9
    assert longest > 0.9  # it was away for a second, and nothing else stops a load for that long
    assert job["read"]["total_ios"] > 0


def test_requests_fail_when_the_server_stays_away_for_too_long(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(4 * MIB))
    with processes.guarded_socket_folder("test") as folder:
        server = FaultyServer(image, folder, "server", parameters=ServerParameters())
        try:
            server.start()
            with reconnecting_hop(server.uri, reconnect_s=1) as uri:
                server.inject(KILL)
                running = load(uri, runtime=2)
                running.communicate(timeout=60)
                assert running.returncode != 0
        finally:
            server.stop()


def test_a_hop_to_nowhere_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(MeasurementError, match="refused 'blockdev-add'"),
        reconnecting_hop(f"nbd+unix:///?socket={tmp_path}/x"),
    ):
        pass


def test_a_hop_may_only_read(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(MIB))
    with processes.guarded_socket_folder("test") as folder:
        server = FaultyServer(image, folder, "server", parameters=ServerParameters(), read_only=True)
        try:
            server.start()
            with reconnecting_hop(server.uri, export="volume", read_only=True) as uri:
                export = ask(uri)[1]
                assert (export.name, export.is_read_only) == ("volume", True)
        finally:
            server.stop()
