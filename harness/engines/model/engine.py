"""The model engine: drive a load through a device model, bring back the measurement that fio would."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .... import __version__
from ....common.errors import MeasurementError
from ....devices.base import Target
from ....devices.native_library import Model, library
from ....devices.native_load import Client, Load, Totals
from ....results.histogram import Histogram
from ....results.measurement import Clients, Direction, Latency, Measurement
from ....workloads.job import Job
from ..base import Assignment, Execution, Progress, expected_seconds
from ..series import Interval, progress_of, series_of
from ..series import Totals as Sums
from .clients import clients_of

_INTERVAL_NS = 1_000_000_000
_SHORT_NS = 250_000_000
"""A last interval shorter than this is joined to the one before: it cannot carry a rate."""

_EVENTS = 500_000
"""How far to go without a look at the user: some ten milliseconds."""

_ENDLESS_IOS = 10_000_000_000
"""No step needs more: at ten million a second that is a quarter of an hour."""

_NO_TIME_IOS = 50_000_000
"""So many I/Os take some time on any device."""


class ModelEngine:
    """Runs jobs on a `sim:` device, in its own time."""

    name = "model"

    def version(self) -> str:
        """Give the engine's version. Raises `MeasurementError` where the models were not built."""
        library()
        return f"model-{__version__}"

    def idle(self, target: Target, seconds: float, on_progress: Callable[[Progress], None]) -> None:
        """Let the device's time go on; what it does when idle it does when it is next used."""
        model_of(target).now += round(seconds * 1e9)
        on_progress(Progress(seconds, 1.0))

    def run(self, assignment: Assignment, on_progress: Callable[[Progress], None]) -> Execution:
        """Run the jobs to their end in virtual time. Raises `InputError` for a job that a model cannot do."""
        model = model_of(assignment.target)
        clients = clients_of(assignment.jobs, assignment.target)
        names = [f"io_clat.{number + 1}.log" for number in range(len(clients))] if assignment.io_log else []
        started = model.now
        with Load(model, started, clients, [assignment.folder / name for name in names]) as load:
            intervals = _drive(load, assignment.jobs, clients, started, on_progress)
            model.now = max(load.now, started)
            totals = [load.totals(number) for number in range(len(clients))]
            return Execution(_measurement(self.version(), totals, clients, intervals), io_logs=tuple(names))


def model_of(target: Target) -> Model:
    """Give the model behind a target."""
    if not isinstance(target.model, Model):
        raise MeasurementError("this device has no model", hint="Only sim: devices are run by the model engine.")
    return target.model


