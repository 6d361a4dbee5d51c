"""`emu:PROFILE`: a device model under real fio, in real time: every I/O waits until the model says that it is done.

fio is started with a shim (LD_PRELOAD) that knows the calls of some of its engines. The data goes to an image in
memory, the model's state to a file beside it, which all processes of a job share.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.units import format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .emulated import EmulatedDevice, EmulationParameters, emulated, memory_folder
from .health_model import emulated_health
from .ioengines import engine_notes
from .native_library import built_file, needs_compiler
from .native_shared import SharedModel
from .purge_emulated import IMAGE, purge_emulated

EmulatedEngine = Literal["libaio", "psync", "pvsync", "pvsync2", "libpmem"]
"""fio's engines whose calls the shim knows. The others either never reach it (io_uring makes its own system calls) or
would be measured without being emulated."""


class EmuParameters(EmulationParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an emulated device can be given besides its profile."""

    ioengine: EmulatedEngine = "libaio"


class EmuDevice:
    """A model, a shim, an image."""

    def __init__(self, url: str, device: EmulatedDevice, ioengine: str) -> None:
        self._url = url
        self._device = device
        self._ioengine = ioengine

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        return DeviceInfo(self._url, "emu", self._device.size, self._device.profile.logical_block_size, blank=True)

    def facts(self) -> Facts:
        """Give profile and parameters."""
        return {**self._device.facts(), "ioengine": self._ioengine}

    def check(self, opening: Opening) -> None:
        """Refuse where the shim was not built, where memory lacks, and where this fio lacks the engine."""
        shim()
        if opening.ioengines and self._ioengine not in opening.ioengines:
            raise InputError(
                f"this fio lacks the I/O engine '{self._ioengine}'", hint="Give ioengine=psync, which every fio has."
            )
        self._device.check_memory(beside=self._device.size)
        check_room(memory_folder(), self._device)

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:  # noqa: ARG002
        """Make image and state; both go away with the block, or with this process."""
        with emulated_files(self._device) as (image, state, shared):
            yield Target(
                self._device.size,
                # O_DIRECT is accepted by the shim; the image is there, and fio must not make another.
                {"ioengine": self._ioengine, "filename": str(image), "direct": "1", "allow_file_create": "0"},
                logical_block_size=self._device.profile.logical_block_size,
                fresh=True,
                notes=engine_notes(self._ioengine),
                environment={
                    # Behind what is loaded before everything already, such as a sanitizer.
                    "LD_PRELOAD": ":".join(filter(None, (os.environ.get("LD_PRELOAD"), str(shim())))),
                    "STORBENCH_EMU_STATE": str(state),
                    "STORBENCH_EMU_IMAGE": str(image),
                    **({"STORBENCH_EMU_KEEP": "1"} if self._ioengine == "libpmem" else {}),
                },
                emulation=shared,
                fastest_ns=self._device.fastest_ns,
            )

    def purge(self, target: Target) -> Purged:
        """Reset the model and blank the image. Only while no load is on it."""
        return purge_emulated(target)

    def health(self, target: Target) -> Facts:
        """Give what the model has counted."""
        return emulated_health(target.emulation)


class EmuKind:
    """Profiles by name or path."""

    scheme = "emu"
    summary = "a device model in real time, under real fio: every I/O takes as long as the model says"
    example = "emu:pcm-onyx?size=256MiB&ioengine=psync"
    api_version = API_VERSION
    parameters = EmuParameters

    def resolve(self, url: str, address: str, parameters: EmuParameters) -> EmuDevice:
        """Build the device of a profile."""
        return EmuDevice(url, emulated(address, parameters, self.scheme), parameters.ioengine)


KIND = EmuKind()


def shim() -> Path:
    """Give the shim that fio is started with. Raises `MeasurementError` where it was not built."""
    path = built_file("preload")
    if path is None:
        raise needs_compiler("the emulator's shim was not built")
    return path


def check_room(folder: Path, device: EmulatedDevice) -> None:
    """Refuse an image that its folder cannot take. Raises `InputError`."""
    free = shutil.disk_usage(folder).free
    if device.size > free:
        raise InputError(
            f"no space: the image of {format_size(device.size)} does not fit {folder}, which has {format_size(free)}",
            hint="Choose a smaller size.",
        )


@contextmanager
def emulated_files(device: EmulatedDevice) -> Iterator[tuple[Path, Path, SharedModel]]:
    """Give image, state file and model of a device, in a private folder that goes away with the block."""
    with processes.guarded_folder("emu", inside=memory_folder()) as folder:
        image, state = folder / IMAGE, folder / "state"
        try:
            with image.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, device.size)
        except OSError as error:
            raise MeasurementError(
                f"no room for the image of {format_size(device.size)} in {folder.parent}: {error.strerror}",
                hint="Choose a smaller size.",
            ) from None
        shared = SharedModel(state, device.profile.kind, device.numbers)
        try:
            yield image, state, shared
        finally:
            shared.close()
