"""`rbd:local`: a Ceph cluster of three OSDs that storbench starts itself, and whose OSDs can fail."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from ..common.units import Duration, Size
from .base import API_VERSION, COMPARE, DeviceInfo, Facts, Fault, Opening, Target
from .cluster_ceph import IMAGE, OSDS, POOL, PROGRAMS, CephCluster, run_ceph
from .faulty_rules import parameters_of
from .namespaces import need_namespaces, why_no_namespaces
from .qemu_image import exported
from .rbd import check_rbd_engine, rbd_node, rbd_options

FAULTS = ("kill", "hang", COMPARE)
_NOTE = "all OSDs are on this host and share its disk and processors: the speed is not that of a cluster"


class LocalRbdParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is started."""

    size: Size = 128 << 20
    """Of the image; each OSD takes as much."""
    grace: Duration = 6.0
    """For how long an OSD may be silent before the others report it, in whole seconds. Ceph's own default is 20 s."""


class LocalRbd:
    """An image of a cluster of our own."""

    def __init__(self, url: str, parameters: LocalRbdParameters) -> None:
        self._url = url
        self._parameters = parameters
        self._cluster: CephCluster | None = None

    def info(self) -> DeviceInfo:
        """Give size, OSDs and faults."""
        return DeviceInfo(
            self._url, "rbd:local", self._parameters.size, blank=True, faults=dict(self.faults()), parts=OSDS,
            spare_parts=1,
        )  # fmt: skip

    def facts(self) -> Facts:
        """Say which Ceph it is."""
        return {"server": ceph_version(), "copies": len(OSDS), "heartbeat_grace_s": self._parameters.grace}

    def check(self, opening: Opening) -> None:
        """Refuse where Ceph, fio's engine for it or private namespaces are not to be had."""
        check_rbd_engine(opening)
        need_namespaces()
        ceph_version()

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:  # noqa: ARG002 - it is made anew, whatever for
        """Start the cluster and make the image; nothing of it is there before or afterwards."""
        with run_ceph(self._parameters.size, self._parameters.grace) as cluster:
            conf = str(cluster.configuration)
            node = rbd_node(POOL, IMAGE, "admin", conf)
            with exported(node, self._url, command=cluster.place.command, read_only=False) as uri:
                self._cluster = cluster
                try:
                    yield Target(
                        self._parameters.size,
                        rbd_options(POOL, IMAGE),
                        fresh=True,
                        checked={"ioengine": "nbd", "uri": uri},
                        command=cluster.place.command,
                        environment={"CEPH_CONF": conf},
                        notes=(_NOTE,),
                    )
                finally:
                    self._cluster = None

    def faults(self) -> Mapping[str, str]:
        """Name what can happen to an OSD."""
        return dict.fromkeys(FAULTS, why_no_namespaces() or _what_is_missing())

    def inject(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one cluster
        """Kill an OSD or stop it, the first one unless the fault names another; or have Ceph compare the copies."""
        cluster, osd = self._opened(), osd_of(fault)
        if fault.kind == COMPARE:
            return {**cluster.recover(), **cluster.scrub()}
        if fault.kind == "kill":
            parameters_of(fault, ("resync",))
            return cluster.kill(osd)
        parameters_of(fault, ())
        return cluster.hang(osd)

    def heal(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one cluster
        """Start the OSD again or let it go on, and wait until all placement groups have all their copies."""
        cluster, osd = self._opened(), osd_of(fault)
        if fault.kind == COMPARE:
            return {}
        if fault.kind == "kill":
            return cluster.restart(osd, resync=bool(fault.parameters.get("resync", 1)))
        return cluster.go_on(osd)

    def _opened(self) -> CephCluster:
        if self._cluster is None:
            raise MeasurementError(f"{self._url} is not open")
        return self._cluster


def osd_of(fault: Fault) -> str:
    """Give the OSD that a fault is about. Raises `InputError` for one that there is not."""
    osd = fault.part or OSDS[0]
    if osd not in OSDS:
        raise InputError(f"there is no OSD '{osd}'", hint=f"There are: {', '.join(OSDS)}.")
    return osd


def ceph_version() -> str:
    """Give Ceph's version. Raises `MeasurementError` where it is not installed."""
    if missing := _what_is_missing():
        raise MeasurementError(f"rbd:local needs Ceph: {missing}", hint="Nothing was touched.")
    try:
        return processes.output_of(["ceph-osd", "--version"]).partition("\n")[0].strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise MeasurementError(f"ceph-osd --version does not answer: {error}") from None


def _what_is_missing() -> str:
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"{program} is not installed ({install_command(package)})"
    return ""


class LocalRbdKind:
    """Ceph clusters of our own."""

    scheme = "rbd:local"
    summary = "an image on a Ceph cluster of three OSDs that storbench starts in a network of its own; OSDs can fail"
    example = "rbd:local?size=128MiB"
    api_version = API_VERSION
    parameters = LocalRbdParameters

    def resolve(self, url: str, address: str, parameters: LocalRbdParameters) -> LocalRbd:
        """Build the device."""
        if address:
            raise InputError(f"'{url}': a cluster of our own has no address", hint=f"Like {self.example}.")
        return LocalRbd(url, parameters)


KIND = LocalRbdKind()
