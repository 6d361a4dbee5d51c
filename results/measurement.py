"""What one step measured: plain values in SI base units, the same from any engine."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .histogram import Histogram, supported

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 99.999, 99.9999)
"""The percentiles that tables and `show --json` give."""


def percentile_name(percent: float) -> str:
    """Name a percentile as people do: `p50`, `p99.9`."""
    return f"p{percent:g}"


class Latency(msgspec.Struct, frozen=True):
    """A latency distribution. Moments are the engine's own, exact; percentiles come from the bins. All in ns."""

    histogram: Histogram = Histogram()
    min_ns: float = 0.0
    max_ns: float = 0.0
    mean_ns: float = 0.0
    stddev_ns: float = 0.0
    reported: dict[str, int] = {}
    """Percentiles as an imported source gave them, by name, where it gave no bins; they cannot be merged."""
    reported_samples: int = 0
    """The sample count that goes with `reported`."""

    @property
    def samples(self) -> int:
        """How many latencies there are."""
        return self.histogram.samples or self.reported_samples

    def percentile(self, percent: float) -> int | None:
        """Give a percentile in ns, None where too few samples support it."""
        return self.percentiles((percent,))[0]

    def percentiles(self, percents: Sequence[float]) -> list[int | None]:
        """Give several percentiles in ns, each as `percentile` does."""
        if self.histogram.bins or not self.reported:
            return self.histogram.percentiles(percents)
        return [
            self.reported.get(percentile_name(p)) if supported(self.reported_samples, p) else None for p in percents
        ]

    def summary(self) -> dict[str, float | int | None]:
        """Give mean, min, max, stddev, samples and percentiles, in ns; None where there is nothing or too little."""
        if not self.samples:
            empty: dict[str, float | int | None] = dict.fromkeys(("mean", "min", "max", "stddev"))
            return empty | {"samples": 0} | {percentile_name(p): None for p in PERCENTILES}
        values = self.percentiles(PERCENTILES)
        return {
            "mean": self.mean_ns,
            "min": self.min_ns,
            "max": self.max_ns,
            "stddev": self.stddev_ns,
            "samples": self.samples,
            **{percentile_name(p): v for p, v in zip(PERCENTILES, values, strict=True)},
        }

    @classmethod
    def merged(cls, parts: Sequence[Latency]) -> Latency:
        """Combine distributions: bins add up, moments are weighted by their sample counts (Chan et al., 1979)."""
        filled = [p for p in parts if p.samples]
        if not filled:
            return cls()
        total = sum(p.samples for p in filled)
        mean = sum(p.mean_ns * p.samples for p in filled) / total
        square = sum((p.stddev_ns**2 + (p.mean_ns - mean) ** 2) * p.samples for p in filled) / total
        if len(filled) == 1:
            return filled[0]
        whole = all(p.histogram.bins for p in filled)
        return cls(
            Histogram.merged(p.histogram for p in filled) if whole else Histogram(),
            min(p.min_ns for p in filled),
            max(p.max_ns for p in filled),
            mean,
            square**0.5,
            reported_samples=0 if whole else total,
        )


class Direction(msgspec.Struct, frozen=True):
    """Reads, writes or trims of one step, all jobs together."""

    ios: int = 0
    bytes: int = 0
    runtime_s: float = 0.0
    iops: float = 0.0
    bandwidth: float = 0.0
    """Bytes per second."""
    latency: Latency = Latency()
    """Completion latency: from submission to completion of each I/O."""


class Clients(msgspec.Struct, frozen=True):
    """One entry per job of a step, in fio's order: columns of equal length."""

    name: list[str] = []
    read_iops: list[float] = []
    write_iops: list[float] = []
    read_p99_ns: list[int | None] = []
    write_p99_ns: list[int | None] = []


class Series(msgspec.Struct, frozen=True):
    """What happened over time: columns of equal length, one row per interval, an empty interval is a zero."""

    time_s: list[float] = []
    """The end of each interval, from the step's start."""
    read_iops: list[float] = []
    write_iops: list[float] = []
    read_bandwidth: list[float] = []
    write_bandwidth: list[float] = []
    read_p50_ns: list[int | None] = []
    write_p50_ns: list[int | None] = []
    read_p99_ns: list[int | None] = []
    write_p99_ns: list[int | None] = []
    read_max_ns: list[int | None] = []
    write_max_ns: list[int | None] = []
    """The upper bin of the interval: within 1/64 of the true maximum."""


class Processor(msgspec.Struct, frozen=True):
    """What the load itself cost, as fio reports it: percent of one core per job, and counts."""

    user_percent: float = 0.0
    system_percent: float = 0.0
    context_switches: int = 0
    major_faults: int = 0
    minor_faults: int = 0


class Quantity(msgspec.Struct, frozen=True):
    """One number with its unit."""

    value: float
    unit: str = "1"


class Fidelity(msgspec.Struct, frozen=True):
    """How well an emulated device kept to its model in real time. All in ns."""

    ios: int
    """I/Os that were timed."""
    floor_ns: float
    """The median time of an I/O that the model does not delay: the emulator's own."""
    error_p50_ns: float
    """By how much an I/O came later than the model says; half of them by less."""
    error_p99_ns: float
    late_fraction: float
    """I/Os that came later than the model says by more than 2 us and more than 5 %."""
    steal_percent: float | None = None
    """Processor time that the hypervisor gave to others meanwhile."""
    read: Latency = Latency()
    """Latencies in the model's time; those of the measurement are in wall time."""
    write: Latency = Latency()


FIDELITY_NUMBERS = ("ios", "floor_ns", "error_p50_ns", "error_p99_ns", "late_fraction", "steal_percent")
"""What of a `Fidelity` is a single number."""


class Measurement(msgspec.Struct, frozen=True):
    """The outcome of one measured step. Reads, writes and syncs stay apart."""

    engine: str
    """Name and version, such as `fio-3.33`."""
    runtime_s: float
    read: Direction = Direction()
    write: Direction = Direction()
    trim: Direction = Direction()
    sync: Latency = Latency()
    clients: Clients = Clients()
    series: Series = Series()
    processor: Processor = Processor()
    device: dict[str, Quantity] = {}
    """What an emulated device counted meanwhile: bytes that its medium wrote, erasures, wear, energy."""
    fidelity: Fidelity | None = None
    """Only of a device that is emulated in real time."""
    errors: dict[str, int] = {}
    """Count of failed I/Os by errno name, such as `EIO`."""
    notes: list[str] = []
    """What a reader of the numbers must know, in sentences."""

    @property
    def iops(self) -> float:
        """Reads and writes together, per second."""
        return self.read.iops + self.write.iops

    @property
    def bandwidth(self) -> float:
        """Reads and writes together, bytes per second."""
        return self.read.bandwidth + self.write.bandwidth

    @property
    def latency(self) -> Latency:
        """Reads and writes merged, weighted by their counts."""
        return Latency.merged((self.read.latency, self.write.latency))


def jain_index(rates: Sequence[float]) -> float | None:
    """Give Jain's fairness index of the clients' rates: 1 is even, 1/n is one client taking all.

    (Σx)² / (n·Σx²); Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984. None for no load.
    """
    square = sum(rate * rate for rate in rates)
    return sum(rates) ** 2 / (len(rates) * square) if square else None
