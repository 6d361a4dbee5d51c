"""A GlusterFS volume of our own: one management daemon and three bricks in private namespaces.

Gluster's daemons detach themselves, write below /run, /var/lib and /var/log, and take one fixed socket. In namespaces
of their own (network, mounts, processes) none of that is seen from outside, and all of it ends with the namespaces.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError
from .base import Facts
from .namespaces import Namespace, namespace

PROGRAMS = {"glusterd": "glusterfs-server", "gluster": "glusterfs-server", "mount.glusterfs": "glusterfs-client"}
VOLUME, FILE, ADDRESS = "storbench", "volume.bin", "10.212.0.1"
"""Brick addresses must not be of the loopback's own range, or they are refused."""
_MOUNT = Path("/run/storbench")
_SETTINGS = ("performance.write-behind", "off", "performance.quick-read", "off")
"""Nothing is answered from the client's memory: what is measured are the bricks."""
_START_S, _HEAL_S, _ASK_S, _POLL_S = 60.0, 25.0, 1.0, 0.1
_SETTLE_S = 3.0
_READ_BYTES = 64 << 10
_OURS = ("/run", "/var/lib/glusterd", "/var/log/glusterfs")
"""Where Gluster writes; memory is mounted over it, which nobody else sees."""
_SETUP = """
set -e
ip addr add {address}/32 dev lo
for place in {ours}; do mkdir -p $place; mount -t tmpfs -o mode=755 storbench $place; done
mkdir -p /run/gluster {mount}
"""
_MANAGEMENT = """
volume management
    type mgmt/glusterd
    option working-directory /var/lib/glusterd
    option transport-type socket
    option transport.socket.bind-address {address}
    option transport.socket.read-fail-log off
    option ping-timeout 0
    option event-threads 1
end-volume
"""


class Layout(msgspec.Struct, frozen=True):
    """How the bricks hold the data."""

    words: tuple[str, ...]
    """As `gluster volume create` takes them."""
    copies: bool
    """Each brick holds all of it, so that bricks can be compared byte by byte."""
    explained: str


LAYOUTS = {
    "replica-3": Layout(("replica", "3"), True, "three copies"),
    "disperse-2-1": Layout(("disperse", "3", "redundancy", "1"), False, "erasure code, two parts of data and one more"),
}
BRICKS = ("brick1", "brick2", "brick3")


