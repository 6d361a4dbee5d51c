"""From fio's options to a typed job: what has a field becomes one, what only shapes the I/O is passed on by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..common.errors import InputError
from ..common.units import format_size
from .fio_options import MAPPED, check_passed, option_table
from .fio_units import (
    parse_fio_count,
    parse_fio_flag,
    parse_fio_percent,
    parse_fio_size,
    parse_fio_time,
    reads_kib_as_1000,
)
from .job import Job, SizeShare

_VERBS = {
    "read": ("sequential", 1.0),
    "write": ("sequential", 0.0),
    "rw": ("sequential", None),
    "readwrite": ("sequential", None),
    "randread": ("random", 1.0),
    "randwrite": ("random", 0.0),
    "randrw": ("random", None),
}
_MOST = 65536
"""More clients than this are a slip of the keyboard."""
_VERIFY = {"crc32c": "crc32c", "crc32c-intel": "crc32c", "crc64": "crc64", "md5": "md5", "sha256": "sha256"}
_VERIFY |= {"xxhash": "xxhash", "0": "none", "none": "none"}
_DISTRIBUTION_DEFAULTS = {"zipf": "zipf:1.1", "pareto": "pareto:0.2", "random": "uniform", "random64": "uniform"}


class Draft:
    """A job in the making: fields found, options to pass on, and the options it is made of."""

    def __init__(self, options: Mapping[str, str], device_size: int | None) -> None:
        self.options = options
        self.device_size = device_size
        self.kb_base = 1024
        self.fields: dict[str, Any] = {"pattern": "sequential", "read_fraction": 1.0}
        self.passed: dict[str, str] = {}
        self.increment = 0

    def size(self, name: str) -> int | None:
        """Give a size in bytes, None where it is not set or fio takes it for not set."""
        text = self.options.get(name, "0")
        percent = parse_fio_percent(text)
        if percent is None:
            return parse_fio_size(text, self.kb_base) or None
        if self.device_size is None:
            return None
        largest = max(_block_sizes(self.fields))
        return max(self.device_size * percent // 100 // largest, 1) * largest

    def count(self, name: str, default: int) -> int:
        """Give a whole number."""
        return parse_fio_count(self.options[name], self.kb_base) if name in self.options else default

    def flag(self, name: str) -> bool:
        """Say whether an option is set."""
        return name in self.options and parse_fio_flag(self.options[name])


def _block_sizes(fields: Mapping[str, Any]) -> list[int]:
    return [share.size for share in fields.get("block_size_mix", ())] or [fields.get("block_size", 4096)]


def _units(draft: Draft) -> None:
    if "kb_base" in draft.options:
        if draft.options["kb_base"] not in ("1000", "1024"):
            raise InputError(f"kb_base={draft.options['kb_base']} is neither 1000 nor 1024")
        draft.kb_base = int(draft.options["kb_base"])


def _direction(draft: Draft) -> None:
    verb = draft.options.get("rw", "read")
    if "trim" in verb:
        raise InputError(f"rw={verb} is refused: it discards data", hint="Jobs read and write.")
    if verb not in _VERBS:
        raise InputError(f"rw={verb} is not supported", hint=f"Known: {', '.join(_VERBS)}.")
    pattern, share = _VERBS[verb]
    percent = 50
    for name in draft.options:  # the later one counts
        if name in ("rwmixread", "rwmixwrite"):
            value = parse_fio_count(draft.options[name].removesuffix("%"))
            if value > 100:
                raise InputError(f"{name}={value} is more than 100")
            percent = value if name == "rwmixread" else 100 - value
    draft.fields |= {"pattern": pattern, "read_fraction": percent / 100 if share is None else share}


def _by_direction(draft: Draft, name: str, text: str, default: str) -> str:
    """Choose, of `reads,writes,trims`, what the job's directions use. Raises where reads and writes differ."""
    parts = [part.strip() for part in text.split(",")]
    read = parts[0] or default
    # A lone value holds for all; a value followed by a comma for reads only.
    write = read if len(parts) == 1 else parts[1] or default
    fraction = draft.fields["read_fraction"]
    if fraction == 1:
        return read
    if fraction > 0 and read != write:
        raise InputError(
            f"{name}={text} differs for reads and writes", hint="Use two sections, one that reads and one that writes."
        )
    return write