def _drive(
    load: Load,
    jobs: Sequence[Job],
    clients: Sequence[Client],
    started: int,
    on_progress: Callable[[Progress], None],
) -> list[Interval]:
    """Run the load in pieces: one interval after the other, each in parts short enough to be interrupted."""
    # Where the ramps differ there is no one moment at which the measurement begins; fio takes the earliest.
    begins = started + min(client.ramp for client in clients)
    expected = expected_seconds(jobs)
    wanted = sum(client.bytes for client in clients)
    intervals: list[Interval] = []
    last, until, sums = begins, begins + _INTERVAL_NS, (Sums(), Sums())
    for part in range(_ENDLESS_IOS // _EVENTS):
        pause = load.run(until, _EVENTS)
        elapsed = (load.now - started) / 1e9
        done = min(1.0, elapsed / expected) if expected else None
        if not expected and wanted:
            done = min(1.0, sum(load.totals(n).issued_bytes for n in range(len(clients))) / wanted)
        if pause != "interrupted":
            now = max(load.now, begins) if pause == "ended" else until
            current = (_sums(load, len(clients), 0), _sums(load, len(clients), 1))
            if now > last:
                intervals.append(
                    Interval(
                        (now - begins) / 1e9,
                        (now - last) / 1e9,
                        current[0].since(sums[0]),
                        current[1].since(sums[1]),
                    )
                )
            last, until, sums = now, until + _INTERVAL_NS, current
        on_progress(progress_of(elapsed, done, intervals[-1] if intervals else None))
        if pause == "ended":
            break
        if part * _EVENTS > _NO_TIME_IOS and elapsed < 0.1:
            raise MeasurementError(
                "the model answers in no time, so the step would never end",
                hint="Its profile gives such I/Os no latency: set read_overhead and write_overhead.",
            )
    else:
        raise MeasurementError(f"the step did not end within {_ENDLESS_IOS:,} I/Os", hint="Give it a shorter duration.")
    if len(intervals) > 1 and intervals[-1].seconds * 1e9 < _SHORT_NS:
        intervals[-2:] = [intervals[-2].joined(intervals[-1])]
    return intervals


def _sums(load: Load, clients: int, direction: int) -> Sums:
    totals = [load.totals(number) for number in range(clients)]
    bins = np.sum([one.bins(direction) for one in totals], axis=0)
    return Sums(
        sum(one.ios[direction] for one in totals),
        sum(one.bytes[direction] for one in totals),
        Histogram.of_dense(bins),
    )


def _latency(count: int, total: int, square: float, least: int, most: int, histogram: Histogram) -> Latency:
    if not count:
        return Latency()
    mean = total / count
    return Latency(histogram, float(least), float(most), mean, max(0.0, square / count - mean**2) ** 0.5)


def _latency_of(one: Totals, direction: int) -> Latency:
    return _latency(
        one.ios[direction],
        one.sum[direction],
        one.square[direction],
        one.least[direction],
        one.most[direction],
        Histogram.of_dense(one.bins(direction)),
    )


def _direction(totals: Sequence[Totals], direction: int, seconds: float) -> Direction:
    ios, moved = (sum(getattr(one, name)[direction] for one in totals) for name in ("ios", "bytes"))
    if not ios:
        return Direction()
    latency = Latency.merged([_latency_of(one, direction) for one in totals if one.ios[direction]])
    return Direction(ios, moved, seconds, ios / seconds, moved / seconds, latency)


def _trims(totals: Sequence[Totals], seconds: float) -> Direction:
    used = [one for one in totals if one.trim.ios]
    if not used:
        return Direction()
    ios, moved = sum(one.trim.ios for one in used), sum(one.trim.bytes for one in used)
    parts = [
        _latency(
            one.trim.ios, one.trim.sum, one.trim.square, one.trim.least, one.trim.most,
            Histogram.of_dense(one.trim_bins()),
        )
        for one in used
    ]  # fmt: skip
    return Direction(ios, moved, seconds, ios / seconds, moved / seconds, Latency.merged(parts))


def _measurement(
    version: str, totals: Sequence[Totals], clients: Sequence[Client], intervals: Sequence[Interval]
) -> Measurement:
    seconds = max((one.last - one.first) / 1e9 for one in totals)
    if seconds <= 0:
        raise MeasurementError("no I/O was completed after the ramp", hint="Give the step a longer duration.")
    own = [max((one.last - one.first) / 1e9, 1e-9) for one in totals]
    latencies = [(_latency_of(one, 0), _latency_of(one, 1)) for one in totals]
    return Measurement(
        engine=version,
        runtime_s=seconds,
        read=_direction(totals, 0, seconds),
        write=_direction(totals, 1, seconds),
        trim=_trims(totals, seconds),
        sync=Latency.merged([_sync(one) for one in totals]),
        clients=Clients(
            [f"client{number}" for number in range(len(clients))],
            [one.ios[0] / time for one, time in zip(totals, own, strict=True)],
            [one.ios[1] / time for one, time in zip(totals, own, strict=True)],
            [read.percentile(99) for read, _ in latencies],
            [write.percentile(99) for _, write in latencies],
        ),
        series=series_of(intervals),
    )


def _sync(one: Totals) -> Latency:
    histogram = Histogram.of_dense(one.sync_bins())
    return _latency(one.syncs, one.sync_sum, one.sync_square, one.sync_least, one.sync_most, histogram)
