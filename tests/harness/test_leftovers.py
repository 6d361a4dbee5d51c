"""What a killed run leaves is found and removed, whatever it is; what is anybody else's stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from storbench.common import ledger, processes
from storbench.common.ownership import VARIABLE, Owner, this_process
from storbench.harness.doctor_leftovers import leftover_finding
from storbench.harness.leftovers import Leftover, Leftovers, Untouched, clean, find_leftovers

BEGIN = """
import json, os, signal, socket, subprocess, sys, time
from contextlib import ExitStack
from pathlib import Path
from storbench.common import processes

def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

made = {}
stack = ExitStack()
folder = stack.enter_context(processes.guarded_folder("test"))
made["folder"] = str(folder)
"""
END = """
made["guardian"] = processes._guardian.pid
made["ledger"] = str(processes._ledger[1])
print(json.dumps(made), flush=True)
time.sleep(600)
"""
PROCESSES = """
child = processes.start(["sh", "-c", "sleep 600 & sleep 600"])
hung = processes.start(["sleep", "600"])
os.kill(hung.pid, signal.SIGSTOP)
detached = processes.start(["setsid", "--fork", "sleep", "601"])
"""
SOCKET = """
listening = socket.socket(socket.AF_UNIX)
listening.bind(str(folder / "socket"))
"""
MOUNT = """
(folder / "memory").mkdir()
run("mount", "-t", "tmpfs", "storbench-test", str(folder / "memory"))
(folder / "memory" / "deeper").mkdir()
run("mount", "-t", "tmpfs", "storbench-test", str(folder / "memory" / "deeper"))
"""
LOOP = """
(folder / "image").write_bytes(bytes(4 << 20))
made["loop"] = subprocess.check_output(["losetup", "-f", "--show", folder / "image"], text=True).strip()
run("mkfs.ext4", "-q", str(folder / "image"))
(folder / "disk").mkdir()
run("mount", made["loop"], str(folder / "disk"))
"""
FUSE = """
(folder / "fuse").mkdir()
(folder / "fuse" / "nbd").touch()
server = processes.start(["nbdkit", "--foreground", "--unix", str(folder / "s"), "memory", "4M"])
while not (folder / "s").exists():
    time.sleep(0.01)
fuse = processes.start(["nbdfuse", str(folder / "fuse" / "nbd"), f"nbd+unix:///?socket={folder / 's'}"])
while not os.path.ismount(folder / "fuse" / "nbd"):
    time.sleep(0.01)
"""
LOOP_ON_FUSE = (
    FUSE
    + """
made["loop"] = subprocess.check_output(["losetup", "-f", "--show", folder / "fuse" / "nbd"], text=True).strip()
for hangs in (server, fuse):
    os.kill(hangs.pid, signal.SIGSTOP)
"""
)
NAMESPACE = """
name = f"storbench-test-{os.getpid()}"
made["namespace"] = str(stack.enter_context(processes.guarded_path(Path("/run/netns") / name)))
run("ip", "netns", "add", name)
"""
GROUP = """
group = Path(sys.argv[1]) / f"storbench-test-{os.getpid()}"
made["group"] = str(stack.enter_context(processes.guarded_path(group)))
(group / "below").mkdir(parents=True)
member = processes.start(["sleep", "600"])
(group / "below" / "cgroup.procs").write_text(str(member.pid))
if (group / "below" / "freezer.state").exists():
    (group / "below" / "freezer.state").write_text("FROZEN")
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


