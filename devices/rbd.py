"""`rbd:POOL/IMAGE`: a block image of a Ceph cluster that exists, by Ceph's own library."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError, SafetyError
from ..common.packages import install_command
from .base import API_VERSION, DeviceInfo, Facts, Opening, Target
from .gluster import refuse_unless_typed
from .qemu_image import Node, exported

_ANSWER_S = 20.0
_ADDRESS = re.compile(r"([\w.-]+)/([\w.-]+)")
"""Without a namespace inside the pool: fio's engine knows none, and would take another image than the one meant."""
_CACHED = "the client's cache (rbd cache) is on, as Ceph's default has it: reads and writes may be answered from memory"


class RbdParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the cluster is reached."""

    conf: str | None = None
    """The cluster's configuration file; by default the one that Ceph finds itself."""
    user: str = "admin"
    """As whom, without `client.`."""


class _Image(msgspec.Struct, frozen=True):
    size: int
    id: str = ""
    object_size: int = 0
    features: list[str] = []
    data_pool: str = ""


class RbdDevice:
    """One image."""

    def __init__(self, url: str, pool: str, image: str, parameters: RbdParameters) -> None:
        self._url = url
        self._pool, self._image = pool, image
        self._parameters = parameters

    def info(self) -> DeviceInfo:
        """Ask the cluster for the image's size. Raises `InputError` where it does not answer or has no such image."""
        size = self._describe().size
        if not size:
            raise InputError(f"{self._url} is empty", hint="Give it a size: rbd resize --size 1G POOL/IMAGE.")
        return DeviceInfo(self._url, "rbd", size)

    def facts(self) -> Facts:
        """Give what Ceph says of the image."""
        image = self._describe()
        return {
            "pool": self._pool, "image": self._image, "image_id": image.id, "object_size": image.object_size,
            "features": ", ".join(image.features), "data_pool": image.data_pool,
        }  # fmt: skip

    def check(self, opening: Opening) -> None:
        """Refuse to write an image that somebody uses, or whose URL was not typed as one that may be destroyed."""
        check_rbd_engine(opening)
        size = self.info().size
        refuse_unless_typed(self._url, size, opening)
        if opening.write and (users := self._users()):
            raise SafetyError(f"{self._url} is in use by {', '.join(users)}", hint="Unmap it there first.")

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Look at the image once more, and give the checker a way to it."""
        self.check(opening)
        conf = self._parameters.conf
        target = Target(
            self.info().size,
            rbd_options(self._pool, self._image, self._parameters.user),
            environment={} if conf is None else {"CEPH_CONF": conf},
            notes=(_CACHED,),
        )
        if not opening.write:
            yield target
            return
        node = rbd_node(self._pool, self._image, self._parameters.user, conf)
        with exported(node, self._url, read_only=False) as uri:
            yield msgspec.structs.replace(target, checked={"ioengine": "nbd", "uri": uri})

    def _describe(self) -> _Image:
        return msgspec.convert(self._ask("info"), _Image)

    def _users(self) -> list[str]:
        return [str(one.get("address", "somebody")) for one in self._ask("status").get("watchers", [])]

    def _ask(self, word: str) -> Mapping[str, Any]:
        check_rbd_program()
        command = ["rbd", word, f"{self._pool}/{self._image}", "--format=json", "--id", self._parameters.user]
        command += ["--conf", self._parameters.conf] if self._parameters.conf else []
        try:
            found: Mapping[str, Any] = msgspec.json.decode(processes.output_of(command, timeout=_ANSWER_S))
        except subprocess.TimeoutExpired:
            raise InputError(
                f"{self._url} did not answer within {_ANSWER_S:g} s", hint="Is the cluster reachable?"
            ) from None
        except subprocess.CalledProcessError as error:
            lines = (error.stderr or "").strip().splitlines() or ["no reason given"]
            raise InputError(
                f"cannot reach {self._url}: {lines[-1]}", hint="Is the cluster reachable, and does the image exist?"
            ) from None
        except (OSError, msgspec.DecodeError) as error:
            raise MeasurementError(f"rbd's answer about {self._url} cannot be read: {error}") from None
        return found


def rbd_options(pool: str, image: str, user: str = "admin") -> dict[str, str]:
    """Give the fio options that address an image."""
    return {"ioengine": "rbd", "clientname": user, "pool": pool, "rbdname": image}


def rbd_node(pool: str, image: str, user: str, conf: str | None) -> Node:
    """Describe an image as a block node of QEMU."""
    conf_key = {} if conf is None else {"conf": conf}
    return {"driver": "rbd", "pool": pool, "image": image, "user": user, **conf_key}


def check_rbd_engine(opening: Opening) -> None:
    """Refuse where the fio that is here cannot speak to Ceph."""
    if opening.ioengines and "rbd" not in opening.ioengines:
        raise InputError(
            "this fio lacks the I/O engine 'rbd'",
            hint="Install a fio that was built with librbd, or map the image and use block:.",
        )


def check_rbd_program() -> None:
    """Raise `MeasurementError` where Ceph's own tool is missing."""
    if shutil.which("rbd") is None:
        raise MeasurementError(
            "rbd is not installed; it asks a Ceph cluster for its images",
            hint=f"Install it: {install_command('ceph-common')}. Nothing was touched.",
        )


class RbdKind:
    """Images of Ceph clusters."""

    scheme = "rbd"
    summary = "an image of a Ceph cluster that exists; written only with --destroy and its URL"
    example = "rbd:pool/image"
    api_version = API_VERSION
    parameters = RbdParameters

    def resolve(self, url: str, address: str, parameters: RbdParameters) -> RbdDevice:
        """Build the device of `POOL/IMAGE`."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise InputError(
                f"'{url}' is no image of a pool", hint=f"Like {self.example}; rbd:local starts a cluster of its own."
            )
        if parameters.conf is not None:
            conf = Path(parameters.conf).expanduser().absolute()
            if not os.access(conf, os.R_OK):
                raise InputError(f"cannot read {conf}", hint="Name the cluster's configuration as conf=PATH.")
            parameters = msgspec.structs.replace(parameters, conf=str(conf))
        return RbdDevice(url, found[1], found[2], parameters)


KIND = RbdKind()
