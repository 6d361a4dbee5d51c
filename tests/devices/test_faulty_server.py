"""A server that is killed, hangs, and whose medium rots and shrinks; all of it is undone."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from storbench.common import processes
from storbench.common.errors import InputError, MeasurementError
from storbench.devices import faulty_server
from storbench.devices.base import Fault
from storbench.devices.faulty_server import FaultyServer, faulty_plugin
from storbench.devices.nbdkit import ServerParameters
from storbench.harness.checker.nbd_channel import NbdChannel

SIZE = 1 << 20
KILL, HANG, CUT = Fault("kill"), Fault("hang"), Fault("power-cut")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(b"o" * SIZE)
    return path


@pytest.fixture
def server(image: Path) -> Iterator[FaultyServer]:
    with processes.guarded_socket_folder("test") as folder:
        it = FaultyServer(image, folder, "s", parameters=ServerParameters())
        try:
            it.start()
            yield it
        finally:
            it.stop()


def read(server: FaultyServer, offset: int = 0, length: int = 512) -> bytes:
    with closing(NbdChannel(server.uri)) as channel:
        return channel.read(offset, length)


def test_one_that_is_killed_is_gone_and_comes_back_where_it_was(server: FaultyServer) -> None:
    with closing(NbdChannel(server.uri)) as channel:
        channel.write(0, b"n" * 512)
        assert server.inject(KILL) == {}
        assert not server.alive()
        with pytest.raises(OSError, match=r"Broken pipe|reset|closed"):
            channel.read(0, 512)
    with pytest.raises(OSError, match="refused"):
        read(server)
    server.check()  # somebody wanted it
    restarted = server.heal(KILL)["restart_s"]
    assert isinstance(restarted, float)
    assert restarted > 0
    assert read(server, 0, 1024) == b"n" * 512 + b"o" * 512
    assert server.heal(KILL) == {}


def test_one_that_was_killed_twice_comes_back_when_both_are_healed(server: FaultyServer) -> None:
    server.inject(KILL)
    server.inject(CUT)
    assert server.heal(CUT) == {}
    assert not server.alive()
    assert "restart_s" in server.heal(KILL)
    assert server.alive()


def test_it_outlives_the_thread_that_started_it(server: FaultyServer) -> None:
    server.inject(KILL)
    thread = threading.Thread(target=server.heal, args=(KILL,))
    thread.start()
    thread.join()
    time.sleep(0.3)  # nbdkit asks to be ended with that thread, which would be at once
    assert server.alive()
    assert read(server) == b"o" * 512


def test_faults_stay_when_it_is_started_again(server: FaultyServer) -> None:
    server.inject(Fault("error"))
    server.inject(KILL)
    server.heal(KILL)
    with pytest.raises(OSError, match="Input/output"):
        read(server)


def test_one_that_hangs_answers_when_it_goes_on(server: FaultyServer) -> None:
    with closing(NbdChannel(server.uri)) as channel:
        server.inject(HANG)
        assert server.alive()
        answers: list[bytes] = []
        thread = threading.Thread(target=lambda: answers.append(channel.read(0, 512)))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        server.heal(HANG)
        thread.join(30)
    assert answers == [b"o" * 512]


def test_one_that_hangs_can_be_killed_and_does_not_hang_again(server: FaultyServer) -> None:
    server.inject(HANG)
    server.inject(KILL)
    server.heal(KILL)
    assert read(server) == b"o" * 512
    assert server.heal(HANG) == {}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_it_listens_on_an_address_and_comes_back_there(image: Path, tmp_path: Path, host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    server = FaultyServer(image, tmp_path, "t", parameters=ServerParameters(), address=(host, port))
    try:
        server.start()
        assert server.uri.endswith(f":{port}")
        with closing(NbdChannel(server.uri)) as channel:
            server.inject(KILL)
            server.heal(KILL)
            assert read(server) == b"o" * 512
            with pytest.raises(OSError, match=r"Broken pipe|reset|closed"):
                channel.read(0, 512)
    finally:
        server.stop()


def test_bits_flip_in_the_image_and_back_where_nobody_wrote(server: FaultyServer, image: Path) -> None:
    facts = server.inject(Fault("bit-flip", parameters={"count": 5, "seed": 3}))
    blocks = [int(number) for number in str(facts["flipped_blocks"]).split(",")]
    assert len(set(blocks)) == facts["flipped_bits"] == 5
    damaged = read(server, 0, SIZE)
    changed = [at for at in range(SIZE) if damaged[at] != ord("o")]
    assert [at // 4096 for at in changed] == sorted(blocks)
    assert all((damaged[at] ^ ord("o")).bit_count() == 1 for at in changed)
    with closing(NbdChannel(server.uri)) as channel:
        channel.write(blocks[0] * 4096, b"n" * 4096)

    assert server.heal(Fault("bit-flip")) == {"flipped_back": 4, "flipped_written_since": 1}

    expected = bytearray(b"o" * SIZE)
    expected[blocks[0] * 4096 : (blocks[0] + 1) * 4096] = b"n" * 4096
    assert image.read_bytes() == bytes(expected)
    assert server.heal(Fault("bit-flip")) == {}


def test_bits_flip_where_something_was_written_and_in_the_region(tmp_path: Path) -> None:
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(SIZE)
        file.seek(64 * 4096)
        file.write(b"o" * 16 * 4096)
    with processes.guarded_socket_folder("test") as folder:
        server = FaultyServer(image, folder, "s", parameters=ServerParameters())
        try:
            server.start()
            facts = server.inject(Fault("bit-flip", parameters={"count": 8}))
            assert all(64 <= int(number) < 80 for number in str(facts["flipped_blocks"]).split(","))
            facts = server.inject(Fault("bit-flip", parameters={"count": 2, "offset": 8192, "length": 8192}))
            assert facts["flipped_blocks"] == "2,3"
        finally:
            server.stop()
    assert image.read_bytes() == bytes(64 * 4096) + b"o" * 16 * 4096 + bytes(SIZE - 80 * 4096)


def test_a_medium_shrinks_and_has_its_size_again(server: FaultyServer, image: Path) -> None:
    assert server.inject(Fault("truncate", parameters={"length": SIZE // 4}))["medium_lost"] == 3 * SIZE // 4
    assert image.stat().st_size == SIZE // 4
    with closing(NbdChannel(server.uri)) as channel:
        channel.write(0, b"n" * 512)
        for offset in (SIZE // 4, SIZE - 512):
            with pytest.raises(OSError, match="Input/output"):
                channel.write(offset, b"n" * 512)
        assert image.stat().st_size == SIZE // 4
        server.heal(Fault("truncate"))
        channel.write(SIZE - 512, b"n" * 512)
    assert read(server, 0, 512) == b"n" * 512
    assert read(server, SIZE - 1024, 1024) == bytes(512) + b"n" * 512


def test_stopping_undoes_everything_and_stopping_again_does_nothing(server: FaultyServer, image: Path) -> None:
    for kind in ("bit-flip", "truncate", "error", "slow", "hang", "kill"):
        server.inject(Fault(kind))
    server.stop()
    server.stop()
    assert not server.alive()
    assert len(image.read_bytes()) == SIZE
    assert image.read_bytes()[: SIZE // 2] == b"o" * (SIZE // 2)
    server.start()
    assert read(server) == b"o" * 512


def test_one_that_ends_by_itself_is_noticed(server: FaultyServer) -> None:
    server.check()
    (process,) = [p for p in psutil.Process().children(recursive=True) if p.name() == "nbdkit"]
    process.kill()
    while server.alive():
        time.sleep(0.01)
    with pytest.raises(MeasurementError, match=r"'s' ended during the run \(killed by SIGKILL\)"):
        server.check()


def test_what_there_cannot_be_says_why(image: Path, tmp_path: Path) -> None:
    def reasons(cache: str, *, read_only: bool = False) -> dict[str, str]:
        server = FaultyServer(image, tmp_path, "s", cache=cache, parameters=ServerParameters(), read_only=read_only)
        return {kind: why for kind, why in server.faults().items() if why}

    assert reasons("writeback") == {}
    assert "no volatile cache" in reasons("none")["reordered-flush"]
    assert set(reasons("writethrough")) == {"lying-flush", "reordered-flush"}
    assert "no flush does anything" in reasons("unsafe")["lying-flush"]
    writing = reasons("none", read_only=True)
    assert {"truncate", "bit-flip", "lost-write", "no-space"} <= set(writing)
    assert not {"kill", "hang", "slow", "error"} & set(writing)
    with pytest.raises(InputError, match="'big' is no write cache"):
        reasons("big")


def test_a_plug_in_that_was_not_built_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faulty_server, "built_file", lambda name: Path("x") if name == "models" else None)
    with pytest.raises(MeasurementError, match="nbdkit-plugin-dev"):
        faulty_plugin()
    monkeypatch.setattr(faulty_server, "built_file", lambda name: None)
    with pytest.raises(MeasurementError, match="gcc"):
        faulty_plugin()


def test_no_server_outlives_a_killed_storbench_not_even_one_that_hangs(image: Path, tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from storbench.devices.base import Fault\n"
        "from storbench.devices.faulty_server import FaultyServer\n"
        "from storbench.devices.nbdkit import ServerParameters\n"
        f"server = FaultyServer(Path({str(image)!r}), Path({str(tmp_path)!r}), 's', parameters=ServerParameters())\n"
        "server.start(); server.inject(Fault('hang'))\n"
        "print(server._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        server = psutil.Process(int(child.stdout.readline()))
        assert server.name() == "nbdkit"
        child.kill()
    deadline = time.monotonic() + 30
    while server.is_running() and server.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
