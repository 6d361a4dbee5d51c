"""`gluster:local`: a GlusterFS volume of three bricks that storbench starts itself, and whose bricks can fail."""

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
from .cluster_gluster import ADDRESS, BRICKS, FILE, LAYOUTS, PROGRAMS, VOLUME, GlusterCluster, run_gluster
from .faulty_rules import parameters_of
from .gluster import check_gluster_engine, gluster_options
from .namespaces import need_namespaces, why_no_namespaces

FAULTS = ("kill", "hang", COMPARE)
_BLOCK = 512
_NOTE = "all bricks are on this host and share its disk and processors: the speed is not that of a cluster"


class LocalGlusterParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is started."""

    size: Size = 128 << 20
    """Of the file that is driven; each brick takes as much, or half of it with an erasure code."""
    layout: str = "replica-3"
    """`replica-3` or `disperse-2-1`."""
    ping_timeout: Duration = 5.0
    """How long the client waits for a brick that does not answer before it goes on without it, in whole seconds.
    Gluster's own default is 42 s."""


class LocalGluster:
    """A file on a volume of our own."""

    def __init__(self, url: str, parameters: LocalGlusterParameters) -> None:
        self._url = url
        self._parameters = parameters
        self._cluster: GlusterCluster | None = None

    def info(self) -> DeviceInfo:
        """Give size, bricks and faults."""
        if self._parameters.layout not in LAYOUTS:
            raise InputError(
                f"{self._url}: there is no layout '{self._parameters.layout}'", hint=f"One of: {', '.join(LAYOUTS)}."
            )
        return DeviceInfo(
            self._url, "gluster:local", self._parameters.size, _BLOCK, blank=True, faults=dict(self.faults()),
            parts=BRICKS, spare_parts=1,
        )  # fmt: skip

    def facts(self) -> Facts:
        """Say which GlusterFS it is and how it is laid out."""
        return {
            "server": gluster_version(),
            "layout": self._parameters.layout,
            "layout_explained": LAYOUTS[self._parameters.layout].explained,
            "ping_timeout_s": self._parameters.ping_timeout,
        }

    def check(self, opening: Opening) -> None:
        """Refuse where GlusterFS, fio's engine for it or private namespaces are not to be had."""
        self.info()
        check_gluster_engine(opening)
        need_namespaces()
        gluster_version()

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:  # noqa: ARG002 - it is made anew, whatever for
        """Start the volume and make the file; nothing of it is there before or afterwards."""
        with run_gluster(self._parameters.layout, self._parameters.size, self._parameters.ping_timeout) as cluster:
            self._cluster = cluster
            try:
                yield Target(
                    self._parameters.size,
                    gluster_options(ADDRESS, VOLUME, FILE),
                    logical_block_size=_BLOCK,
                    fresh=True,
                    checked={"ioengine": "psync", "filename": str(cluster.path)},
                    command=cluster.place.enter("net"),
                    notes=(_NOTE,),
                )
            finally:
                self._cluster = None

    def faults(self) -> Mapping[str, str]:
        """Name what can happen to a brick."""
        return dict.fromkeys(FAULTS, why_no_namespaces() or _what_is_missing())

    def inject(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one cluster
        """Kill a brick's process or stop it, the first one unless the fault names another; or compare them."""
        cluster, brick = self._opened(), brick_of(fault)
        if fault.kind == COMPARE:
            return cluster.heal()
        if fault.kind == "kill":
            parameters_of(fault, ("resync",))
            return cluster.kill(brick)
        parameters_of(fault, ())
        return cluster.hang(brick)

    def heal(self, target: Target, fault: Fault) -> Facts:  # noqa: ARG002 - there is one cluster
        """Start the brick again or let it go on, wait until Gluster has healed it, and compare the bricks."""
        cluster, brick = self._opened(), brick_of(fault)
        if fault.kind == COMPARE:
            return {}
        if fault.kind == "kill":
            return cluster.restart(resync=bool(fault.parameters.get("resync", 1)))
        return cluster.go_on(brick)

    def _opened(self) -> GlusterCluster:
        if self._cluster is None:
            raise MeasurementError(f"{self._url} is not open")
        return self._cluster


def brick_of(fault: Fault) -> str:
    """Give the brick that a fault is about. Raises `InputError` for one that there is not."""
    brick = fault.part or BRICKS[0]
    if brick not in BRICKS:
        raise InputError(f"there is no brick '{brick}'", hint=f"There are: {', '.join(BRICKS)}.")
    return brick


def gluster_version() -> str:
    """Give the server's version. Raises `MeasurementError` where it is not installed."""
    if missing := _what_is_missing():
        raise MeasurementError(f"gluster:local needs GlusterFS: {missing}", hint="Nothing was touched.")
    try:
        return processes.output_of(["glusterd", "--version"]).partition("\n")[0].strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise MeasurementError(f"glusterd --version does not answer: {error}") from None


def _what_is_missing() -> str:
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"{program} is not installed ({install_command(package)})"
    return ""


class LocalGlusterKind:
    """GlusterFS volumes of our own."""

    scheme = "gluster:local"
    summary = "a GlusterFS volume of three bricks that storbench starts in namespaces of its own; bricks can fail"
    example = "gluster:local?layout=replica-3&size=128MiB"
    api_version = API_VERSION
    parameters = LocalGlusterParameters

    def resolve(self, url: str, address: str, parameters: LocalGlusterParameters) -> LocalGluster:
        """Build the device."""
        if address:
            raise InputError(f"'{url}': a volume of our own has no address", hint=f"Like {self.example}.")
        return LocalGluster(url, parameters)


KIND = LocalGlusterKind()