def _blocks(draft: Draft) -> None:
    if "bs" in draft.options:
        size = parse_fio_size(_by_direction(draft, "bs", draft.options["bs"], "4096"), draft.kb_base)
        if not size:
            raise InputError("bs=0 is not a block size")
        draft.fields["block_size"] = size
    if "bssplit" in draft.options:
        text = _by_direction(draft, "bssplit", draft.options["bssplit"], "4096")
        draft.fields["block_size_mix"] = _mix(text, draft.kb_base)


def _mix(text: str, kb_base: int) -> tuple[SizeShare, ...]:
    pairs = [part.partition("/") for part in text.split(":")]
    sizes = [parse_fio_size(size, kb_base) for size, _, _ in pairs]
    given = [parse_fio_count(share.removesuffix("%")) if share.strip() else None for _, _, share in pairs]
    total = sum(share for share in given if share is not None)
    missing = given.count(None)
    if not all(sizes) or total > 100 or (not missing and total != 100):
        raise InputError(f"bssplit={text} does not add up to 100%")
    # In whole percents, as fio counts; what does not divide goes to the first ones.
    each, extra = divmod(100 - total, missing) if missing else (0, 0)
    rest = iter([each + 1] * extra + [each] * (missing - extra))
    return tuple(
        SizeShare(size, float(next(rest) if share is None else share)) for size, share in zip(sizes, given, strict=True)
    )


def _concurrency(draft: Draft) -> None:
    for option, field in (("iodepth", "queue_depth"), ("numjobs", "jobs")):
        draft.fields[field] = draft.count(option, 1)
        if not 1 <= draft.fields[field] <= _MOST:
            raise InputError(f"{option}={draft.fields[field]} is not between 1 and {_MOST}")


def _extent(draft: Draft) -> None:
    offset, span = draft.size("offset") or 0, draft.size("size")
    draft.increment = draft.size("offset_increment") or 0
    whole = draft.device_size
    if whole is not None and span is not None:
        if span > whole and parse_fio_percent(draft.options["size"]) is None:
            raise InputError(
                f"size={draft.options['size']} is {format_size(span)}, the device has {format_size(whole)}",
                hint="Write size=100%, or measure a larger device.",
            )
        if parse_fio_percent(draft.options["size"]) is not None:
            # A share of the device from an offset on ends where the device ends, as in fio.
            span = min(span, whole - offset)
    draft.fields |= {"offset": offset, "span": span, "bytes": draft.size("io_size")}


def _time(draft: Draft) -> None:
    runtime = parse_fio_time(draft.options.get("runtime", "0"))
    draft.fields["ramp"] = parse_fio_time(draft.options.get("ramp_time", "0"))
    if draft.flag("time_based"):
        if not runtime:
            raise InputError("time_based needs a runtime")
        draft.fields["duration"] = runtime
        # fio goes on past io_size until the time is over.
        draft.fields["bytes"] = None
    elif runtime:
        # One pass, but no longer than this; a job has no field for that.
        draft.passed["runtime"] = f"{round(runtime * 1e6)}us"


def _pace(draft: Draft) -> None:
    process = draft.options.get("rate_process", "linear")
    if process not in ("linear", "poisson"):
        raise InputError(f"rate_process={process} is not supported", hint="Known: linear, poisson.")
    if "rate_iops" not in draft.options:
        if process == "poisson":
            draft.passed["rate_process"] = process
        return
    parts = [parse_fio_count(part or "0", draft.kb_base) for part in draft.options["rate_iops"].split(",")]
    read = parts[0]
    write = read if len(parts) == 1 else parts[1]
    percent = round(draft.fields["read_fraction"] * 100)
    total = {100: read, 0: write}.get(percent, read + write)
    if total and (
        percent in (0, 100) or (read, write) == (round(total * percent / 100), round(total * (100 - percent) / 100))
    ):
        draft.fields["rate_iops"] = float(total * draft.fields.get("jobs", 1))
        draft.fields["arrival"] = "poisson" if process == "poisson" else "closed"
    elif total:
        # fio limits each direction by itself, and these limits are not in the proportion of the mix.
        draft.passed |= {"rate_iops": f"{read},{write}", "rate_process": process}


