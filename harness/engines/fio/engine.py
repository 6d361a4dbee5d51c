"""The fio engine: run fio on a job file, watch it, bring back a measurement or a clear error."""

from __future__ import annotations

import errno
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ....common import processes
from ....common.errors import MeasurementError
from ....common.units import format_duration
from ....devices.base import Target
from ....results.measurement import Measurement
from ....workloads.job import Job
from ..base import Assignment, Execution, Progress, expected_seconds, wait
from ..series import Interval, progress_of
from .io_errors import ErrorReader, errors_in
from .job_file import io_log_names, render_job_file
from .log_lines import check_complete
from .output import (
    DocumentSplitter,
    FioDocument,
    FioJob,
    decode_document,
    errno_name,
    jobs_of_document,
    measurement_of,
)
from .probe import probe
from .series import SeriesBuilder

_JOB_FILE = "job.fio"
_RAW = "fio.json"
_STDERR = "fio.stderr"

_JOBS_PER_SECOND = 32
"""How many jobs one status document a second may hold. Measured: with 256 jobs at full speed a document a second cost
17 % of the IOPS, with 32 nothing that could be seen."""

_LARGEST_ERRNO = 4095
_TICK_S = 0.25
_NO_PROGRESS_S = 60.0
"""For jobs that end by bytes: how long not a single I/O may complete."""


