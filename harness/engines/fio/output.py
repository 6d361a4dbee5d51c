"""From fio's output to a measurement.

What this survives, each seen in the field: text before, between and after the JSON (fio issue 672); keys that stand
twice (1571, the last wins); a missing `disk_util` (1627); fields that one version has and another lacks; a direction
without percentiles; several documents in one stream, as `--status-interval` prints them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ....common.errors import MeasurementError
from ....results.histogram import Histogram
from ....results.measurement import Clients, Direction, Latency, Measurement, Processor, percentile_name


class FioLatency(msgspec.Struct, frozen=True):
    """`clat_ns`, `lat_ns` or a sync's `lat_ns`."""

    min: float = 0
    max: float = 0
    mean: float = 0.0
    stddev: float = 0.0
    N: int = 0
    percentile: dict[str, int] = {}
    bins: dict[str, int] = {}


class FioDirection(msgspec.Struct, frozen=True):
    """`read`, `write` or `trim` of a job."""

    io_bytes: int = 0
    bw_bytes: int = 0
    bw: float = 0
    iops: float = 0.0
    runtime: float = 0
    """Milliseconds."""
    total_ios: int = 0
    clat_ns: FioLatency = FioLatency()
    lat_ns: FioLatency = FioLatency()


class FioSync(msgspec.Struct, frozen=True):
    """The `sync` part of a job."""

    total_ios: int = 0
    lat_ns: FioLatency = FioLatency()


class FioJob(msgspec.Struct, frozen=True, rename={"options": "job options"}):
    """One entry of `jobs` or `client_stats`."""

    jobname: str = ""
    error: int = 0
    total_err: int = 0
    first_error: int = 0
    options: dict[str, str] = {}
    read: FioDirection = FioDirection()
    write: FioDirection = FioDirection()
    trim: FioDirection = FioDirection()
    sync: FioSync = FioSync()
    job_runtime: float = 0
    usr_cpu: float = 0.0
    sys_cpu: float = 0.0
    ctx: int = 0
    majf: int = 0
    minf: int = 0


class FioDocument(msgspec.Struct, frozen=True, rename={"version": "fio version", "global_options": "global options"}):
    """One JSON document of fio, of any version from 3.0 on."""

    version: str = ""
    timestamp_ms: int = 0
    timestamp: int = 0
    global_options: dict[str, str] | list[dict[str, str]] = {}
    jobs: list[FioJob] = []
    client_stats: list[FioJob] = []


_decoder = msgspec.json.Decoder(FioDocument)


class DocumentSplitter:
    """Cut a growing stream into whole JSON documents and the lines between them.

    fio begins and ends a document with a brace in the first column, and indents everything inside.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._document: list[bytes] | None = None
        self.words: list[str] = []
        """Lines outside any document: what fio had to say."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take more of the stream, give the documents that it completed."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return self._take(lines)

    def close(self) -> list[bytes]:
        """Take the last line, give the document that it completed, if it did."""
        lines, self._rest = [self._rest], b""
        return self._take(lines)

    def _take(self, lines: Iterable[bytes]) -> list[bytes]:
        whole = []
        for line in lines:
            bare = line.rstrip(b"\r")
            if self._document is None and bare.startswith(b"{"):
                self._document = [line]
                if bare.endswith(b"}"):
                    whole.append(self._finish())
            elif self._document is None:
                if bare.strip():
                    self.words.append(bare.decode(errors="replace").strip())
            elif bare in (b"}", b"},"):
                self._document.append(b"}")
                whole.append(self._finish())
            elif line[:1] not in (b" ", b"\t", b""):
                # A message in the middle of a document: fio's threads share the stream.
                self.words.append(bare.decode(errors="replace").strip())
            else:
                self._document.append(line)
        return whole

    def _finish(self) -> bytes:
        document = b"\n".join(self._document or ())
        self._document = None
        return document


def documents_in(content: bytes) -> tuple[list[bytes], list[str]]:
    """Give the whole JSON documents of a finished output, and fio's words around them."""
    splitter = DocumentSplitter()
    found = splitter.feed(content) + splitter.close()
    return found, splitter.words


