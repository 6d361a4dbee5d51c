"""`sim:PROFILE`: a device that exists only as a model, in virtual time; hours of it pass in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import psutil

from ..common.errors import InputError
from ..common.units import Duration, Size, format_size
from .base import API_VERSION, DeviceInfo, Facts, Opening, Target
from .native_library import Model, fields_of
from .profile import Profile, find_profile, numbers_of


class EmulationParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What an emulated device can be given besides its profile."""

    size: Size | None = None
    """Bytes; all that the profile says in proportion to its capacity is scaled with it."""
    link_rtt: Duration | None = None
    """Round-trip time of a link in front of it."""
    link_bandwidth: Size | None = None
    """Bytes per second of that link in each direction."""
    link_jitter: Duration | None = None
    """Mean of the exponentially distributed time that a round trip takes longer."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 1
    """Of the jitter."""


class EmulatedDevice(msgspec.Struct, frozen=True):
    """A profile at a size, behind a link: what every front end of the models needs to know."""

    profile: Profile
    size: int
    numbers: dict[str, float]
    """The model's parameters, in ns, B, B/s, J."""

    def facts(self) -> Facts:
        """Give profile and parameters."""
        unverified = sum(value.unverified for value in self.profile.parameters.values())
        return {
            "profile": self.profile.name,
            "profile_kind": self.profile.kind,
            "profile_file": self.profile.path.name,
            "profile_unverified_values": unverified,
            **{f"parameter_{name}": value for name, value in sorted(self.numbers.items())},
        }


def emulated(address: str, given: EmulationParameters, scheme: str) -> EmulatedDevice:
    """Find the profile and put the parameters together. Raises `InputError` for what does not fit."""
    if not address:
        raise InputError(
            f"'{scheme}:' needs a profile", hint=f"Like {scheme}:pcm-onyx; `storbench list profiles` names them."
        )
    profile = find_profile(address)
    size = given.size or profile.size
    if size % profile.logical_block_size:
        raise InputError(f"the size is not a multiple of the logical block, {profile.logical_block_size} B")
    numbers = {**numbers_of(profile, fields_of(profile.kind)), "capacity": float(size), "link_seed": float(given.seed)}
    for name, value, factor in (
        ("link_rtt", given.link_rtt, 1e9),
        ("link_bandwidth", given.link_bandwidth, 1.0),
        ("link_jitter", given.link_jitter, 1e9),
    ):
        if value is not None:
            numbers[name] = value * factor
    return EmulatedDevice(profile, size, numbers)


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
        needed = Model.bytes_needed(self._device.profile.kind, self._device.numbers)
        available = psutil.virtual_memory().available
        if needed > available:
            raise InputError(
                f"the model of {format_size(self._device.size)} needs {format_size(needed)} of memory, "
                f"{format_size(available)} are available",
                hint="Choose a smaller size.",
            )

    @contextmanager
    def open(self, opening: Opening) -> Iterator[Target]:  # noqa: ARG002
        """Make the model, fresh out of the box."""
        model = Model(self._device.profile.kind, self._device.numbers)
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
