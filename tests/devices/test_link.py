"""Networks of our own: they are apart, a cut is a cut, a limit limits, and nothing is left."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import Facts, Fault, FaultInjector, Opening
from storbench.devices.faulty_server import FaultyServer
from storbench.devices.link import PORT, PROGRAMS, PrivateNetwork, check_link, link_faults, private_network
from storbench.devices.namespaces import why_no_namespaces
from storbench.devices.nbd_hop import reconnecting_hop
from storbench.devices.nbdkit import ServerParameters
from storbench.devices.registry import resolve_device
from storbench.harness.checker.check import check
from storbench.workloads.steps import FaultEvent, Writing

MIB = 1 << 20
CUT = Fault("network-cut")

needs_namespaces = pytest.mark.skipif(bool(why_no_namespaces(PROGRAMS)), reason=why_no_namespaces(PROGRAMS) or "-")


@pytest.fixture
def network() -> Iterator[PrivateNetwork]:
    with private_network() as made:
        yield made


@pytest.fixture
def served(network: PrivateNetwork, tmp_path: Path) -> Iterator[str]:
    """The URI of a hop over the network to a server on a filled image."""
    image = tmp_path / "image"
    image.write_bytes(os.urandom(16 * MIB))
    wire = network.wires["server"]
    server = FaultyServer(
        image, tmp_path, "server", parameters=ServerParameters(), command=wire.command, address=(wire.address, PORT)
    )
    server.start()
    try:
        with reconnecting_hop(server.uri, command=network.command) as uri:
            yield uri
    finally:
        server.stop()


def reaches(network: PrivateNetwork) -> bool:
    ping = [*network.command, sys.executable, "-c", _CONNECT, network.wires["server"].address]
    return subprocess.run(ping, check=False, capture_output=True, timeout=20).returncode == 0


_CONNECT = """
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=1)
except OSError as error:
    sys.exit(error.errno != errno.ECONNREFUSED)  # refused by the other end: the way there is open
"""


@needs_namespaces
def test_a_link_is_cut_and_restored(network: PrivateNetwork) -> None:
    assert reaches(network)
    network.inject(CUT)
    assert not reaches(network)
    network.heal(CUT)
    assert reaches(network)
    assert network.heal(CUT) == {}


@needs_namespaces
def test_nothing_of_it_is_seen_from_outside(network: PrivateNetwork) -> None:
    shown = subprocess.run(["ip", "-brief", "address"], check=True, capture_output=True, text=True).stdout
    assert network.wires["server"].address not in shown
    # A name would be a mount of the namespace.
    inode = Path(f"/proc/{network.command[1].partition('=')[2]}/ns/net").readlink()
    assert str(inode) not in Path("/proc/self/mountinfo").read_text()


@needs_namespaces
def test_each_of_several_servers_has_a_link_of_its_own() -> None:
    with private_network(("one", "two")) as network:
        network.inject(Fault("network-cut", "two"))
        states = {
            name: subprocess.run([*wire.command, "ip", "-brief", "link"], check=True, capture_output=True, text=True)
            for name, wire in network.wires.items()
        }
        assert "UP" in states["one"].stdout.splitlines()[1]
        assert "DOWN" in states["two"].stdout.splitlines()[1]
        with pytest.raises(InputError, match="no link to 'three'"):
            network.inject(Fault("network-cut", "three"))
        with pytest.raises(InputError, match="no fault 'kill'"):
            network.inject(Fault("kill"))


@needs_namespaces
def test_a_cut_of_two_seconds_is_an_outage_of_two_seconds_and_no_error(
    served: str, network: PrivateNetwork, tmp_path: Path
) -> None:
    cut = []

    def cut_for_two_seconds() -> None:
        time.sleep(1.5)
        began = time.monotonic()
        network.inject(CUT)
        time.sleep(max(0.0, began + 2 - time.monotonic()))
        network.heal(CUT)
        cut.append(time.monotonic() - began)

    thread = threading.Thread(target=cut_for_two_seconds)
    thread.start()
    result = fio(served, tmp_path, "--rw=randrw", "--rate_iops=250,250", "--rate_process=poisson", "--runtime=6")
    thread.join()
    assert result["error"] == 0
    done = sorted(int(line.split(",")[0]) for line in (tmp_path / "log_clat.1.log").read_text().splitlines())
    outage = max(after - before for before, after in pairwise(done)) / 1000
    # How long the cut was is measured as well, so a busy machine changes both.
    assert cut[0] - 0.2 < outage < cut[0] + 0.2
    assert done[-1] > 5000


@needs_namespaces
def test_a_limited_link_lets_no_more_through(served: str, network: PrivateNetwork, tmp_path: Path) -> None:
    network.inject(Fault("bandwidth", parameters={"rate": 2_000_000}))
    limited = fio(served, tmp_path, "--rw=read", "--bs=64k", "--runtime=3")
    network.heal(Fault("bandwidth"))
    free = fio(served, tmp_path, "--rw=read", "--bs=64k", "--runtime=1")
    assert 1_000_000 < limited["read"]["bw_bytes"] < 2_200_000
    assert free["read"]["bw_bytes"] > 10_000_000
    with pytest.raises(InputError, match="rate=1"):
        network.inject(Fault("bandwidth", parameters={"rate": 1}))


@needs_namespaces
def test_a_killed_process_leaves_no_namespace() -> None:
    program = """