class FioEngine:
    """Runs jobs with the fio that is installed."""

    name = "fio"

    def version(self) -> str:
        """Give fio's version. Raises `MeasurementError` where fio is absent or too old."""
        return probe().version_text

    def idle(self, target: Target, seconds: float, on_progress: Callable[[Progress], None]) -> None:  # noqa: ARG002
        """Let the target rest, in real time."""
        wait(seconds, on_progress)

    def run(self, assignment: Assignment, on_progress: Callable[[Progress], None]) -> Execution:
        """Run the jobs to their end.

        Raises `MeasurementError` with fio's own words where it could not open the target, ran out of space, met an I/O
        error, hung past its time or was killed.
        """
        folder = assignment.folder
        text = render_job_file(
            assignment.jobs, assignment.target, io_log=assignment.io_log, unix_time=assignment.origin is not None
        )
        (folder / _JOB_FILE).write_text(text)
        watch = _Watch(assignment, on_progress)
        process = processes.start(
            _command(assignment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            environment=assignment.target.environment,
        )
        try:
            watch.follow(process)
            status = processes.end(process, patience=assignment.grace_s)
        finally:
            processes.end(process)
            watch.read_last_words(process)
            assert process.stdout
            assert process.stderr
            process.stdout.close()
            process.stderr.close()
        words = watch.splitter.words + _lines(folder / _STDERR)
        (folder / _RAW).write_bytes(watch.last)
        document = _completed(assignment.jobs, watch.last, status, words)
        jobs = jobs_of_document(document)
        measurement = measurement_of(document, jobs, errors_in(words) or None)
        logs = tuple(n for n in io_log_names(assignment.jobs) if (folder / n).exists()) if assignment.io_log else ()
        if logs:
            check_complete([folder / name for name in logs], jobs)
        origin_ms = 0 if assignment.origin is None else round(assignment.origin * 1000)
        measurement = _with_series(measurement, watch.builder)
        return Execution(measurement, _RAW, _JOB_FILE, logs, origin_ms, tuple(watch.errors.errors))


def _command(assignment: Assignment) -> list[str]:
    interval = max(1, -(-sum(job.jobs for job in assignment.jobs) // _JOBS_PER_SECOND))
    command = [
        *assignment.target.command,
        str(probe().path),
        _JOB_FILE,
        "--output-format=json+",
        f"--status-interval={interval}",
        "--eta=never",
    ]
    return [*command, "--readonly"] if assignment.read_only else command


class _Watch:
    """Reads what fio prints while it runs, reports progress and ends a fio that hangs."""

    def __init__(self, assignment: Assignment, on_progress: Callable[[Progress], None]) -> None:
        self.splitter = DocumentSplitter()
        self.errors = ErrorReader(assignment.folder / _STDERR)
        self.builder = SeriesBuilder(ramp=any(job.ramp for job in assignment.jobs))
        self.last = b""
        self._jobs = assignment.jobs
        # A client that pauses looks at the clock again only when its pause is over.
        self._grace_s = assignment.grace_s + max((job.pause for job in assignment.jobs), default=0.0)
        self._on_progress = on_progress
        self._expected = expected_seconds(assignment.jobs)
        self._started = self._moved = time.monotonic()
        self._latest: Interval | None = None
        self._bytes_done = 0

    def follow(self, process: subprocess.Popen[bytes]) -> None:
        """Read until fio closes its output. Raises `MeasurementError` when it hangs."""
        assert process.stdout
        assert process.stderr
        documents = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            for descriptor in (documents, process.stderr.fileno()):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            while documents in selector.get_map():
                for key, _ in selector.select(_TICK_S):
                    data = os.read(key.fd, 1 << 20)
                    if not data:
                        selector.unregister(key.fd)
                    elif key.fd == documents:
                        self._take(self.splitter.feed(data))
                    else:
                        self.errors.feed(data)
                self._report()
                self._check(process)
        self._take(self.splitter.close())

    def read_last_words(self, process: subprocess.Popen[bytes]) -> None:
        """Read what an ended fio has said on its standard error and nobody has read yet."""
        assert process.stderr
        with suppress(BlockingIOError):
            while data := os.read(process.stderr.fileno(), 1 << 20):
                self.errors.feed(data)

    def _take(self, documents: Sequence[bytes]) -> None:
        for content in documents:
            self.last = content
            interval = self.builder.add(decode_document(content))
            if interval is None:
                continue
            self._latest = interval
            if interval.read.ios or interval.write.ios:
                self._moved = time.monotonic()
                self._bytes_done += interval.read.bytes + interval.write.bytes

    def _report(self) -> None:
        elapsed = time.monotonic() - self._started
        self._on_progress(progress_of(elapsed, self._share(elapsed), self._latest))

    def _share(self, elapsed: float) -> float | None:
        if self._expected is not None:
            return min(1.0, elapsed / self._expected)
        wanted = [(job.bytes or job.span or 0) * job.jobs for job in self._jobs]
        return min(1.0, self._bytes_done / sum(wanted)) if all(wanted) else None

    def _check(self, process: subprocess.Popen[bytes]) -> None:
        now = time.monotonic()
        if self._expected is not None and now - self._started > self._expected + self._grace_s:
            over = f"{format_duration(self._grace_s)} past its {format_duration(self._expected)}"
        elif self._expected is None and now - self._moved > max(self._grace_s, _NO_PROGRESS_S):
            over = f"{format_duration(now - self._moved)} without completing a single I/O"
        else:
            return
        processes.end(process)
        raise MeasurementError(
            f"fio hung: still running {over}; it was ended",
            hint="The target does not complete its I/Os. See the kernel log; a slow target needs a longer --grace.",
        )


def _completed(jobs: Sequence[Job], content: bytes, status: int, words: Sequence[str]) -> FioDocument:
    """Give the final document, or raise what went wrong in the clearest words there are."""
    said = _said(words)
    if -status in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        raise MeasurementError(
            f"fio was killed by {signal.Signals(-status).name} from outside{said}",
            hint="Look for the out-of-memory killer or a job scheduler: `dmesg | tail`.",
        )
    if status < 0:
        raise MeasurementError(
            f"fio crashed ({signal.strsignal(-status)}){said}",
            hint="A mapped file that shrinks or cannot be read does that; otherwise it is a fault in this fio.",
        )
    document = decode_document(content) if content else None
    found = jobs_of_document(document) if document else []
    failed = next((job for job in found if job.error), None)
    # fio counts a failed I/O as one, but adds no bytes for it.
    worked = any(part.io_bytes for job in found for part in (job.read, job.write, job.trim))
    tolerated = worked and all(job.continue_on_error for job in jobs)
    if failed is not None and not tolerated:
        raise _failure(failed, said)
    if document is None or (status != 0 and not tolerated):
        raise _refusal(status, said)
    if not worked:
        raise MeasurementError(f"fio ended without a single I/O{said}")
    return document


_UNOPENED = frozenset(
    [
        *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EBUSY, errno.ECONNREFUSED, errno.ENXIO, errno.ENODEV),
        *(errno.EISDIR, errno.ENOTDIR, errno.EROFS, errno.ETXTBSY, errno.ENOMEDIUM),
    ]
)
"""What fails when a target is opened, before any I/O."""


def _failure(job: FioJob, said: str) -> MeasurementError:
    number = job.error
    did_io = job.read.io_bytes or job.write.io_bytes
    if number == errno.ENOSPC:
        return MeasurementError(f"the target ran out of space{said}", hint="Choose a smaller size or free space.")
    if number == errno.EILSEQ:
        return MeasurementError(f"verification failed: the target returned other data than was written{said}")
    if not did_io and number in _UNOPENED:
        return MeasurementError(f"fio could not open the target: {os.strerror(number)}{said}")
    if not did_io and number == errno.EINVAL:
        return MeasurementError(
            f"the target refused the I/O: {os.strerror(number)}{said}",
            hint="The block size may be smaller than the device's, or direct I/O impossible: try direct=false.",
        )
    if number > _LARGEST_ERRNO:
        # fio's nbd engine gives -1 without an errno when its connection is lost; as unsigned it looks huge.
        return MeasurementError(f"the connection to the target was lost{said}", hint="Does its server still run?")
    return MeasurementError(f"an I/O failed with {errno_name(number)} ({os.strerror(number)}){said}")


_REFUSALS = (
    (
        r"engine \S+ not loadable|failed to load engine",
        "this fio lacks the I/O engine",
        "`fio --enghelp` lists what it has.",
    ),
    (
        r"nbd_connect|failed opening|file creation disallowed|No such file|Permission denied|Connection refused",
        "fio could not open the target",
        "Does it exist, is it reachable, and may this user open it?",
    ),
    (r"No space left on device", "the target ran out of space", "Choose a smaller size or free space."),
)
"""Before the first I/O fio says what is wrong in words only: what they contain, what that means, what to do."""


def _refusal(status: int, said: str) -> MeasurementError:
    for pattern, meaning, hint in _REFUSALS:
        if re.search(pattern, said):
            return MeasurementError(f"{meaning}{said}", hint=hint)
    return MeasurementError(f"fio could not run the job (exit status {status}){said}")


def _said(words: Sequence[str]) -> str:
    """Give fio's own words, without the repetition that many jobs bring."""
    unique = list(dict.fromkeys(line.strip() for line in words if line.strip()))
    return "".join(f"\n  {line}" for line in unique[:6])


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def _with_series(measurement: Measurement, builder: SeriesBuilder) -> Measurement:
    return msgspec.structs.replace(measurement, series=builder.series())
