"""A job: one load, typed, with units. The engine decides how it is carried out; a job does not know fio or a device."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec

from ..common.errors import InputError
from ..common.units import Count, Duration, Fraction, Percent, Rate, Size, format_size

Pattern = Literal["random", "sequential"]
Arrival = Literal["closed", "uniform", "poisson"]
Verify = Literal["none", "crc32c", "crc64", "md5", "sha256", "xxhash"]

_DISTRIBUTION = re.compile(r"uniform|(zipf|pareto|normal):\d+(\.\d+)?|zoned(_abs)?:[\w./:]+", re.ASCII)


class SizeShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One block size of a mix and its share of the I/Os."""

    size: Size
    percent: Percent


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False):
    """One load on one target.

    It ends by `duration` (seconds) or after `bytes`; with both, `duration` decides; with neither, after one pass over
    its span. Sizes are in bytes, times in seconds, rates in I/Os per second for all jobs together.
    """

    pattern: Pattern = "random"
    block_size: Size = 4096
    block_size_mix: tuple[SizeShare, ...] = ()
    """Replaces `block_size`; the shares add up to 100."""
    read_fraction: Fraction = 1.0
    """Share of reads, in whole percents: 1 is reads only, 0 is writes only."""
    queue_depth: Count = 1
    """I/Os in flight per job."""
    jobs: Count = 1
    """Concurrent clients, each with a stream of its own."""
    rate_iops: Rate | None = None
    """Limit or, with `arrival`, offered load."""
    arrival: Arrival = "closed"
    """`closed`: the next I/O waits for one to complete. `uniform` and `poisson`: arrivals at `rate_iops`."""
    ramp: Annotated[float, msgspec.Meta(ge=0, extra={"unit": "s"})] = 0.0
    """Load before the measurement begins."""
    duration: Duration | None = None
    bytes: Size | None = None
    """Bytes to transfer per job."""
    offset: Annotated[int, msgspec.Meta(ge=0, extra={"unit": "B"})] = 0
    span: Size | None = None
    """The region in use, from `offset`; none means up to the end of the target."""
    fsync_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Sync after this many writes, 0 for never."""
    sync_kind: Literal["fsync", "fdatasync"] = "fsync"
    distribution: str = "uniform"
    """Where random I/Os go: uniform, zipf:THETA, pareto:H, normal:DEVIATION, zoned:SHARE/SIZE:… (fio's notation)."""
    data: Literal["random", "zeroes"] = "random"
    """Content of the writes."""
    compressible: Percent = 0.0
    """How much of the written data can be compressed away."""
    duplicate: Percent = 0.0
    """How many of the written blocks repeat another one."""
    trim: bool = False
    """Discard blocks instead of writing them; needs read_fraction 0."""
    sequential_percent: Percent = 0.0
    """Of a random pattern, the share of the I/Os that follow the one before; in whole percents."""
    think_time: Annotated[float, msgspec.Meta(ge=0, extra={"unit": "s"})] = 0.0
    """Pause this long, each client by itself, after every `think_every` I/Os, once those in flight are done."""
    think_every: Annotated[int, msgspec.Meta(ge=0)] = 0
    """I/Os from one pause to the next, 0 for no pauses."""
    verify: Verify = "none"
    """Read back and check what was written, after the writes; needs writes only, by bytes."""
    continue_on_error: bool = False
    """Count failed I/Os and go on, where the default ends the step with an error."""
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    fio_options: dict[str, str] = {}
    """Further I/O options of fio by name, from an ordinary fio job file. Only the fio engine takes them."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if abs(self.read_fraction * 100 - round(self.read_fraction * 100)) > 1e-6:
            raise InputError(f"read_fraction {self.read_fraction:g} is not a whole percent", hint="Use steps of 0.01.")
        check_distribution(self.distribution)
        if self.distribution != "uniform" and self.pattern == "sequential":
            raise InputError("a sequential job has no address distribution", hint="Leave distribution at uniform.")
        if self.arrival != "closed" and self.rate_iops is None:
            raise InputError(f"arrival '{self.arrival}' needs rate_iops")
        if any(share.percent != round(share.percent) for share in self.block_size_mix):
            raise InputError("the shares of block_size_mix must be whole percents")
        if self.block_size_mix and sum(share.percent for share in self.block_size_mix) != 100:
            raise InputError("the shares of block_size_mix do not add up to 100")
        if self.verify != "none" and (self.read_fraction or self.duration is not None):
            raise InputError("verify needs read_fraction 0 and no duration", hint="Set bytes, or write one pass.")
        if self.trim and (self.read_fraction or self.verify != "none" or self.fsync_every):
            raise InputError("a job that trims neither reads, verifies nor syncs", hint="Use a second job beside it.")
        if self.sequential_percent and (self.pattern == "sequential" or self.sequential_percent % 1):
            raise InputError("sequential_percent is a whole percent of a random pattern")
        if bool(self.think_time) != bool(self.think_every):
            raise InputError("think_time and think_every need one another")

    @property
    def writes(self) -> bool:
        """Whether it changes the target: writes or trims."""
        return self.read_fraction < 1

    @property
    def pause(self) -> float:
        """Seconds that a pause lasts: never longer than the job itself, after whose end a client sleeps on."""
        return self.think_time if self.duration is None else min(self.think_time, self.ramp + self.duration)

    @property
    def block_sizes(self) -> tuple[int, ...]:
        """Every block size in use, in bytes."""
        return tuple(s.size for s in self.block_size_mix) or (self.block_size,)

    def span_on(self, size: int) -> int:
        """Give the bytes of a target of `size` bytes that the job uses."""
        return self.span if self.span is not None else size - self.offset

    def check_against(self, size: int, logical_block_size: int) -> None:
        """Refuse a job that does not fit a target of `size` bytes. Raises `InputError`."""
        if self.offset >= size:
            raise InputError(f"offset {format_size(self.offset)} is beyond the target's {format_size(size)}")
        for block in self.block_sizes:
            if block > self.span_on(size):
                raise InputError(
                    f"block size {format_size(block)} is larger than the target's {format_size(self.span_on(size))}",
                    hint="Choose a smaller block_size or a larger target.",
                )
            if block % logical_block_size:
                raise InputError(
                    f"block size {format_size(block)} is not a multiple of the target's logical block, "
                    f"{format_size(logical_block_size)}"
                )
        if self.offset + self.span_on(size) > size:
            raise InputError(
                f"offset and span reach {format_size(self.offset + self.span_on(size))}, "
                f"the target has {format_size(size)}"
            )


def check_distribution(text: str) -> None:
    """Refuse a distribution that is unknown or out of its range. Raises `InputError`."""
    kind, _, value = text.partition(":")
    if not _DISTRIBUTION.fullmatch(text):
        raise InputError(
            f"distribution '{text}' is not known",
            hint="Use uniform, zipf:1.2, pareto:0.9, normal:20 or zoned:50/5:30/15:20/80.",
        )
    wrong = ""
    match kind:
        case "zipf" if float(value) == 1:
            wrong = "theta must not be 1"
        case "pareto" if not 0 < float(value) < 1:
            wrong = "the input must be between 0 and 1"
        case "normal" if float(value) >= 100:
            wrong = "the deviation must be below 100 %"
        case "zoned":
            wrong = _wrong_zones(value)
    if wrong:
        raise InputError(f"distribution '{text}': {wrong}")


def _wrong_zones(text: str) -> str:
    """Say what is wrong with `SHARE/SIZE:…`, both in percent; an empty size takes an equal part of the rest."""
    zones = [zone.split("/") for zone in text.split(":")]
    if not all(len(zone) <= 2 and all(part.isdecimal() or not part for part in zone) for zone in zones):
        return "write each zone as SHARE/SIZE, in whole percents"
    if sum(int(zone[0] or 0) for zone in zones) != 100:
        return "the shares of the accesses do not add up to 100"
    sizes = sum(int(zone[1] or 0) for zone in zones if len(zone) == 2)
    return "the sizes of the zones add up to more than 100" if sizes > 100 else ""


def default_label(job: Job) -> str:
    """Say a job in one short line: `randrw 70% 4KiB qd16 x2`."""
    kind = "rand" if job.pattern == "random" else "seq "
    percent = round(job.read_fraction * 100)
    mix = {100: "read", 0: "trim" if job.trim else "write"}.get(percent, f"rw {percent}%")
    size = "mix" if job.block_size_mix else format_size(job.block_size)
    text = f"{kind}{mix} {size} qd{job.queue_depth}"
    return f"{text} x{job.jobs}" if job.jobs > 1 else text
