"""The fixture `storage`: measures in rounds, and gives pytest-benchmark each round's seconds per I/O.

pytest-benchmark knows seconds only, of which fewer are better. Seconds per I/O are that, and their inverse, which it
shows as `ops`, are IOPS. It takes times from a timer that a marker may choose, so the timer is one that stands still
until a run moves it by what the device took.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ..common.errors import InputError, MeasurementError, StorbenchError, nearest
from ..results.measurement import PERCENTILES, Latency, Measurement, percentile_name
from ..results.run_file import open_run
from .pytest_session import StorageSession
from .session import PlannedRun

_JOB: dict[str, object] = {"read_fraction": 1.0, "queue_depth": 1}
"""What one job is where nothing else is said: random reads of 4 KiB, one at a time."""
_JOB_WORKLOAD = "randrw"
_METRICS = ("iops", "mean", "min", "max", *map(percentile_name, PERCENTILES))


class DeviceClock:
    """A timer that stands still until it is moved."""

    __name__ = "device"

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time in seconds."""
        return self.now


_CLOCK = pytest.StashKey[DeviceClock]()


class Wanted(msgspec.Struct, frozen=True):
    """What the marker says."""

    workload: str | None = None
    rounds: int = 5
    warmup_rounds: int = 0
    metric: str = "iops"
    """What is compared: `iops`, as seconds per I/O, or a latency: `mean`, `p50`, `p99`, `p99.9`."""
    direction: str | None = None
    """read, write or trim, or all for reads and writes together; said only of a mixed load."""
    step: str | None = None
    """The label of the step, of a workload that measures several."""
    parameters: dict[str, Any] = {}


class Round(msgspec.Struct, frozen=True):
    """What one run measured."""

    file: Path
    step: str
    measurement: Measurement
    seconds: float
    """What is compared."""


class Measured(msgspec.Struct, frozen=True):
    """What the rounds of one test measured."""

    files: tuple[Path, ...]
    """The run files, one a round."""
    iops: float
    """Harmonic mean over the rounds, as `ops` in pytest-benchmark's table."""
    bandwidth: float
    """Bytes per second, mean over the rounds."""
    latencies: dict[str, Latency]
    """Of all rounds together, by direction: read, write, trim, and all for reads and writes."""

    def percentile(self, percent: float, direction: str = "all") -> float:
        """Give a percentile of the latency in seconds. Raises `MeasurementError` where too few I/Os support it."""
        if direction not in self.latencies:
            raise InputError(f"no {direction} was measured", hint=nearest(direction, self.latencies))
        latency = self.latencies[direction]
        found = latency.percentile(percent)
        if found is None:
            raise MeasurementError(
                f"{latency.samples} I/Os do not support the {percent:g}th percentile",
                hint="Measure longer, or in more rounds.",
            )
        return found / 1e9


class Storage:
    """Measures when it is called."""

    def __init__(
        self, test: str, session: StorageSession, device: str, benchmark: Any, clock: DeviceClock, wanted: Wanted
    ) -> None:
        self.device = device
        self._test = test
        self._session = session
        self._benchmark = benchmark
        self._clock = clock
        self._wanted = wanted

    def __call__(self, workload: str | None = None, **parameters: object) -> Measured:
        """Measure what the marker says, with these parameters in addition; once in a test.

        What storbench refuses or cannot measure fails the test by its text, without a traceback.
        """
        try:
            return self._measure(workload, parameters)
        except StorbenchError as error:
            problem = str(error)
        pytest.fail(problem, pytrace=False)

    def _measure(self, workload: str | None, parameters: Mapping[str, object]) -> Measured:
        wanted = self._wanted
        warmup, rounds = (0, 1) if self._benchmark.disabled else (wanted.warmup_rounds, wanted.rounds)
        planned: list[PlannedRun] = []
        taken: list[Round] = []

        def begin() -> None:
            # Here, so that what is refused is refused inside of pytest-benchmark, which is then not said to be unused.
            if not planned:
                planned.extend(self._plan(workload, parameters, warmup, rounds))
            self._clock.now = 0.0

        def measure() -> None:
            taken.append(self._round(planned[len(taken)]))
            self._clock.now = taken[-1].seconds

        self._benchmark.pedantic(measure, setup=begin, rounds=rounds, warmup_rounds=warmup)
        kept = taken[warmup:]
        found = _measured(kept)
        self._session.keep(self._test, found.files)
        self._benchmark.extra_info.update(_extra_info(planned[0], wanted, kept, found))
        return found

    def _plan(
        self, workload: str | None, parameters: Mapping[str, object], warmup: int, rounds: int
    ) -> list[PlannedRun]:
        named = workload or self._wanted.workload
        given = {**({} if named else _JOB), **self._wanted.parameters, **parameters}
        planned = self._session.plan(self._test, named or _JOB_WORKLOAD, self.device, given, rounds)
        _step_of(planned[0], self._wanted.step)
        if not warmup:
            return planned
        # A session of their own, so that nobody takes them for rounds.
        name = f"{self._test}-warmup"
        return [*self._session.plan(name, named or _JOB_WORKLOAD, self.device, given, warmup), *planned]

    def _round(self, run: PlannedRun) -> Round:
        label = _step_of(run, self._wanted.step)
        path = self._session.measure(run)
        with open_run(path) as opened:
            step = next((step for step in opened.measured if step.label == label), None)
            measurement = step.measurement if step else None
        if measurement is None:
            raise MeasurementError(f"the step '{label}' was not measured in {path}")
        return Round(path, label, measurement, seconds_of(measurement, self._wanted.metric, self._wanted.direction))