def _durability(draft: Draft) -> None:
    fsync, fdatasync = draft.count("fsync", 0), draft.count("fdatasync", 0)
    if fsync:
        draft.fields["fsync_every"] = fsync
        if fdatasync:
            draft.passed["fdatasync"] = str(fdatasync)
    elif fdatasync:
        draft.fields |= {"fsync_every": fdatasync, "sync_kind": "fdatasync"}


def _addresses(draft: Draft) -> None:
    text = draft.options.get("random_distribution", "random")
    known = _DISTRIBUTION_DEFAULTS.get(text, text)
    if draft.fields["pattern"] == "random":
        draft.fields["distribution"] = known
        if known == "uniform" and not draft.flag("norandommap"):
            # Each block once a pass is what fio does unless told otherwise.
            draft.passed["norandommap"] = "0"


def _content(draft: Draft) -> None:
    if draft.flag("zero_buffers"):
        draft.fields["data"] = "zeroes"
    for option, field in (("buffer_compress_percentage", "compressible"), ("dedupe_percentage", "duplicate")):
        value = parse_fio_count(draft.options.get(option, "0").removesuffix("%"))
        if value > 100:
            raise InputError(f"{option}={value} is more than 100")
        draft.fields[field] = float(value)


def _verification(draft: Draft) -> None:
    name = draft.options.get("verify", "0")
    if name not in _VERIFY:
        raise InputError(f"verify={name} is not supported", hint=f"Known: {', '.join(_VERIFY)}.")
    draft.fields["verify"] = _VERIFY[name]


def _errors(draft: Draft) -> None:
    text = draft.options.get("continue_on_error", "none")
    if text not in ("none", "0", "io", "read", "write", "verify", "all", "1"):
        raise InputError(f"continue_on_error={text} is not supported")
    draft.fields["continue_on_error"] = text not in ("none", "0")
    if text not in ("none", "0", "io"):
        draft.passed["continue_on_error"] = text


def _seed(draft: Draft) -> None:
    if "randseed" in draft.options:
        draft.fields["seed"] = parse_fio_size(draft.options["randseed"])


TRANSLATIONS: tuple[tuple[Callable[[Draft], None], tuple[str, ...]], ...] = (
    (_units, ("kb_base",)),
    (_direction, ("rw", "rwmixread", "rwmixwrite")),
    (_blocks, ("bs", "bssplit")),
    (_concurrency, ("iodepth", "numjobs")),
    (_extent, ("size", "io_size", "offset", "offset_increment")),
    (_time, ("runtime", "time_based", "ramp_time")),
    (_pace, ("rate_iops", "rate_process")),
    (_durability, ("fsync", "fdatasync")),
    (_addresses, ("random_distribution", "norandommap")),
    (_content, ("zero_buffers", "buffer_compress_percentage", "dedupe_percentage")),
    (_verification, ("verify",)),
    (_errors, ("continue_on_error",)),
    (_seed, ("randseed",)),
)
"""What reads which options, in an order in which each finds what it needs of the ones before."""


def jobs_of_section(options: Mapping[str, str], device_size: int | None) -> tuple[Job, ...]:
    """Translate the checked options of one section, by fio's own names; several jobs where each has its own offset.

    Percentages of the device need `device_size`; with None they are only checked. Raises `InputError`.
    """
    draft = Draft(options, device_size)
    for step, _ in TRANSLATIONS:
        step(draft)
    for name, value in options.items():
        if name in option_table().passed and name not in MAPPED:
            check_passed(name, value)
            draft.passed.setdefault(name, value or "1")
    job = Job(**draft.fields, fio_options=draft.passed)
    return clones(job, draft.increment) if draft.increment and job.jobs > 1 else (job,)


def clones(job: Job, increment: int) -> tuple[Job, ...]:
    """Split a job of several clients into jobs of one, each `increment` bytes after the one before."""
    rate = job.rate_iops and job.rate_iops / job.jobs
    return tuple(
        msgspec.structs.replace(job, jobs=1, offset=job.offset + number * increment, rate_iops=rate)
        for number in range(job.jobs)
    )


def kib_notes(options: Mapping[str, str]) -> list[str]:
    """Name the options whose IEC suffix fio reads against the standard."""
    base = 1000 if options.get("kb_base") == "1000" else 1024
    return [f"{name}={value}" for name, value in options.items() if reads_kib_as_1000(value, base)]