def decode_document(content: bytes) -> FioDocument:
    """Read one JSON document. Raises `MeasurementError` where it is not fio's."""
    try:
        # A file may be named in another encoding.
        document = _decoder.decode(content.decode(errors="replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise MeasurementError(f"fio's output cannot be read: {error}") from None
    if not document.version.startswith("fio"):
        raise MeasurementError("this JSON is not fio's: it has no 'fio version'")
    return document


def jobs_of_document(document: FioDocument) -> list[FioJob]:
    """Give the single jobs: of a client/server run those of the clients, without their sum."""
    return document.jobs or [job for job in document.client_stats if job.jobname != "All clients"]


def measurement_of(document: FioDocument, jobs: Sequence[FioJob], errors: dict[str, int] | None = None) -> Measurement:
    """Combine the jobs that ran together into one measurement.

    Counts and bins add up; rates are the sums over the longest runtime, as fio's own `group_reporting` does; moments
    are weighted by sample counts. With one job every figure is fio's own.
    """
    counts = _errors(jobs) if errors is None else errors
    return Measurement(
        engine=document.version,
        runtime_s=max((_runtime_ms(document, job) for job in jobs), default=0) / 1000,
        read=_direction([job.read for job in jobs]),
        write=_direction([job.write for job in jobs]),
        trim=_direction([job.trim for job in jobs]),
        sync=Latency.merged([latency_of(job.sync.lat_ns, job.sync.total_ios) for job in jobs]),
        clients=_clients(jobs),
        processor=_processor(jobs),
        errors=counts,
        notes=_notes(jobs, counts),
    )


def latency_of(latency: FioLatency, samples: int = 0) -> Latency:
    """Turn fio's latency into ours. Plain json has no bins: then fio's own percentiles are kept, with `samples`.

    `samples` counts the I/Os where the version prints no N. Raises `MeasurementError` for bins that are no numbers.
    """
    moments = (latency.min, latency.max, latency.mean, latency.stddev)
    try:
        if latency.bins:
            return Latency(Histogram.of_fio_bins(latency.bins), *moments)
        reported = {percentile_name(float(percent)): value for percent, value in latency.percentile.items()}
    except (ValueError, OverflowError) as error:
        raise MeasurementError(f"fio's output cannot be read: its latencies are damaged: {error}") from None
    return Latency(Histogram(), *moments, reported, latency.N or samples)


def errno_name(number: int) -> str:
    """Give the symbolic name of an errno, such as `EIO`."""
    return errno.errorcode.get(number, f"errno {number}")


def latency_of_direction(direction: FioDirection) -> Latency:
    """Give the completion latency where fio measured it, else the total one (`clat_percentiles=0`, `disable_clat`)."""
    completion, total = direction.clat_ns, direction.lat_ns
    better = (total.bins and not completion.bins) or (total.mean and not completion.mean)
    return latency_of(total if better else completion, direction.total_ios)


def _direction(parts: Sequence[FioDirection]) -> Direction:
    used = [part for part in parts if part.total_ios]
    if not used:
        return Direction()
    latency = Latency.merged([latency_of_direction(part) for part in used])
    if len(used) == 1:
        only = used[0]
        # Before fio 3.2 there is no bw_bytes, only KiB/s.
        bandwidth = only.bw_bytes or only.bw * 1024
        return Direction(only.total_ios, only.io_bytes, only.runtime / 1000, only.iops, float(bandwidth), latency)
    ios, total, runtime = sum(p.total_ios for p in used), sum(p.io_bytes for p in used), max(p.runtime for p in used)
    seconds = runtime / 1000
    return Direction(
        ios, total, seconds, ios / seconds if seconds else 0.0, total / seconds if seconds else 0.0, latency
    )


def _runtime_ms(document: FioDocument, job: FioJob) -> float:
    """Give how long a job ran; `group_reporting` adds up the times of its clients, and old versions tell none."""
    shared = document.global_options if isinstance(document.global_options, dict) else {}
    alone = job.job_runtime and "group_reporting" not in {**shared, **job.options}
    return job.job_runtime if alone else max(job.read.runtime, job.write.runtime, job.trim.runtime)


def _clients(jobs: Sequence[FioJob]) -> Clients:
    read = [latency_of_direction(job.read) for job in jobs]
    write = [latency_of_direction(job.write) for job in jobs]
    return Clients(
        [job.jobname for job in jobs],
        [job.read.iops for job in jobs],
        [job.write.iops for job in jobs],
        [latency.percentile(99) for latency in read],
        [latency.percentile(99) for latency in write],
    )


def _processor(jobs: Sequence[FioJob]) -> Processor:
    count = max(len(jobs), 1)
    return Processor(
        sum(job.usr_cpu for job in jobs) / count,
        sum(job.sys_cpu for job in jobs) / count,
        sum(job.ctx for job in jobs),
        sum(job.majf for job in jobs),
        sum(job.minf for job in jobs),
    )


def _errors(jobs: Sequence[FioJob]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for job in jobs:
        number = job.first_error or job.error
        if number:
            name = errno_name(number)
            counts[name] = counts.get(name, 0) + max(job.total_err, 1)
    return counts


def _notes(jobs: Sequence[FioJob], errors: Mapping[str, int]) -> list[str]:
    notes = []
    # The mean shows that latencies were taken; an I/O that failed has none.
    parts = [part for job in jobs for part in (job.read, job.write)]
    if any((p.clat_ns.mean or p.lat_ns.mean) and not (p.clat_ns.bins or p.lat_ns.bins) for p in parts):
        notes.append(
            "fio was not asked for json+: there are no latency bins, so percentiles are fio's own and cannot be merged."
        )
    if errors:
        notes.append("I/Os failed. fio counts them in I/Os and IOPS; bytes and latencies are of those that succeeded.")
    return notes


_ERRNO_OF_TEXT = {os.strerror(number): name for number, name in errno.errorcode.items()}


def errno_of_text(text: str) -> str:
    """Give the errno name of what the C library calls an error: `EIO` for `Input/output error`."""
    return _ERRNO_OF_TEXT.get(text, text)