def time_by_device(item: pytest.Item) -> None:
    """Give a test a clock of its own, by the marker that pytest-benchmark reads."""
    clock = item.stash[_CLOCK] = DeviceClock()
    said = item.get_closest_marker("benchmark")
    kept = {name: value for name, value in (said.kwargs if said else {}).items() if name != "timer"}
    item.add_marker(pytest.mark.benchmark(**kept, timer=clock), append=False)


def storage_of(item: pytest.Item, session: StorageSession, device: str, benchmark: Any) -> Storage:
    """Give a test its fixture. What is wrong with its marker fails the test by a text."""
    try:
        return Storage(item.nodeid, session, device, benchmark, item.stash[_CLOCK], _wanted(item))
    except StorbenchError as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)


def seconds_of(measurement: Measurement, metric: str, direction: str | None) -> float:
    """Give what is compared, in seconds.

    Raises `InputError` for a direction that was not measured, `MeasurementError` where there is no value.
    """
    latencies = _latencies([measurement])
    own = [name for name in latencies if name != "all"]
    chosen = direction or (own[0] if len(own) == 1 else "all")
    if chosen not in latencies:
        raise InputError(f"no {chosen} was measured", hint=nearest(chosen, latencies))
    if metric == "iops":
        iops = measurement.iops if chosen == "all" else getattr(measurement, chosen).iops
        if not iops:
            raise MeasurementError(f"there was no {chosen} I/O")
        return float(1 / iops)
    value = latencies[chosen].summary()[metric]
    if not value:
        raise MeasurementError(
            f"{latencies[chosen].samples} I/Os do not support {metric}", hint="Measure longer: set duration."
        )
    return float(value) / 1e9


def _wanted(item: pytest.Item) -> Wanted:
    """Read the markers of a test, the closest first. Raises `InputError` for what is none of the settings."""
    values: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for marker in item.iter_markers("storage"):
        if len(marker.args) > 1:
            raise InputError("the marker storage has one positional argument, the workload")
        given = dict(marker.kwargs) | ({"workload": marker.args[0]} if marker.args else {})
        own = set(Wanted.__struct_fields__) - {"parameters"}
        values = {name: value for name, value in given.items() if name in own} | values
        parameters = {name: value for name, value in given.items() if name not in own} | parameters
    try:
        wanted = msgspec.convert({**values, "parameters": parameters}, Wanted)
    except msgspec.ValidationError as error:
        raise InputError(f"the marker storage: {error}") from None
    if wanted.metric not in _METRICS:
        raise InputError(
            f"the marker storage: there is no metric '{wanted.metric}'", hint=nearest(wanted.metric, _METRICS)
        )
    if wanted.rounds < 1 or wanted.warmup_rounds < 0:
        raise InputError("the marker storage: rounds is 1 or more, warmup_rounds 0 or more")
    return wanted


def _step_of(run: PlannedRun, label: str | None) -> str:
    """Give the label of the step that the test is about. Raises `InputError` where it is not clear."""
    labels = [step.label for step in run.rehearsal.steps if step.kind == "measure"]
    if label is None and len(set(labels)) == 1 == len(labels):
        return labels[0]
    if label is not None and labels.count(label) == 1:
        return label
    if label is None:
        problem = f"'{run.workload.name}' measures {len(labels)} steps, and a test shows one"
    else:
        problem = f"{labels.count(label) or 'none'} of the steps of '{run.workload.name}' is called '{label}'"
    known = ", ".join(f"'{one}'" for one in labels[:10]) + (" …" if len(labels) > 10 else "")
    raise InputError(problem, hint=f"Choose by step=…: {known}. Or let the parameters have one value each.")


def _latencies(measurements: list[Measurement]) -> dict[str, Latency]:
    found = {
        name: Latency.merged([getattr(one, name).latency for one in measurements])
        for name in ("read", "write", "trim")
        if any(getattr(one, name).ios for one in measurements)
    }
    both = [latency for name, latency in found.items() if name != "trim"]
    return found | ({"all": Latency.merged(both)} if both else {})


def _measured(rounds: list[Round]) -> Measured:
    measurements = [one.measurement for one in rounds]
    rates = [one.iops + one.trim.iops for one in measurements]
    return Measured(
        tuple(one.file for one in rounds),
        len(rates) / sum(1 / rate for rate in rates),
        sum(one.bandwidth + one.trim.bandwidth for one in measurements) / len(rounds),
        _latencies(measurements),
    )


def _extra_info(run: PlannedRun, wanted: Wanted, rounds: list[Round], found: Measured) -> dict[str, Any]:
    """Give what goes into pytest-benchmark's JSON beside the times."""
    engine = rounds[0].measurement.engine
    return {
        "device": run.url,
        "workload": run.workload.name,
        "step": rounds[0].step,
        "parameters": msgspec.to_builtins(run.parameters),
        "metric": f"{wanted.direction} {wanted.metric}" if wanted.direction else wanted.metric,
        "iops": found.iops,
        "bandwidth": found.bandwidth,
        "latency_ns": {name: latency.summary() for name, latency in found.latencies.items()},
        "hdf5": [str(path) for path in found.files],
        "engine": engine,
        "fio": engine.removeprefix("fio-") if engine.startswith("fio-") else None,
    }
