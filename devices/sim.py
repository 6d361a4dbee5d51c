"""`sim:PROFILE`: a device that exists only as a model, in virtual time; hours of it pass in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..common.errors import MeasurementError
from .base import API_VERSION, DeviceInfo, Facts, Opening, Purged, Target
from .emulated import EmulatedDevice, EmulationParameters, emulated
from .health_model import emulated_health
from .native_library import Model
from .purge_model import purge_model


class SimulatedDevice:
    """A model and its virtual time."""

    def __init__(self, url: str, device: EmulatedDevice) -> None:
        self._url = url
        self._device = device

    def info(self) -> DeviceInfo:
        """Give size and block size."""
        block = self._device.profile.logical_block_size
        return DeviceInfo(self._url, "sim", self._device.size, block, engine="model", blank=True)

    def facts(self) -> Facts:
        """Give profile and parameters."""
        return self._device.facts()

    def check(self, opening: Opening) -> None:  # noqa: ARG002
        """Refuse parameters that contradict one another, and a model that is too large for this machine's memory."""
        self._device.check_memory()

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:  # noqa: ARG002
        """Make the model, fresh out of the box."""
        model = self._device.model()
        try:
            yield Target(
                self._device.size,
                {},
                logical_block_size=self._device.profile.logical_block_size,
                fresh=True,
                model=model,
            )
        finally:
            model.close()

    def purge(self, target: Target) -> Purged:
        """Reset the model: everything is trimmed, wear stays."""
        if not isinstance(target.model, Model):
            raise MeasurementError("the device's model is not open, so it cannot be purged")
        return purge_model(target.model, target.size, target.logical_block_size)

    def health(self, target: Target) -> Facts:
        """Give what the model has counted."""
        return emulated_health(target.model)


class SimKind:
    """Profiles by name or path."""

    scheme = "sim"
    summary = "a device model in virtual time: nothing is waited for, and neither fio nor hardware is needed"
    example = "sim:pcm-onyx?size=1GiB&link_rtt=200us"
    api_version = API_VERSION
    parameters = EmulationParameters

    def resolve(self, url: str, address: str, parameters: EmulationParameters) -> SimulatedDevice:
        """Build the device of a profile."""
        return SimulatedDevice(url, emulated(address, parameters, self.scheme))


KIND = SimKind()
