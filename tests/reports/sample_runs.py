"""Run files for the tests of reports: built value by value, so that every field of the contract appears."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from storbench.results.histogram import Histogram
from storbench.results.measurement import Clients, Direction, Latency, Measurement, Processor, Series
from storbench.results.record import Campaign, RunHeader, RunRecord, StepRecord
from storbench.results.run_writer import write_run

DEPTHS = (1, 2, 4, 8, 16, 32, 64)
START = 1_772_000_000.0


def latency(random: np.random.Generator, median_ns: float, samples: int) -> Latency:
    """Give a distribution with a tail."""
    values = random.lognormal(np.log(median_ns), 0.35, samples)
    values[: samples // 200] *= random.lognormal(2.2, 0.6, samples // 200)
    whole = values.astype(np.int64) + 1
    return Latency(
        Histogram.of_latencies(whole), float(whole.min()), float(whole.max()), float(whole.mean()), float(whole.std())
    )


def direction(random: np.random.Generator, iops: float, block_size: int, median_ns: float, samples: int) -> Direction:
    """Give a direction whose counts, rates and latencies agree."""
    ios = int(iops * 10)
    return Direction(ios, ios * block_size, 10.0, iops, iops * block_size, latency(random, median_ns, samples))


def series(random: np.random.Generator, read: float, write: float, block_size: int, intervals: int) -> Series:
    """Give one row per interval, with a dip and an empty interval."""
    noise = random.normal(1, 0.06, intervals)
    noise[intervals // 2] = 0
    noise = np.maximum(noise, 0)
    tail = [None if n == 0 else int(t) for n, t in zip(noise, random.lognormal(13, 0.4, intervals), strict=True)]
    reads, writes = (noise * read).tolist(), (noise * write).tolist()
    none: list[int | None] = [None] * intervals
    return Series(
        [float(i + 1) for i in range(intervals)],
        reads,
        writes,
        [v * block_size for v in reads],
        [v * block_size for v in writes],
        none,
        none,
        tail if read else none,
        [None if t is None else t * 2 for t in tail] if write else none,
        none,
        none,
    )


def measurement(
    seed: int,
    iops: float,
    *,
    block_size: int = 4096,
    read_fraction: float = 0.7,
    depth: int = 1,
    clients: int = 1,
    intervals: int = 10,
    samples: int = 20_000,
    syncs: bool = False,
    **more: Any,
) -> Measurement:
    """Give a measurement in which latency follows from depth and rate."""
    random = np.random.default_rng(seed)
    median = depth * clients / iops * 1e9
    read, write = iops * read_fraction, iops * (1 - read_fraction)
    share = random.normal(1, 0.12, clients).clip(0.3) / clients
    return Measurement(
        "fio-3.33",
        10.0,
        direction(random, read, block_size, median, samples) if read else Direction(),
        direction(random, write, block_size, median * 1.6, samples) if write else Direction(),
        sync=latency(random, median * 6, 2000) if syncs else Latency(),
        clients=Clients(
            [f"client{i}" for i in range(clients)],
            (share * read).tolist(),
            (share * write).tolist(),
            [int(median * 4 / s / clients) for s in share] if read else [None] * clients,
            [int(median * 6 / s / clients) for s in share] if write else [None] * clients,
        ),
        series=series(random, read, write, block_size, intervals),
        processor=Processor(12.5, 30.0, 1000, 0, 20),
        **more,
    )


def step(
    index: int, label: str, measured: Measurement | None, labels: dict[str, Any], job: dict[str, Any], **more: Any
) -> StepRecord:
    """Give a measured step that took ten seconds and one of pause."""
    begins = START + 11 * index
    planned = {"kind": "measure", "label": label, "job": job, "labels": labels}
    values = {"status": "COMPLETED", "job_file": f"[job]\nrw=randrw\nbs={job.get('block_size', 4096)}\n", **more}
    return StepRecord(
        index, "measure", label, planned, started=begins, ended=begins + 10, measurement=measured, **values
    )


def sweep_steps(
    speed: float, *, sizes: Iterable[int] = (4096,), read_fraction: float = 0.7, seed: int = 1, intervals: int = 10
) -> list[StepRecord]:
    """Give a sweep of queue depth, and of block size where there are several."""
    steps: list[StepRecord] = []
    for size in sizes:
        for depth in DEPTHS:
            iops = speed * depth / (1 + depth / 14) / (size / 4096) ** 0.6
            job = {
                "pattern": "random",
                "block_size": size,
                "read_fraction": read_fraction,
                "queue_depth": depth,
                "seed": seed,
            }
            measured = measurement(
                seed + len(steps), iops, block_size=size, read_fraction=read_fraction, depth=depth, intervals=intervals
            )
            labels = {"queue_depth": depth, "block_size": size}
            steps.append(step(len(steps), f"randrw {size // 1024}KiB qd{depth}", measured, labels, job))
    return steps


def record(device: str, steps: list[StepRecord], **more: Any) -> RunRecord:
    """Give a run with provenance, telemetry and notes around its steps."""
    seconds = int(11 * max(len(steps), 1))
    random = np.random.default_rng(len(device))
    environment = {"governor": "powersave", "turbo": True, "load_1min": 0.2, "memory": {"available": 8 << 30}}
    header: dict[str, Any] = {
        "run": "0123456789abcdef",
        "workload": "randrw",
        "device": device,
        "status": "COMPLETED",
        "created": "2026-02-25T06:13:20.000+00:00",
        "ended": "2026-02-25T06:14:50.000+00:00",
        "storbench": "0.1.0",
        "engine": "fio-3.33",
    }
    provenance = {
        "argv": ["storbench", "run", "randrw"],
        "host": {"name": "bench-1", "kernel": "6.1.0", "processor": "8 cores"},
        "environment_start": environment,
        "environment_end": environment | {"load_1min": 3.9, "turbo": False},
        "device_start": {"url": device, "size": 256 << 20, "model": f"model of {device}"},
        "device_end": {"url": device, "size": 256 << 20, "model": f"model of {device}"},
    }
    kept = {"notes": ["O_DIRECT is not possible here: the page cache is part of what was measured."], **more}
    return RunRecord(
        RunHeader(**(header | kept.pop("header", {}))),
        {"workload": {"name": "randrw"}, "parameters": {"queue_depth": list(DEPTHS)}, "device": device},
        provenance | kept.pop("provenance", {}),
        steps,
        telemetry={
            "time_s": [float(i) for i in range(seconds)],
            "cpu_percent": (40 + 15 * np.sin(np.arange(seconds) / 7) + random.normal(0, 3, seconds)).tolist(),
            "disk_write_bytes": (3e8 * random.random(seconds)).tolist(),
            "constant": [1.0] * seconds,
        },
        telemetry_units={"time_s": ("s", "time"), "cpu_percent": ("%", "CPU"), "disk_write_bytes": ("B/s", "written")},
        **kept,
    )


def client_steps(seed: int, speed: float, first: int = 0) -> list[StepRecord]:
    """Give steps with ever more concurrent clients."""
    steps: list[StepRecord] = []
    for clients in (1, 4, 16, 64):
        measured = measurement(seed + clients, speed * clients**0.6, clients=clients)
        job = {"pattern": "random", "block_size": 4096, "jobs": clients, "seed": seed}
        label = f"{clients} client{'s' if clients > 1 else ''}"
        steps.append(step(first + len(steps), label, measured, {"clients": clients}, job))
    return steps


def write(folder: Path, name: str, run: RunRecord) -> Path:
    """Seal a run into a folder."""
    path = folder / f"{name}.h5"
    write_run(path, run)
    return path


def many_repeats(folder: Path, count: int = 20, intervals: int = 60) -> list[Path]:
    """Seal a campaign of repeats on two devices."""
    paths = []
    for index in range(count):
        device = ("file:/data/t.bin?size=256MiB", "nbd:memory?size=256MiB")[index % 2]
        steps = sweep_steps((14000, 9000)[index % 2] * (1 + 0.01 * (index // 2)), seed=100 * index, intervals=intervals)
        campaign = Campaign("c1", index // 2 + 1, count // 2, index + 1)
        paths.append(write(folder, f"many-{index:02}", record(device, steps, header={"campaign": campaign})))
    return paths