def program(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


def groups() -> list[str]:
    """The hierarchies of control groups in which a group can be made here."""
    root = Path("/sys/fs/cgroup")
    found = [*root.glob("*/cgroup.procs"), *root.glob("cgroup.procs")]
    return [str(path.parent) for path in found if path.parent.name in ("freezer", "blkio", "cgroup", "unified", "pids")]


def killed_with_its_guardian(body: str, *arguments: str) -> dict[str, str]:
    """Let a process make something, kill it and its guardian, and give what it said that it made."""
    with subprocess.Popen([sys.executable, "-c", BEGIN + body + END, *arguments], stdout=subprocess.PIPE) as maker:
        assert maker.stdout
        said = maker.stdout.readline()
        try:
            assert said, "it failed to make it"
            made: dict[str, str] = json.loads(said)
            os.kill(int(made["guardian"]), signal.SIGKILL)
        finally:
            maker.kill()
    made["owner"] = str(maker.pid)
    # It has no parent any more that would wait for it.
    for _ in range(500):
        if not psutil.pid_exists(int(made["guardian"])):
            break
        time.sleep(0.02)
    return made


def marked(owner: str) -> list[psutil.Process]:
    """Give the processes whose mark begins so."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(VARIABLE, "").startswith(owner) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storbench", "doctor", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def nothing_is_left(made: dict[str, str]) -> None:
    assert marked(f"{made['owner']}:") == []
    for place in ("folder", "namespace", "group", "ledger"):
        assert place not in made or not os.path.lexists(made[place]), made[place]
    assert made["folder"] not in Path("/proc/self/mounts").read_text()
    if "loop" in made:
        assert not Path("/sys/block", Path(made["loop"]).name, "loop/backing_file").exists()


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        pytest.param(PROCESSES, {"process"}, id="processes"),
        pytest.param(SOCKET, set(), id="socket"),
        pytest.param(MOUNT, {"mount"}, id="mounts", marks=as_root),
        pytest.param(LOOP, {"mount", "loop device"}, id="loop", marks=[as_root, program("mkfs.ext4")]),
        pytest.param(FUSE, {"mount", "process"}, id="fuse", marks=[as_root, program("nbdfuse")]),
        pytest.param(
            LOOP_ON_FUSE, {"mount", "process", "loop device"}, id="loop-on-fuse", marks=[as_root, program("nbdfuse")]
        ),
        pytest.param(NAMESPACE, {"network namespace"}, id="namespace", marks=[as_root, program("ip")]),
    ],
)
def test_what_a_killed_run_leaves_is_found_named_and_removed(body: str, kinds: set[str]) -> None:
    made = killed_with_its_guardian(body)
    found = [one for one in find_leftovers().orphaned if one.owner.startswith(f"{made['owner']}:")]
    assert {one.kind for one in found} == kinds | {"folder", "ledger"}
    reported = next(one for one in json.loads(doctor("--json").stdout) if one["name"] == "leftovers")
    assert reported["status"] == "warning"
    assert "doctor --clean" in reported["advice"]
    assert Path(made["folder"]).is_dir(), "looking must not touch anything"

    done = doctor("--clean", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    removed = [one for one in json.loads(done.stdout)["removed"] if one["owner"].startswith(f"{made['owner']}:")]
    assert {one["kind"] for one in removed} == kinds | {"folder", "ledger"}
    nothing_is_left(made)


@as_root
@pytest.mark.parametrize("hierarchy", groups())
def test_control_groups_go_with_whatever_is_in_them(hierarchy: str) -> None:
    try:
        Path(hierarchy, "storbench-may-be-made").mkdir()
        Path(hierarchy, "storbench-may-be-made").rmdir()
    except OSError as error:
        pytest.skip(f"{hierarchy} takes no groups: {error}")
    made = killed_with_its_guardian(GROUP, hierarchy)
    assert Path(made["group"], "below").is_dir()
    assert doctor("--clean").returncode == 0
    nothing_is_left(made)


@as_root
@pytest.mark.parametrize("body", [MOUNT, LOOP, LOOP_ON_FUSE, NAMESPACE], ids=["mounts", "loop", "fuse", "namespace"])
def test_the_guardian_alone_leaves_nothing_either(body: str) -> None:
    command = [sys.executable, "-c", BEGIN + body + END]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as maker:
        assert maker.stdout
        made: dict[str, str] = json.loads(maker.stdout.readline())
        maker.kill()
    made["owner"] = str(maker.pid)
    deadline = time.monotonic() + 30
    while marked(f"{made['owner']}:") and time.monotonic() < deadline:
        time.sleep(0.05)
    nothing_is_left(made)


@pytest.fixture
def bystanders() -> Iterator[dict[str, Path | psutil.Process]]:
    """Things that look like storbench's and are not, or whose owner is alive."""
    with ExitStack() as stack:

        def started(**environment: str) -> psutil.Process:
            command = ["sleep", "600"]
            process = stack.enter_context(subprocess.Popen(command, env={**os.environ, **environment}))
            stack.callback(process.kill)
            return psutil.Process(process.pid)

        def folder(name: str) -> Path:
            path = Path(f"/tmp/storbench-{name}-{os.getpid()}")  # noqa: S108 - the point is where it is
            path.mkdir()
            stack.callback(shutil.rmtree, path)
            (path / "precious").write_text("x")
            return path

        found: dict[str, Path | psutil.Process] = {
            "a process": started(),
            "of an owner who is alive": started(**{VARIABLE: str(this_process())}),
            "with a mark that is none": started(**{VARIABLE: "1"}),
            "in another container": started(**{VARIABLE: f"999999999:1:1:{this_process().boot}"}),
            "from another machine": started(**{VARIABLE: f"999999999:1:{this_process().namespace}:elsewhere"}),
            "a folder": folder("bystander") / "precious",
            "guarded by a living owner": stack.enter_context(processes.guarded_folder("bystander")),
        }
        false = Path(f"/tmp/storbench-{os.getpid()}-0badcafe.ledger")  # noqa: S108
        false.write_text(f"storbench ledger 2 {this_process()}\n+path {found['a folder']}\n")
        stack.callback(false.unlink)
        found["named like a ledger"] = false
        yield found


def there(thing: Path | psutil.Process) -> bool:
    return thing.exists() if isinstance(thing, Path) else thing.status() == psutil.STATUS_SLEEPING


def test_nothing_that_is_not_provably_an_orphan_of_ours_is_touched(
    bystanders: dict[str, Path | psutil.Process],
) -> None:
    made = killed_with_its_guardian(PROCESSES)
    done = doctor("--clean")
    assert done.returncode == 0
    nothing_is_left(made)
    assert {name: there(thing) for name, thing in bystanders.items()} == dict.fromkeys(bystanders, True)
    # What might be taken for a leftover is named, with the reason.
    folder = bystanders["a folder"]
    assert isinstance(folder, Path)
    assert f"not touched: folder {folder.parent}: no ledger says that storbench made it" in done.stdout
    assert "from before a restart: remove it by hand" in done.stdout


@as_root
@program("losetup")
def test_a_loop_device_and_a_namespace_that_are_only_named_alike_stay(tmp_path: Path) -> None:
    with ExitStack() as stack:
        image = Path(f"/tmp/storbench-image-{os.getpid()}")  # noqa: S108
        image.write_bytes(bytes(1 << 20))
        stack.callback(image.unlink)
        device = subprocess.check_output(["losetup", "-f", "--show", image], text=True).strip()
        stack.callback(subprocess.run, ["losetup", "-d", device], check=True)
        made = killed_with_its_guardian(LOOP)
        assert clean().remaining == ()
        nothing_is_left(made)
        told = subprocess.check_output(["losetup", "--noheadings", "--output", "BACK-FILE", device], text=True)
        assert told.strip() == str(image)


def test_a_process_id_that_is_used_again_does_not_keep_a_leftover_alive() -> None:
    own = this_process()
    earlier = Owner(own.pid, own.started - 1, own.namespace, own.boot)
    with subprocess.Popen(["sleep", "600"], env={**os.environ, VARIABLE: str(earlier)}) as orphan:
        found = [one for one in find_leftovers().orphaned if one.name.startswith(f"{orphan.pid} ")]
        assert [(one.kind, one.name) for one in found] == [("process", f"{orphan.pid} (sleep 600)")]
        clean()
        assert orphan.wait(30) == -signal.SIGKILL


def test_a_path_that_somebody_alive_uses_again_stays(tmp_path: Path) -> None:
    reused = tmp_path / "reused"
    made = killed_with_its_guardian(f"stack.enter_context(processes.guarded_path(Path({str(reused)!r}))).mkdir()")
    with processes.guarded_path(reused):
        done = clean()
        assert reused.is_dir()
        assert (
            Untouched("folder", str(reused), "another user's, or in use again") in done.untouched
            or not Path(made["ledger"]).exists()
        )


def test_names_with_blanks_and_line_ends_come_to_the_right_paths(tmp_path: Path) -> None:
    odd, kept = tmp_path / "a b\n+path c", tmp_path / "c"
    kept.mkdir()
    body = f"stack.enter_context(processes.guarded_path(Path({str(odd)!r}))).mkdir()\nos.chdir({str(tmp_path)!r})"
    made = killed_with_its_guardian(body)
    clean()
    nothing_is_left(made)
    assert list(tmp_path.iterdir()) == [kept]


def test_what_cannot_be_removed_is_said_and_its_ledger_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    made = killed_with_its_guardian(SOCKET)
    folder = Path(made["folder"])
    held = folder / "held"
    held.mkdir()
    if os.geteuid() != 0:
        held.chmod(0)
        folder.chmod(0o500)
    else:
        # Root is stopped by an immutable file alone, where the file system knows that.
        if subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False).returncode:
            clean()
            pytest.skip("no immutable files here")
    try:
        done = doctor("--clean")
        assert done.returncode == 3
        assert f"could not be removed: folder {folder}" in done.stderr
        assert Path(made["ledger"]).exists()
    finally:
        folder.chmod(0o700) if os.geteuid() else subprocess.run(["chattr", "-i", str(folder)], check=True)
    assert clean().remaining == ()
    nothing_is_left(made)


