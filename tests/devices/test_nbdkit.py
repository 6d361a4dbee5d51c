"""Real nbdkit servers, asked by nbdinfo and loaded by fio."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.nbd import ask
from storbench.devices.nbdkit import NbdkitProbe, ServerParameters, delay_text, filters_of, nbdkit
from storbench.devices.registry import resolve_device

from .conftest import MakeOpening

MIB = 1 << 20


def servers() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if p.name() == "nbdkit"]


def test_memory_is_served_while_open_and_the_server_ends_with_it(opening: MakeOpening) -> None:
    device = resolve_device("nbd:memory?size=16MiB")
    assert device.info().blank
    device.check(opening())
    with device.open(opening()) as target:
        assert (target.size, target.fresh, target.options["ioengine"]) == (16 * MIB, True, "nbd")
        protocol, export = ask(target.options["uri"])
        assert (protocol, export.size, export.is_read_only) == ("newstyle-fixed", 16 * MIB, False)
        socket = Path(target.options["uri"].partition("socket=")[2])
        assert socket.exists()
    assert not socket.parent.exists()
    assert not servers()


def test_a_plan_that_only_reads_gets_a_read_only_export(opening: MakeOpening) -> None:
    with resolve_device("nbd:memory?size=16MiB").open(opening(write=False)) as target:
        assert ask(target.options["uri"])[1].is_read_only


def test_fio_reads_and_writes_it(tmp_path: Path, opening: MakeOpening) -> None:
    with resolve_device(f"nbd:file?path={tmp_path}/t.bin&size=4MiB").open(opening()) as target:
        options = [f"--{key}={value}" for key, value in target.options.items()]
        command = ["fio", "--name=j", "--rw=write", "--bs=64k", "--size=4m", "--verify=crc32c", *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path)
        assert any((tmp_path / "t.bin").read_bytes())
    assert not (tmp_path / "t.bin").exists()


def test_a_served_file_obeys_the_rules_of_files(tmp_path: Path, opening: MakeOpening) -> None:
    path = tmp_path / "t.bin"
    path.write_bytes(b"x" * MIB)
    device = resolve_device(f"nbd:file?path={path}")
    with pytest.raises(InputError, match="was not made by this run"):
        device.check(opening())
    device.check(opening(write=False))
    with pytest.raises(InputError, match="served as a whole"):
        resolve_device(f"nbd:file?path={path}&size=4KiB").check(opening(write=False))


def test_more_memory_than_there_is_is_refused(opening: MakeOpening) -> None:
    with pytest.raises(InputError, match="no space"):
        resolve_device("nbd:memory?size=1PiB").check(opening())


def test_the_rate_filter_limits_the_bandwidth(opening: MakeOpening, tmp_path: Path) -> None:
    with resolve_device("nbd:memory?size=64MiB&rate=4MiB").open(opening()) as target:
        options = [f"--{key}={value}" for key, value in target.options.items()]
        command = ["fio", "--name=j", "--rw=read", "--bs=64k", "--size=2m", "--output-format=terse", *options]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=tmp_path, text=True)
        bandwidth_kib = int(done.stdout.split(";")[6])
    # A burst of 50 ms passes at once: never faster than the limit by more than that.
    assert bandwidth_kib < 6144


def test_delays_are_whole_milliseconds_before_nbdkit_1_40() -> None:
    old, new = NbdkitProbe("", (1, 32), "nbdkit 1.32.5"), NbdkitProbe("", (1, 40), "nbdkit 1.40.0")
    assert delay_text(0.002, old) == delay_text(0.002, new) == "2ms"
    assert delay_text(0.0002, new) == "200us"
    with pytest.raises(InputError, match=r"whole milliseconds only, not by 200 us\n.*delay=1ms"):
        delay_text(0.0002, old)


def test_the_rate_is_bits_for_nbdkit() -> None:
    assert filters_of(ServerParameters(rate=1000)) == (["--filter=rate"], ["rate=8000", "burstiness=0.05"])


def test_a_server_that_does_not_start_says_its_own_words() -> None:
    with (
        pytest.raises(MeasurementError, match=r"did not start\n.*nosuchplugin"),
        nbdkit(["nosuchplugin"], ServerParameters(), read_only=False),
    ):
        pass
    assert not servers()


def test_a_server_that_dies_meanwhile_is_an_error_and_leaves_nothing(opening: MakeOpening) -> None:
    def kill_it() -> None:
        with resolve_device("nbd:memory?size=16MiB").open(opening()):
            (server,) = servers()
            server.kill()
            # Not waited for: that would take its status away from the one who started it.
            while server.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)

    with pytest.raises(MeasurementError, match=r"ended during the run.*SIGKILL"):
        kill_it()
    assert not servers()
