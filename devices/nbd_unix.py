"""`nbd+unix:///export?socket=PATH`: an export of a server on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import msgspec

from ..common.errors import InputError
from .base import API_VERSION
from .nbd import NbdDevice


class UnixParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server listens."""

    socket: str


class NbdUnixKind:
    """Servers on a Unix socket."""

    scheme = "nbd+unix"
    summary = "an export of an NBD server on a Unix socket"
    example = "nbd+unix:///export?socket=/run/nbd.sock"
    api_version = API_VERSION
    parameters = UnixParameters

    def resolve(self, url: str, address: str, parameters: UnixParameters) -> NbdDevice:
        """Build the device of a URL."""
        if not re.fullmatch(r"///\S*", address):
            raise InputError(f"'{url}' is no NBD device", hint=f"Write it like {self.example}.")
        socket = Path(parameters.socket).absolute()
        return NbdDevice(url, f"nbd+unix:{address}?socket={quote(str(socket))}")


KIND = NbdUnixKind()