class GlusterCluster:
    """The running volume. `run` makes one."""

    def __init__(self, place: Namespace, folder: Path, layout: Layout) -> None:
        self.place = place
        self._folder = folder
        self._layout = layout
        self._stopped: set[str] = set()
        """The bricks that hang."""

    @property
    def path(self) -> Path:
        """The file on the mounted volume, as it is reached from outside the namespaces."""
        return self.place.root / str(_MOUNT / FILE).lstrip("/")

    def create(self, size: int, ping_timeout: float) -> None:
        """Start everything and make the file."""
        self.place.run("sh", "-c", _SETUP.format(address=ADDRESS, ours=" ".join(_OURS), mount=_MOUNT))
        management = self._folder / "glusterd.vol"
        management.write_text(_MANAGEMENT.format(address=ADDRESS))
        self.place.run("glusterd", "-f", str(management), "-p", "/run/glusterd.pid", timeout=_START_S)
        bricks = [f"{ADDRESS}:{self._brick(name)}" for name in BRICKS]
        self._gluster("create", VOLUME, *self._layout.words, *bricks, "force")
        # At least 1 s: with 0 a brick that hangs would be waited for without an end.
        self._gluster("set", VOLUME, "network.ping-timeout", str(max(1, round(ping_timeout))), *_SETTINGS)
        self._gluster("start", VOLUME)
        self.place.run("mount", "-t", "glusterfs", f"{ADDRESS}:/{VOLUME}", str(_MOUNT), timeout=_START_S)
        with self.path.open("wb") as file:
            file.truncate(size)

    def kill(self, name: str) -> Facts:
        """Kill a brick's process."""
        self._signal("KILL", name)
        self._stopped.discard(name)
        return {}

    def hang(self, name: str) -> Facts:
        """Stop a brick's process where it is."""
        self._signal("STOP", name)
        self._stopped.add(name)
        return {}

    def go_on(self, name: str) -> Facts:
        """Let a brick that hangs go on, and wait until it is healed."""
        if name in self._stopped:
            self._signal("CONT", name)
            self._stopped.discard(name)
        return self.heal()

    def restart(self, *, resync: bool = True) -> Facts:
        """Start the bricks that were killed, and wait until what they missed is healed."""
        began = time.monotonic()
        self._gluster("start", VOLUME, "force")
        restarted: Facts = {"restart_s": time.monotonic() - began}
        return {**restarted, **self.heal()} if resync else restarted

    def heal(self) -> Facts:
        """Wait until Gluster says that nothing is left to heal, and compare the bricks."""
        began = asked = time.monotonic()
        while (left := self.heal_entries()) != 0 and time.monotonic() - began < _HEAL_S:
            if time.monotonic() - asked > _ASK_S:
                # By itself it looks for something to heal every ten minutes.
                self.place.run("sh", "-c", f"gluster --mode=script volume heal {VOLUME} || true", timeout=_START_S)
                asked = time.monotonic()
            time.sleep(_POLL_S)
        facts: Facts = {"heal_entries": -1 if left is None else left}
        if left == 0:
            facts["resync_s"] = time.monotonic() - began
        return {**facts, **self.compare()}

    def heal_entries(self) -> int | None:
        """Give how many files wait to be healed; None while a brick cannot be asked."""
        said = ET.fromstring(self._gluster("heal", VOLUME, "info", "--xml"))  # noqa: S314 - from a program of ours
        count = 0
        for brick in said.iter("brick"):
            number = brick.findtext("numberOfEntries") or ""
            if brick.findtext("status") != "Connected" or not number.isdecimal():
                return None
            count += int(number)
        return count

    def compare(self) -> Facts:
        """Compare the bricks' files, or, of an erasure code, the versions that Gluster keeps of each part.

        Gives nothing while they are written to.
        """
        files = [self._brick(name) / FILE for name in BRICKS]
        before = [path.stat().st_mtime_ns for path in files]
        facts = _compare_copies(files) if self._layout.copies else _compare_fragments(files)
        time.sleep(_POLL_S)
        return facts if [path.stat().st_mtime_ns for path in files] == before else {}

    def _brick(self, name: str) -> Path:
        return self._folder / name / "data"

    def _signal(self, signal: str, name: str) -> None:
        number = self._process(name)
        if number is None:
            raise MeasurementError(f"{name} has no process: it was killed before, or has ended by itself")
        self.place.run("sh", "-c", f"kill -{signal} {number}")

    def _process(self, name: str) -> int | None:
        said = ET.fromstring(self._gluster("status", VOLUME, "--xml"))  # noqa: S314 - from a program of ours
        for node in said.iter("node"):
            if node.findtext("path") == str(self._brick(name)) and node.findtext("status") == "1":
                return int(node.findtext("pid") or 0) or None
        return None

    def _gluster(self, *words: str) -> str:
        return self.place.run("gluster", "--mode=script", "volume", *words, timeout=_START_S)


@contextmanager
def run_gluster(layout: str, size: int, ping_timeout: float) -> Iterator[GlusterCluster]:
    """Run a volume of three bricks with a file of `size` bytes; all of it goes away with the block.

    Raises `InputError` for an unknown layout, `MeasurementError` where it does not start.
    """
    if layout not in LAYOUTS:
        raise InputError(f"'{layout}' is no layout", hint=f"One of: {', '.join(LAYOUTS)}.")
    with processes.guarded_folder("gluster") as folder, namespace("net", "mnt", "pid") as place:
        for name in BRICKS:
            (folder / name).mkdir()
        cluster = GlusterCluster(place, folder, LAYOUTS[layout])
        cluster.create(size, ping_timeout)
        yield cluster


def _compare_copies(files: Sequence[Path]) -> Facts:
    digests = [_digests(path) for path in files]
    # Of files that differ in length the rest counts as different, too.
    different = sum(len(set(part)) > 1 for part in zip_longest(*digests)) * _READ_BYTES
    return {
        "replicas": len(files), "replicas_identical": int(not different), "replicas_different_bytes": different,
    }  # fmt: skip


def _digests(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [hashlib.blake2b(part).digest() for part in iter(lambda: file.read(_READ_BYTES), b"")]


def _compare_fragments(files: Sequence[Path]) -> Facts:
    deadline = time.monotonic() + _SETTLE_S
    while True:
        versions = {_attribute(path, "trusted.ec.version") for path in files}
        dirty = any(any(_attribute(path, "trusted.ec.dirty")) for path in files)
        # The mark of a write that is under way is taken off a moment after it.
        if (len(versions) == 1 and not dirty) or time.monotonic() > deadline:
            return {"fragments_agree": int(len(versions) == 1 and not dirty)}
        time.sleep(_POLL_S)


def _attribute(path: Path, name: str) -> bytes:
    try:
        return os.getxattr(path, name)
    except OSError:
        return b""
