"""From typed jobs to a fio job file. Pure: values in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ....common.errors import InputError
from ....devices.base import Target
from ....workloads.fio_options import check_all_passed
from ....workloads.job import Job

IO_LOG_PREFIX = "io"
IO_LOG_COLUMNS = ("time", "value", "ddir", "bs", "offset", "prio")
"""The columns that the options of `_io_log_options` make fio 3.33 and later write."""

_VERBS = {
    ("random", 100): "randread",
    ("random", 0): "randwrite",
    ("sequential", 100): "read",
    ("sequential", 0): "write",
}


_TOGETHER = {"thread": "1"}
"""Clients as threads. As processes each would begin a session of its own, and outlive an fio that is killed."""


def render_job_file(jobs: Sequence[Job], target: Target, *, io_log: bool = False, unix_time: bool = False) -> str:
    """Give the text of a fio job file that puts `jobs`, all at the same time, on `target`.

    With `unix_time` the log of single I/Os counts its milliseconds from 1970 and not from the load's start.
    Raises `InputError` for an option that is not on the list of those that only shape the I/O, and for a value that fio
    would read as something else.
    """
    sections = [
        _section("global", {**_TOGETHER, **target.options, **(_io_log_options(unix_time=unix_time) if io_log else {})})
    ]
    sections += [_section(f"job{number}", options_of(job, target)) for number, job in enumerate(jobs)]
    return "\n".join(sections)


def options_of(job: Job, target: Target) -> dict[str, str]:
    """Give one job as fio options: values in bytes, microseconds and percents.

    `filesize` is never among them: fio would make the target that size. Raises `InputError` as `render_job_file` does.
    """
    check_all_passed(job.fio_options)
    return {
        **_shape(job),
        **_extent(job, target),
        **_pace(job),
        **_durability(job, target),
        **_content(job),
        "randseed": str(_seed(job.seed)),
        # With fio's default the addresses come from a constant, and the seed only chooses between read and write.
        "randrepeat": "0",
        **job.fio_options,
    }


def _seed(seed: int) -> int:
    """Give a seed under which every client has a stream of its own.

    fio multiplies it by the client's number and uses 32 bits for some distributions, so 0 would make all alike.
    """
    most = 2**31 - 1
    return seed if 0 < seed <= most else seed % most + 1


_MISREAD = re.compile(r"[;#$\x00-\x1f\x7f]|^\s|\s$")
"""What fio does not take as it stands: a comment begins at `;` and `#`, variables at `$`, and ends are stripped."""


def _section(name: str, options: Mapping[str, str]) -> str:
    for key, value in options.items():
        found = _MISREAD.search(value)
        if found:
            raise InputError(
                f"fio cannot be given {key}={value!r}: it would misread the {found[0]!r}",
                hint="Rename the target, or reach it by a link with a plain name.",
            )
    return "".join([f"[{name}]\n", *(f"{key}={value}\n" for key, value in options.items())])


def _shape(job: Job) -> dict[str, str]:
    percent = round(job.read_fraction * 100)
    mixed = "randrw" if job.pattern == "random" else "rw"
    options = {"rw": _VERBS.get((job.pattern, percent), mixed)}
    if job.trim:
        options["rw"] = "randtrim" if job.pattern == "random" else "trim"
    if job.sequential_percent:
        options["percentage_random"] = f"{100 - job.sequential_percent:g}"
    if 0 < percent < 100:
        options["rwmixread"] = str(percent)
    if job.block_size_mix:
        options["bssplit"] = ":".join(f"{s.size}/{s.percent:g}" for s in job.block_size_mix)
    else:
        options["bs"] = str(job.block_size)
    options |= {"iodepth": str(job.queue_depth), "numjobs": str(job.jobs)}
    if job.pattern == "random":
        # tausworthe64 reaches every block of a target of any size; the random map would make each block come
        # exactly once a pass, which is not random and cannot be sustained.
        options["random_generator"] = "tausworthe64"
        if job.verify == "none":
            options["norandommap"] = "1"
        if job.distribution != "uniform":
            options["random_distribution"] = job.distribution
    return options


def _extent(job: Job, target: Target) -> dict[str, str]:
    options = {"offset": str(job.offset)} if job.offset else {}
    options["size"] = str(job.span_on(target.size))
    if job.bytes is not None:
        options["io_size"] = str(job.bytes)
    if job.duration is not None:
        options |= {"time_based": "1", "runtime": _microseconds(job.duration)}
    if job.ramp:
        options["ramp_time"] = _microseconds(job.ramp)
    return options


def _pace(job: Job) -> dict[str, str]:
    options: dict[str, str] = {}
    if job.think_every:
        options |= {"thinktime": _microseconds(job.pause), "thinktime_blocks": str(job.think_every)}
    if job.rate_iops is None:
        return options
    per_job = max(1, round(job.rate_iops / job.jobs))
    percent = round(job.read_fraction * 100)
    if percent in (0, 100):
        rate = str(per_job)
    else:
        # fio limits each direction by itself.
        rate = f"{max(1, round(per_job * percent / 100))},{max(1, round(per_job * (100 - percent) / 100))}"
    options["rate_iops"] = rate
    if job.arrival == "poisson":
        options["rate_process"] = "poisson"
    return options


def _durability(job: Job, target: Target) -> dict[str, str]:
    if not (job.fsync_every and job.writes):
        return {}
    # NBD has one kind of flush, and fio's engine for it refuses fdatasync.
    kind = "fsync" if target.options.get("ioengine") == "nbd" else job.sync_kind
    return {kind: str(job.fsync_every)}


def _content(job: Job) -> dict[str, str]:
    options: dict[str, str] = {}
    if job.writes and not job.trim:
        if job.data == "zeroes":
            options["zero_buffers"] = "1"
        elif job.compressible or job.duplicate:
            options["refill_buffers"] = "1"
        if job.compressible:
            options["buffer_compress_percentage"] = f"{job.compressible:g}"
        if job.duplicate:
            options["dedupe_percentage"] = f"{job.duplicate:g}"
    if job.verify != "none":
        # Without the last one fio leaves a file of its own when it stops early.
        options |= {"verify": job.verify, "do_verify": "1", "verify_fatal": "1", "verify_state_save": "0"}
    if job.continue_on_error:
        options["continue_on_error"] = "io"
    return options


def _io_log_options(*, unix_time: bool) -> dict[str, str]:
    return {
        **({"log_unix_epoch": "1"} if unix_time else {}),
        "write_lat_log": IO_LOG_PREFIX,
        "log_offset": "1",
        "log_prio": "1",
        # Only the completion log is read; the other two would double the text.
        "disable_slat": "1",
        "disable_lat": "1",
    }


def _microseconds(seconds: float) -> str:
    return f"{round(seconds * 1e6)}us"


def io_log_names(jobs: Iterable[Job]) -> tuple[str, ...]:
    """Give the names of the completion latency logs that fio writes, one per client."""
    return tuple(f"{IO_LOG_PREFIX}_clat.{number}.log" for number in range(1, sum(job.jobs for job in jobs) + 1))
