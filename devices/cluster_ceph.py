"""A Ceph cluster of our own: one monitor, one manager, three OSDs on files, in a network namespace and one folder.

Without authentication, which nothing outside the namespace could use; small caches, because all of it shares one host.
The daemons stay in the foreground as our children, so they end with this process whatever happens.
"""

from __future__ import annotations

import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from ..common import processes
from ..common.errors import MeasurementError
from .base import Facts
from .namespaces import Namespace, namespace

PROGRAMS = {
    "ceph-mon": "ceph-mon", "ceph-mgr": "ceph-mgr", "ceph-osd": "ceph-osd", "ceph": "ceph-common", "rbd": "ceph-common",
}  # fmt: skip
POOL, IMAGE = "storbench", "volume"
OSDS = ("osd.0", "osd.1", "osd.2")
_PGS = 16
_COMMAND_S, _READY_S, _CLEAN_S, _HEAL_S, _POLL_S = 60.0, 60.0, 120.0, 25.0, 0.25
_MARGIN = 512 << 20
"""What an OSD needs beside the data, for its own log and database."""

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:3300/0,v1:127.0.0.1:6789/0]
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
crash dir = {folder}
admin socket =
log file = {folder}/$name.log
log to stderr = false
mon cluster log file = {folder}/cluster.log
mon allow pool delete = true
mon warn on insecure global id reclaim = false
mon warn on insecure global id reclaim allowed = false
mon osd min down reporters = 1
mon osd down out interval = 3600
mgr initial modules =
mgr stats period = 1
mgr tick period = 1
mon tick interval = 1
osd pool default size = 3
osd pool default min size = 2
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd heartbeat interval = 1
osd heartbeat grace = {grace}
osd mon report interval = 1
osd max scrubs = {groups}
osd scrub backoff ratio = 0
osd scrub load threshold = 1000
osd objectstore = bluestore
bluestore block size = {store}
bluestore cache autotune = false
bluestore cache size = 67108864
rbd cache = false
[mon]
mon data = {folder}/mon
[mgr]
mgr data = {folder}/mgr
[osd]
osd data = {folder}/$name
"""


class _Group(msgspec.Struct, frozen=True):
    state: str = msgspec.field(name="state_name")
    count: int = 0


class _Groups(msgspec.Struct, frozen=True):
    states: list[_Group] = msgspec.field(name="pgs_by_state", default_factory=list)
    total: int = msgspec.field(name="num_pgs", default=0)


class _Members(msgspec.Struct, frozen=True):
    up: int = msgspec.field(name="num_up_osds", default=0)


class Status(msgspec.Struct, frozen=True):
    """What `ceph status` says."""

    groups: _Groups = msgspec.field(name="pgmap", default_factory=_Groups)
    members: _Members = msgspec.field(name="osdmap", default_factory=_Members)

    @property
    def clean(self) -> bool:
        """Whether every placement group has all its copies and can be used."""
        return self.groups.total >= _PGS and all(group.state == "active+clean" for group in self.groups.states)


class CephCluster:
    """The running cluster. `run_ceph` makes one."""

    def __init__(self, place: Namespace, folder: Path) -> None:
        self.place = place
        self.configuration = folder / "ceph.conf"
        self._folder = folder
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._hanging: set[str] = set()

    def create(self, size: int, grace: float) -> None:
        """Start everything and make the image."""
        fsid = str(uuid.uuid4())
        self.configuration.write_text(
            _CONFIGURATION.format(
                fsid=fsid, folder=self._folder, grace=max(2, round(grace)), store=size + _MARGIN, groups=_PGS
            )
        )
        for name in ("mon", "mgr", *OSDS):
            (self._folder / name).mkdir()
        addresses = "[v2:127.0.0.1:3300,v1:127.0.0.1:6789]"
        monitors = str(self._folder / "monmap")
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "x", addresses, monitors)
        self._run("ceph-mon", "--mkfs", "-i", "x", "--monmap", monitors)
        self._start("mon", "ceph-mon", "x")
        self._start("mgr", "ceph-mgr", "x")
        self._make_stores()
        for name in OSDS:
            self._start(name, "ceph-osd", name.removeprefix("osd."))
        self._wait("the OSDs did not come up", lambda now: now.members.up == len(OSDS), _READY_S)
        self._run("ceph", "osd", "pool", "create", POOL, str(_PGS))
        self._wait("the placement groups did not become clean", lambda now: now.clean, _CLEAN_S)
        self._run("rbd", "pool", "init", POOL)
        # Without a lock that two clients, the load and the checker, would have to hand to each other.
        self._run("rbd", "create", "--size", f"{size}B", "--image-feature", "layering", f"{POOL}/{IMAGE}")

    def kill(self, name: str) -> Facts:
        """Kill an OSD."""
        processes.end(self._daemons[name])
        self._hanging.discard(name)
        return {}

    def hang(self, name: str) -> Facts:
        """Stop an OSD where it is."""
        processes.signal_group(self._daemons[name], signal.SIGSTOP)
        self._hanging.add(name)
        return {}

    def restart(self, name: str, *, resync: bool = True) -> Facts:
        """Start an OSD that was killed, and wait until the cluster is clean."""
        facts: Facts = {}
        if self._daemons[name].poll() is not None:
            began = time.monotonic()
            self._start(name, "ceph-osd", name.removeprefix("osd."))
            facts["restart_s"] = time.monotonic() - began
        return {**facts, **self.recover()} if resync else facts

    def go_on(self, name: str) -> Facts:
        """Let an OSD that hangs go on, and wait until the cluster is clean."""
        if name in self._hanging:
            processes.signal_group(self._daemons[name], signal.SIGCONT)
            self._hanging.discard(name)
        return self.recover()

    def recover(self) -> Facts:
        """Wait until all OSDs are up and all placement groups have all their copies."""
        began = time.monotonic()
        while True:
            now = self.status()
            clean = now.clean and now.members.up == len(OSDS)
            if clean or time.monotonic() - began > _HEAL_S:
                break
            time.sleep(_POLL_S)
        left = sum(group.count for group in now.groups.states if group.state != "active+clean")
        facts: Facts = {"placement_groups_unclean": left, "members_up": now.members.up}
        return {**facts, "resync_s": time.monotonic() - began} if clean else facts

    def scrub(self) -> Facts:
        """Have Ceph compare all copies with each other, checksums and all; takes seconds."""
        began = time.time()
        self._run("ceph", "osd", "pool", "deep-scrub", POOL)
        deadline = time.monotonic() + _HEAL_S
        while True:
            said = msgspec.json.decode(self._run("ceph", "pg", "ls-by-pool", POOL, "--format=json"))
            groups = said["pg_stats"]
            if all(_scrubbed_after(group, began) for group in groups):
                wrong = sum("inconsistent" in group["state"] for group in groups)
                return {
                    "replicas": len(OSDS), "replicas_identical": int(not wrong), "placement_groups_inconsistent": wrong,
                }  # fmt: skip
            if time.monotonic() > deadline:
                return {}
            time.sleep(_POLL_S)

    def status(self) -> Status:
        """Ask how it is."""
        return msgspec.json.decode(self._run("ceph", "status", "--format=json"), type=Status)

    def end(self) -> None:
        """End all daemons; what they hold is going away anyway."""
        for process in self._daemons.values():
            processes.end(process)

    def _make_stores(self) -> None:
        making = []
        for number, name in enumerate(OSDS):
            identity = str(uuid.uuid4())
            self._run("ceph", "osd", "new", identity, str(number))
            making.append(self._process(name, ["ceph-osd", "-i", str(number), "--mkfs", "--osd-uuid", identity]))
        for name, process in zip(OSDS, making, strict=True):
            if processes.end(process, patience=_READY_S):
                raise MeasurementError(f"{name} could not be made{self._said(name)}")

    def _start(self, name: str, program: str, identity: str) -> None:
        self._daemons[name] = self._process(name, [program, "-f", "-i", identity])

    def _process(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.stderr").open("ab") as stderr:
            return processes.start([*self.place.command, *command, *self._settings], stderr=stderr)

    def _run(self, program: str, *words: str) -> str:
        settings = self._settings if program != "monmaptool" else ()
        return self.place.run(program, *words, *settings, timeout=_COMMAND_S)

    @property
    def _settings(self) -> tuple[str, ...]:
        return ("--conf", str(self.configuration))

    def _wait(self, problem: str, fits: Callable[[Status], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not fits(self.status()):
            for name, process in self._daemons.items():
                if process.poll() is not None:
                    raise MeasurementError(f"{name} of the Ceph cluster has ended{self._said(name)}")
            if time.monotonic() > deadline:
                raise MeasurementError(f"{problem} within {seconds:g} s")
            time.sleep(_POLL_S)

    def _said(self, name: str) -> str:
        lines = (self._folder / f"{name}.stderr").read_text(errors="replace").splitlines()
        return "".join(f"\n  {line}" for line in lines[-6:])


def _scrubbed_after(group: dict[str, Any], began: float) -> bool:
    return datetime.fromisoformat(group["last_deep_scrub_stamp"]).timestamp() >= began


@contextmanager
def run_ceph(size: int, grace: float) -> Iterator[CephCluster]:
    """Run a cluster with an image of `size` bytes in three copies; all of it goes away with the block.

    `grace` is for how many seconds an OSD may be silent before the others report it. Raises `MeasurementError` where it
    does not start.
    """
    with processes.guarded_folder("ceph") as folder, namespace("net") as place:
        cluster = CephCluster(place, folder)
        try:
            cluster.create(size, grace)
            yield cluster
        finally:
            cluster.end()
