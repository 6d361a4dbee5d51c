"""A suite as data: steps in order, each with its loads as FioSynth's suite and job files have them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

_FOLDER = Path(__file__).parent


class Load(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One load of a step, for one terabyte, with the units of its source."""

    name: str
    operation: Literal["read", "write", "trim"]
    block_size: str = "4KiB"
    block_size_mix: tuple[tuple[str, int], ...] = ()
    random_percent: int = 100
    queue_depth: int = 1
    depth_scales: bool = False
    """The depth, and the I/Os between pauses that equal it, are for each terabyte."""
    clients: int = 1
    rate: str = ""
    """Bandwidth of each client: `69MiB/s`."""
    rate_iops: int = 0
    think: str = ""
    think_every: int = 0
    fixed: bool = False
    """Rate and pauses are the same for a device of any size."""
    span_percent: int = 100
    offset: str = ""
    """For each terabyte of the device."""
    offset_step_percent: int = 0
    """Of the device: how far each client begins after the one before."""


class SuiteStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step: by time, or by passes over the device."""

    kind: Literal["precondition", "measure"]
    label: str
    loads: tuple[Load, ...]
    time: str = ""
    ramp: str = ""
    passes: int = 0
    slope_percent: float = 0.0
    """Repeated until the bandwidth of the writes changes by less than this share of its mean in a second."""
    most_passes: int = 0
    """But not once so many passes over the loads' spans are written."""


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data file."""

    name: str
    title: str
    revision: str
    cycles: int
    scale_by_capacity: bool
    step: tuple[SuiteStep, ...]


@cache
def suite_files() -> tuple[Suite, ...]:
    """Read the suites that come with storbench."""
    return tuple(msgspec.toml.decode(path.read_bytes(), type=Suite) for path in sorted(_FOLDER.glob("*.toml")))
