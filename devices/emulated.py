"""An emulated device: a profile at a size, behind a link; what every front end of the models needs to know."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import psutil

from ..common.errors import InputError
from ..common.units import Duration, Size, format_size
from .base import Facts
from .defects import defect_numbers, usable_size
from .native_library import FLUSH, READ, WRITE, Model, fields_of
from .profile import Profile, find_profile, numbers_of
from .write_cache import Setting, State, write_cache

Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


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
    write_cache: Setting | None = None
    """Whether writes are acknowledged from a buffer that a power cut empties; as delivered it is on."""
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 1
    """Of the jitter and of what goes wrong."""
    defect_gc_stall: Duration | None = None
    """By which some erases for garbage collection stall their die."""
    defect_gc_stall_share: Share | None = None
    """Share of the erases that stall; 0.01 unless given."""
    defect_throughput: Annotated[float, msgspec.Meta(ge=0.01, lt=1)] | None = None
    """Share of its throughput that the device gives; latencies at depth 1 stay."""
    defect_throttle_after: Duration | None = None
    """Time under load after which the device slows itself down."""
    defect_throttle_factor: Annotated[float, msgspec.Meta(ge=0.001, lt=1)] | None = None
    """Its speed while it does; 0.5 unless given."""
    defect_write_cache: Literal["lying"] | None = None
    """It says that its write cache is off, acknowledges from it all the same, and ignores flushes."""
    defect_capacity: Annotated[float, msgspec.Meta(ge=0.01, lt=1)] | None = None
    """Share of the capacity that it advertises which can be used."""


class EmulatedDevice(msgspec.Struct, frozen=True):
    """A profile at a size, behind a link: what every front end of the models needs to know."""

    profile: Profile
    size: int
    numbers: dict[str, float]
    """The model's parameters, in ns, B, B/s, J."""
    advertised: int
    """Bytes that it says it has; `size` is what it has."""
    write_cache: State
    """What it says of its write cache."""

    def facts(self) -> Facts:
        """Give profile and parameters."""
        unverified = sum(value.unverified for value in self.profile.parameters.values())
        return {
            "profile": self.profile.name,
            "profile_kind": self.profile.kind,
            "profile_file": self.profile.path.name,
            "profile_unverified_values": unverified,
            "advertised_capacity": self.advertised,
            "write_cache": self.write_cache,
            **{f"parameter_{name}": value for name, value in sorted(self.numbers.items())},
        }

    def model(self) -> Model:
        """Make the model in memory, fresh out of the box. Raises as `Model` does."""
        return Model(self.profile.kind, self.numbers)

    def fastest_ns(self, block_size: int) -> int:
        """Give the shortest time that the model takes for one block at depth 1, read or written."""
        model = self.model()
        try:
            later = 10**12
            write = model.submit(WRITE, 0, block_size, 0)
            model.submit(FLUSH, 0, 0, later)
            read = model.submit(READ, 0, block_size, 2 * later) - 2 * later
            return min(write, read)
        finally:
            model.close()

    def check_memory(self, beside: int = 0) -> None:
        """Refuse parameters that contradict one another, and a model that with `beside` bytes more is too large."""
        needed = Model.bytes_needed(self.profile.kind, self.numbers) + beside
        available = psutil.virtual_memory().available
        if needed > available:
            raise InputError(
                f"emulating {format_size(self.size)} needs {format_size(needed)} of memory, "
                f"{format_size(available)} are available",
                hint="Choose a smaller size.",
            )


def emulated(address: str, given: EmulationParameters, scheme: str) -> EmulatedDevice:
    """Find the profile and put the parameters together. Raises `InputError` for what does not fit."""
    if not address:
        start = scheme if scheme.endswith("-") else f"{scheme}:"
        raise InputError(
            f"'{start}' needs a profile", hint=f"Like {start}pcm-onyx; `storbench list profiles` names them."
        )
    profile = find_profile(address)
    size = given.size or profile.size
    if size % profile.logical_block_size:
        raise InputError(f"the size is not a multiple of the logical block, {profile.logical_block_size} B")
    fields = fields_of(profile.kind)
    numbers = {**numbers_of(profile, fields), "link_seed": float(given.seed)}
    # 500GB are no whole number of pages; a drive ends with a whole one.
    size -= size % int(numbers.get("page_size", 1))
    usable = usable_size(given, size)
    numbers["capacity"] = float(usable)
    lying = given.defect_write_cache is not None
    cache, cache_numbers = write_cache(given.write_cache, lying=lying, fields=fields, numbers=numbers)
    numbers |= {**cache_numbers, **defect_numbers(given, profile.kind)}
    for name, value, factor in (
        ("link_rtt", given.link_rtt, 1e9),
        ("link_bandwidth", given.link_bandwidth, 1.0),
        ("link_jitter", given.link_jitter, 1e9),
    ):
        if value is not None:
            numbers[name] = value * factor
    return EmulatedDevice(profile, usable, numbers, size, cache)


def memory_folder() -> Path:
    """Give a folder whose files lie in memory; where there is none, that for temporary files."""
    shared = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    return shared if os.access(shared, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())