def test_a_run_that_ends_in_peace_leaves_no_ledger() -> None:
    script = (
        "from storbench.common import processes\n"
        "with processes.guarded_folder('test'):\n"
        "    assert processes._ledger[1].exists()\n"
        "    print(processes._ledger[1])\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert not Path(said.stdout.strip()).exists()


def test_a_guardian_that_was_killed_is_replaced_by_one_that_knows_the_same() -> None:
    body = """
child = processes.start(["sleep", "600"])
os.kill(processes._guardian.pid, signal.SIGKILL)
processes._guardian.wait()
other = processes.start(["sleep", "600"])
"""
    with subprocess.Popen([sys.executable, "-c", BEGIN + body + END], stdout=subprocess.PIPE) as maker:
        assert maker.stdout
        made: dict[str, str] = json.loads(maker.stdout.readline())
        maker.kill()
    made["owner"] = str(maker.pid)
    deadline = time.monotonic() + 30
    while (marked(f"{made['owner']}:") or Path(made["ledger"]).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    nothing_is_left(made)


def test_folders_and_clean_do_not_go_together() -> None:
    done = doctor("--clean", "/tmp")  # noqa: S108
    assert done.returncode == 2
    assert "--clean takes no folders" in done.stderr


def test_a_mark_is_read_as_it_was_written() -> None:
    own = this_process()
    assert Owner.parse(str(own)) == own
    assert own.state() == "alive"
    for wrong in ("", "1", "1:2:3", "1:2:3:", "a:2:3:b", "1:2:3:b:c", "-1:2:3:b"):
        assert Owner.parse(wrong) is None


def test_an_owner_that_ended_and_was_not_yet_waited_for_is_gone() -> None:
    command = [sys.executable, "-c", "from storbench.common.ownership import this_process; print(this_process())"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        owner = Owner.parse(child.stdout.readline())
        assert owner is not None
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert owner.pid == child.pid
        assert owner.state() == "dead"


def test_a_ledger_is_believed_only_where_nobody_else_can_have_written_it(tmp_path: Path) -> None:
    text = f"storbench ledger 1 {this_process()}\n+path /a\n+path /b\n-path /a\n+path relative\n+path /cut"
    real = tmp_path / "storbench-1-x.ledger"
    real.write_text(text)
    assert [one.paths for one in ledger.ledgers([tmp_path])] == [(Path("/b"),)]
    (tmp_path / "storbench-2-x.ledger").symlink_to(real)
    os.mkfifo(tmp_path / "storbench-3-x.ledger")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "storbench-4-x.ledger"))
    assert [one.file for one in ledger.ledgers([tmp_path])] == [real]
    os.link(real, tmp_path / "linked")
    assert ledger.ledgers([tmp_path]) == []


def test_the_finding_counts_and_names() -> None:
    one = Leftover("process", "7 (nbdkit)", "1:2:3:b")
    alone = Untouched("folder", "/run/storbench-x", "another user's")
    assert leftover_finding(Leftovers((), ())).status == "ok"
    finding = leftover_finding(Leftovers((one, one, Leftover("folder", "/run/storbench-y", "1:2:3:b")), (alone,)))
    assert finding.status == "warning"
    assert finding.seen.startswith("2 processes, 1 folder of killed runs: 7 (nbdkit), ")
    assert finding.seen.endswith("not touched: /run/storbench-x (another user's)")