import os, time
from storbench.devices.link import private_network
with private_network() as network:
    print(network.command[1], flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    holder = int(process.stdout.readline().partition("=")[2])
    inode = Path(f"/proc/{holder}/ns/net").readlink()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and inode in spaces():
        time.sleep(0.05)
    assert inode not in spaces()


def spaces() -> set[Path]:
    """The network namespaces that any process is in."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(place.readlink())
        except OSError:
            continue
    return found


def test_without_a_network_there_is_a_reason() -> None:
    assert set(link_faults("unix")) == {"network-cut", "bandwidth"}
    assert all("link=netns" in reason for reason in link_faults("unix").values())
    with pytest.raises(InputError, match="'wire' is no link"):
        check_link("wire")


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is played by root")
def test_another_user_is_told_that_it_takes_root() -> None:
    program = "import os; from storbench.devices.link import link_faults as f; os.seteuid(65534); print(f('netns'))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "need root" in said


def fio(uri: str, folder: Path, *options: str) -> dict[str, dict[str, float]]:
    command = ["fio", "--name=load", "--ioengine=nbd", f"--uri={uri}", "--size=16M", "--bs=4k", "--iodepth=8"]
    command += ["--time_based", f"--write_lat_log={folder / 'log'}", "--output-format=json", *options]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout
    job: dict[str, dict[str, float]] = json.loads(said[said.index("{") :])["jobs"][0]
    return job


@needs_namespaces
def test_a_served_file_over_a_link_outlives_a_cut_and_a_kill(tmp_path: Path) -> None:
    device = resolve_device(f"nbd:file?path={tmp_path / 'image'}&size=16MiB&link=netns")
    assert isinstance(device, FaultInjector)
    assert device.info().faults["network-cut"] == device.info().faults["kill"] == ""
    # Of several writers one at least is writing when the fault comes, and not flushing.
    writing = Writing(duration=2.0, rate_iops=400.0, writers=4)
    with device.open(Opening("run", write=True, faults=frozenset({"network-cut", "kill"}))) as target:
        assert "10.211" not in target.options["uri"]
        for kind in ("network-cut", "kill"):
            fault = Fault(kind)

            def act(event: FaultEvent) -> Facts:
                return (device.inject if event.action == "inject" else device.heal)(target, event.fault)

            events = [FaultEvent(0.5, "inject", fault), FaultEvent(1.0, "heal", fault)]
            folder = tmp_path / kind
            folder.mkdir()
            facts = check(target, writing, events, (), act, folder, os.urandom(16), threading.Event()).facts
            assert facts["blocks_right"] == facts["blocks"] == 4096
            assert not any(name.startswith("write_errors") for name in facts)
            longest = facts["longest_write_s"]
            assert isinstance(longest, float)
            assert longest > 0.4


def test_without_a_link_a_served_file_says_why_it_cannot_be_cut(tmp_path: Path) -> None:
    faults = resolve_device(f"nbd:file?path={tmp_path / 'image'}&size=16MiB").info().faults
    assert "link=netns" in faults["network-cut"]
