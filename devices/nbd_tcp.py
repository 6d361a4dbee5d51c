"""`nbd://host/export`: a networked device of a server that is there already."""

from __future__ import annotations

import re

import msgspec

from ..common.errors import InputError
from .base import API_VERSION
from .nbd import NbdDevice


class TcpParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A server on TCP is addressed by its URL alone."""


class NbdTcpKind:
    """Servers on TCP."""

    scheme = "nbd"
    summary = "an export of an NBD server over TCP"
    example = "nbd://server:10809/export"
    api_version = API_VERSION
    parameters = TcpParameters

    def resolve(self, url: str, address: str, parameters: TcpParameters) -> NbdDevice:  # noqa: ARG002 - there are none
        """Build the device of a URL."""
        if not re.fullmatch(r"//[^/\s]+(/\S*)?", address):
            raise InputError(
                f"'{url}' is no NBD device", hint="Write nbd://host/export, nbd:memory?size=1GiB or nbd:file?path=…"
            )
        return NbdDevice(url, f"nbd:{address}")


KIND = NbdTcpKind()
