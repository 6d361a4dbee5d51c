"""`storbench noise`: measures the machine, shows what makes it noisy, and leaves everything as it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.harness.noise_sources import sources_of, tuned

DEVICE = "emu:pcm-onyx?size=16MiB"


def storbench(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder with the files of /sys that matter."""
    policy = tmp_path / "sys/devices/system/cpu/cpufreq"
    queue = tmp_path / "sys/devices/pci/sdx/queue"
    for folder in (policy / "policy0", policy / "policy1", queue, queue.parent / "sdx1", tmp_path / "sys/class/block"):
        folder.mkdir(parents=True)
    for number in (0, 1):
        (policy / f"policy{number}/scaling_governor").write_text("powersave\n")
        (policy / f"policy{number}/scaling_available_governors").write_text("performance powersave\n")
    (policy / "boost").write_text("1\n")
    (queue / "scheduler").write_text("none [mq-deadline] bfq\n")
    (queue / "read_ahead_kb").write_text("128\n")
    (queue.parent / "sdx1/partition").write_text("1\n")
    for name, target in (("sdx", queue.parent), ("sdx1", queue.parent / "sdx1")):
        (tmp_path / "sys/class/block" / name).symlink_to(target)
    return tmp_path


def words(machine: Path) -> list[str]:
    """What the files say."""
    names = ("cpufreq/policy0/scaling_governor", "cpufreq/policy1/scaling_governor", "cpufreq/boost")
    files = [machine / "sys/devices/system/cpu" / name for name in names]
    files += [machine / "sys/devices/pci/sdx/queue" / name for name in ("scheduler", "read_ahead_kb")]
    return [file.read_text().split("\n")[0] for file in files]


def test_the_sources_of_a_machine_are_shown_as_they_are(machine: Path) -> None:
    for disk in ("sdx", "sdx1"):
        found = {one.name: (one.now, one.quiet, one.is_quiet) for one in sources_of(disk, machine)}
        assert found == {
            "governor": ("powersave", "performance", False), "turbo": ("1", "0", False),
            "scheduler": ("mq-deadline", "none", False), "readahead": ("128", "0", False),
        }  # fmt: skip
    assert {one.name for one in sources_of(None, machine) if one.files} == {"governor", "turbo"}
    assert not [one for one in sources_of("sdx", machine / "nothing") if one.files or one.now or one.quiet]


def test_what_is_tuned_is_so_within_the_block_only(machine: Path) -> None:
    with suppress(RuntimeError), tuned(["governor", "turbo", "scheduler", "readahead"], "sdx1", machine) as were:
        assert [one.now for one in were] == ["powersave", "1", "mq-deadline", "128"]
        # A plain file keeps what is longer than the word that is written into it; those of /sys do not.
        for word, quiet in zip(words(machine), ("performance", "performance", "0", "none", "0"), strict=True):
            assert word.startswith(quiet)
        raise RuntimeError
    for word, old in zip(words(machine), ("powersave", "powersave", "1", "mq-deadline", "128"), strict=True):
        assert word.startswith(old)


def test_nothing_is_changed_where_one_of_several_cannot_be(machine: Path) -> None:
    before = words(machine)
    for names, disk, said in (
        (["governor", "nonsense"], None, "no source of noise 'nonsense'"),
        (["governor", "scheduler"], None, "scheduler cannot be set here"),
        (["turbo", "readahead"], "nowhere", "readahead cannot be set here"),
    ):
        with pytest.raises(InputError, match=said), tuned(names, disk, machine):
            pass
        assert words(machine) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from storbench.harness.noise_sources import tuned
with tuned(["turbo", "governor"], None, Path(sys.argv[1])):
    print("tuned", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_tuned_returns_after_a_kill(machine: Path) -> None:
    (machine / "sys/devices/system/cpu/cpufreq/policy1/scaling_governor").write_text("schedutil\n")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(machine)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "tuned\n")
    deadline = time.monotonic() + 60
    wanted = ("powersave", "schedutil", "1")
    while time.monotonic() < deadline:
        if all(word.startswith(old) for word, old in zip(words(machine), wanted, strict=False)):
            break
        time.sleep(0.02)
    assert all(word.startswith(old) for word, old in zip(words(machine), wanted, strict=False))


LOOP = """
import sys
from pathlib import Path
from storbench.harness.noise_sources import tuned
with tuned(["readahead"], sys.argv[1]):
    print(Path(f"/sys/block/{sys.argv[1]}/queue/read_ahead_kb").read_text().strip(), flush=True)
    sys.stdin.read()
"""


def test_a_real_queue_is_set_and_returns_after_a_kill(tmp_path: Path) -> None:
    file = Path("/sys/block/loop6/queue/read_ahead_kb")
    if not file.exists() or not os.access(file, os.W_OK):
        pytest.skip("there is no loop device whose queue may be set")
    before = file.read_text()
    file.write_text("64")
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", LOOP, "loop6"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "0\n"
        child.kill()
        child.communicate(timeout=60)
        deadline = time.monotonic() + 60
        while file.read_text() != "64\n" and time.monotonic() < deadline:
            time.sleep(0.02)
        assert file.read_text() == "64\n"
    finally:
        file.write_text(before)


def test_a_machine_is_measured_and_its_runs_can_be_judged_again(tmp_path: Path) -> None:
    load = ["-d", DEVICE, "-s", "duration=0.2s", "--runs", "6", "-o", "runs"]
    found = json.loads(storbench(tmp_path, "noise", *load, "--json").stdout)
    assert [one["metric"] for one in found["noise"]][:2] == ["iops", "latency_p50"]
    assert all(one["runs"] == 6 for one in found["noise"])
    losses = [one["loss"] for one in found["noise"][0]["detectable"]]
    assert losses == sorted(losses, reverse=True)
    assert found["advice"]
    assert {one["name"] for one in found["sources"]} == {"governor", "turbo", "scheduler", "readahead"}
    again = [word for path in reversed(found["files"]) for word in ("--from", path)]
    assert json.loads(storbench(tmp_path, "noise", *again, "--json").stdout)["noise"] == found["noise"]
    shown = storbench(tmp_path, "noise", *again).stdout
    assert "6 equal runs, one after the other" in shown
    assert "The smallest loss that so many interleaved pairs find" in shown


def test_without_a_device_the_sources_are_shown(tmp_path: Path) -> None:
    assert "governor" in storbench(tmp_path, "noise").stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-d", DEVICE, "--runs", "5"], "5 runs are too few"),
        (["-d", DEVICE, "--tune", "moon"], "no source of noise 'moon'"),
        (["-d", DEVICE, "--tune", "scheduler"], "scheduler cannot be set here"),
        (["-d", "sim:pcm-onyx?size=16MiB", "--runs", "6"], "same value, to the last digit"),
        (["--tune", "governor"], "--tune holds while something is measured"),
        (["--", "true"], "a command is run while something is tuned"),
        (["-d", DEVICE, "--", "true"], "three different things"),
        (["--tune", "moon", "--", "true"], "no source of noise 'moon'"),
        (["--from", "missing.h5"], "there is no file missing.h5"),
        (["-d", "nonsense:"], "nonsense"),
        (["-d", DEVICE, "-s", "speed=9"], "unknown parameter 'speed'"),
    ],
)
def test_bad_input_is_refused_by_a_text(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = storbench(tmp_path, "noise", *arguments, status=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_has_something_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    done = storbench(tmp_path, "noise", "-d", DEVICE, "-o", "full", status=2)
    assert "full is not an empty folder" in done.stderr
