"""`nbd:emu-PROFILE`: a device model behind a real NBD server, for networked storage; storbench starts the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from ..common.units import Count
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .emu import check_room, emulated_files
from .emulated import EmulatedDevice, EmulationParameters, emulated, memory_folder
from .health_model import emulated_health
from .native_library import built_file, library
from .nbd import check_nbd_engine, nbd_options
from .nbdkit import ServerParameters, nbdkit, server_facts
from .purge_emulated import purge_emulated


class NbdEmuParameters(EmulationParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an emulated device can be given besides its profile."""

    threads: Count = 64
    """Requests that the server works on at the same time: at least the queue depth, or they wait unseen."""


class NbdEmuDevice:
    """A model in an NBD server."""

    def __init__(self, url: str, device: EmulatedDevice, threads: int) -> None:
        self._url = url
        self._device = device
        self._server = ServerParameters(threads=threads)

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        return DeviceInfo(self._url, "nbd", self._device.size, self._device.profile.logical_block_size, blank=True)

    def facts(self) -> Facts:
        """Give profile, parameters and server."""
        return {**self._device.facts(), **server_facts(self._server)}

    def check(self, opening: Opening) -> None:
        """Refuse where the plug-in was not built, where memory lacks, and where fio cannot speak NBD."""
        check_nbd_engine(opening)
        plugin()
        server_facts(self._server)
        if self._device.profile.logical_block_size % 512:
            raise InputError(f"{self._device.profile.name} has lines smaller than a sector, which NBD cannot address")
        self._device.check_memory(beside=self._device.size)
        check_room(memory_folder(), self._device)

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:
        """Make image and state and start the server; all end with the block, or with this process."""
        with emulated_files(self._device) as (image, state, shared):
            served = [str(plugin()), f"state={state}", f"image={image}"]
            with nbdkit(served, self._server, read_only=not opening.write) as uri:
                yield Target(
                    self._device.size,
                    nbd_options(uri),
                    logical_block_size=self._device.profile.logical_block_size,
                    fresh=True,
                    emulation=shared,
                    fastest_ns=self._device.fastest_ns,
                )

    def purge(self, target: Target) -> Purged:
        """Reset the model and blank the image. Only while no load is on it."""
        return purge_emulated(target)

    def health(self, target: Target) -> Facts:
        """Give what the model has counted."""
        return emulated_health(target.emulation)


class NbdEmuKind:
    """Profiles by name or path."""

    scheme = "nbd:emu-"
    summary = "a device model in real time, behind an NBD server of its own: for networked storage"
    example = "nbd:emu-pcm-onyx?size=256MiB&link_rtt=200us"
    api_version = API_VERSION
    parameters = NbdEmuParameters

    def resolve(self, url: str, address: str, parameters: NbdEmuParameters) -> NbdEmuDevice:
        """Build the device of a profile."""
        return NbdEmuDevice(url, emulated(address, parameters, self.scheme), parameters.threads)


KIND = NbdEmuKind()


def plugin() -> Path:
    """Give nbdkit's plug-in. Raises `MeasurementError` where it was not built."""
    library()  # first: without a compiler nothing was built
    path = built_file("nbdkit_plugin")
    if path is None:
        header = install_command("nbdkit's header", {"apt": "nbdkit-plugin-dev"})
        raise MeasurementError(
            "the plug-in for nbdkit was not built: its header was not there when storbench was installed",
            hint=f"Install it ({header}) and install storbench again.",
        )
    return path
