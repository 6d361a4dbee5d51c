"""Build a run file: written beside the target, closed, reopened, verified, then renamed into place.

HDF5 gives no promise for a file that was open when its writer died, so nothing is ever appended to one. Named
dimensions are dimension scales and units are CF attributes, so xarray opens the file with labels; plain h5py needs
nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np

from ..common.errors import RunFileError
from ..common.files import atomic_path
from .histogram import bin_values
from .io_log import NOT_A_VARIABLE, write_io_log
from .measurement import FIDELITY_NUMBERS, Direction, Fidelity, Latency, Measurement
from .outline import outline_of
from .record import FORMAT, SCHEMA, RunRecord, StepRecord
from .table import Row, rows_of

_COMPRESS_FROM = 1024
"""Elements. Below, the chunk index costs more than compression saves."""

_FORMAT = ("v110", "v110")
"""HDF5 1.10 (2016) and later read it. In the format before, an attribute has at most 64 KiB, and with it the list of
what is along the dimension `latency_bin`: a run of some thousand steps could not be written."""

TEXT = h5py.string_dtype()

SERIES_UNITS = {"time_s": ("s", "end of the interval, from the step's start")} | {
    f"{direction}_{name}": (unit, f"{direction} {long_name}")
    for direction in ("read", "write")
    for name, unit, long_name in (
        ("iops", "1/s", "I/Os per second"),
        ("bandwidth", "B/s", "bandwidth"),
        ("p50_ns", "ns", "median latency in the interval"),
        ("p99_ns", "ns", "99th percentile latency in the interval"),
        ("max_ns", "ns", "highest latency bin in the interval"),
    )
}
CLIENT_UNITS = {
    "read_iops": ("1/s", "read I/Os per second of each client"),
    "write_iops": ("1/s", "write I/Os per second of each client"),
    "read_p99_ns": ("ns", "99th percentile read latency of each client"),
    "write_p99_ns": ("ns", "99th percentile write latency of each client"),
}


def write_run(
    path: Path, record: RunRecord, *, complete: Callable[[Path], None] = lambda part: None, user_block: int = 0
) -> None:
    """Seal a run. Raises `RunFileError` if what was written does not read back, `OSError` if it cannot be written.

    `complete` is called with the path of the written file before it gets its name; `user_block` bytes, a power of two,
    are kept free before it, such as for a signature.
    """
    with atomic_path(path) as part:
        with h5py.File(part, "w", track_order=True, userblock_size=user_block, libver=_FORMAT) as file:
            _write_root(file, record)
            for step in record.steps:
                _write_step(file, step)
            _write_telemetry(file, record)
            rows = rows_of(record.steps)
            _write_table(file, rows)
            _text(file, "outline", _json(outline_of(record, rows)))
            _bytes(file, "journal", record.journal)
        _verify(part, record)
        complete(part)


def _write_root(file: h5py.File, record: RunRecord) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["Conventions"] = "CF-1.11"
    for name, value in msgspec.to_builtins(record.header).items():
        if name == "campaign":
            for key, part in (value or {}).items():
                file.attrs[f"campaign_{key}"] = part
        else:
            file.attrs[name] = value
    provenance = file.create_group("provenance", track_order=True)
    _text(provenance, "recipe", _json(record.recipe))
    for name, value in record.provenance.items():
        _text(provenance, name, _json(value))
    _text(provenance, "notes", _json(record.notes))
    bins = file.create_dataset("latency_bin", data=bin_values(), compression="gzip", shuffle=True)
    bins.make_scale("latency_bin")
    bins.attrs["units"] = "ns"
    bins.attrs["long_name"] = "middle of the latency bin (fio's bins)"
    file.create_group("steps", track_order=True)


def _write_step(file: h5py.File, step: StepRecord) -> None:
    group = file["steps"].create_group(f"{step.index:04d}-{step.kind}", track_order=True)
    for name in ("index", "kind", "label", "status", "error", "started", "ended"):
        group.attrs[name] = getattr(step, name)
    _text(group, "step", _json(step.step))
    if step.facts:
        group.attrs["facts"] = _json(step.facts)
    if step.job_file:
        _text(group, "job_file", step.job_file)
    if step.raw:
        _bytes(group, "raw", step.raw)
    if step.measurement is not None:
        _write_measurement(group, file["latency_bin"], step.measurement)
    if step.io_log is not None:
        write_io_log(group.create_group("io", track_order=True), step.io_log())


def _write_measurement(group: h5py.Group, bins: h5py.Dataset, measurement: Measurement) -> None:
    group.attrs["engine"] = measurement.engine
    group.attrs["runtime_s"] = measurement.runtime_s
    for name, value in msgspec.to_builtins(measurement.processor).items():
        group.attrs[f"cpu_{name}"] = value
    if measurement.errors:
        group.attrs["errors"] = _json(measurement.errors)
    if measurement.notes:
        group.attrs["notes"] = _json(measurement.notes)
    latency = group.create_group("latency", track_order=True)
    for name in ("read", "write", "trim"):
        direction: Direction = getattr(measurement, name)
        if direction.ios:
            attributes = group.create_group(name).attrs
            for key in ("ios", "bytes", "runtime_s", "iops", "bandwidth"):
                attributes[key] = getattr(direction, key)
            _write_latency(latency, bins, name, direction.latency)
    if measurement.sync.samples:
        _write_latency(latency, bins, "sync", measurement.sync)
    if measurement.device:
        group.attrs["device"] = _json(measurement.device)
    if measurement.fidelity is not None:
        _write_fidelity(group.create_group("fidelity"), bins, measurement.fidelity)
    _columns(group, "series", "time_s", msgspec.to_builtins(measurement.series), SERIES_UNITS)
    if len(measurement.clients.name) > 1:
        _columns(group, "clients", "name", msgspec.to_builtins(measurement.clients), CLIENT_UNITS)


def _write_fidelity(group: h5py.Group, bins: h5py.Dataset, fidelity: Fidelity) -> None:
    group.attrs["long_name"] = "how well the emulated device kept to its model in real time"
    for name in FIDELITY_NUMBERS:
        value = getattr(fidelity, name)
        if value is not None:
            group.attrs[name] = value
    for name in ("read", "write"):
        latency: Latency = getattr(fidelity, name)
        if latency.samples:
            _write_latency(group, bins, name, latency)


def _write_latency(group: h5py.Group, bins: h5py.Dataset, name: str, latency: Latency) -> None:
    data = group.create_dataset(name, data=latency.histogram.dense(), compression="gzip", shuffle=True)
    data.dims[0].attach_scale(bins)
    data.attrs["units"] = "1"
    data.attrs["long_name"] = f"{name} latencies in each bin"
    for key in ("min_ns", "max_ns", "mean_ns", "stddev_ns"):
        data.attrs[key] = getattr(latency, key)
    if not latency.histogram.bins and latency.samples:
        data.attrs["reported"] = _json(latency.reported)
        data.attrs["reported_samples"] = latency.samples


def _columns(
    parent: h5py.Group, name: str, index: str, columns: dict[str, list[Any]], units: dict[str, tuple[str, str]]
) -> None:
    """Write columns of equal length along one named dimension; a missing value is NaN, an empty column is left out."""
    if not columns[index]:
        return
    group = parent.create_group(name, track_order=True)
    scale = _dataset(group, index, columns[index])
    scale.make_scale(index)
    _describe(scale, units.get(index))
    for column, values in columns.items():
        if column == index or not values or all(value is None for value in values):
            continue
        data = _dataset(group, column, values)
        data.dims[0].attach_scale(scale)
        _describe(data, units.get(column))


def _dataset(group: h5py.Group, name: str, values: Sequence[Any]) -> h5py.Dataset:
    if isinstance(values[0], str):
        return group.create_dataset(name, data=list(values), dtype=TEXT)
    data = np.array([np.nan if value is None else value for value in values], dtype=None)
    return group.create_dataset(name, data=data, **_packing(len(data)))


def _packing(length: int) -> dict[str, Any]:
    if length < _COMPRESS_FROM:
        return {}
    return {"compression": "gzip", "shuffle": True, "chunks": (min(length, 1 << 16),)}


def _describe(data: h5py.Dataset, description: tuple[str, str] | None) -> None:
    if description:
        data.attrs["units"], data.attrs["long_name"] = description


def _write_telemetry(file: h5py.File, record: RunRecord) -> None:
    if record.telemetry:
        _columns(file, "telemetry", "time_s", dict(record.telemetry), dict(record.telemetry_units))


def _write_table(file: h5py.File, rows: list[Row]) -> None:
    group = file.create_group("table", track_order=True)
    group.attrs["long_name"] = "one row per step, direction and metric"
    if not rows:
        return
    scale = group.create_dataset("row", data=np.arange(len(rows), dtype=np.int32), **_packing(len(rows)))
    scale.make_scale("row")
    for name in Row.__struct_fields__:
        values = [getattr(row, name) for row in rows]
        kind: Any = TEXT if isinstance(values[0], str) else (np.int32 if name == "step" else np.float64)
        data = group.create_dataset(name, data=values, dtype=kind, **_packing(len(rows)))
        data.dims[0].attach_scale(scale)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _text(group: h5py.Group, name: str, text: str) -> None:
    group.create_dataset(name, data=text, dtype=TEXT)


def _bytes(group: h5py.Group, name: str, content: bytes) -> None:
    """Keep bytes as they are, compressed: a dataset of uint8 along a dimension of its own, which has no values."""
    data = group.create_dataset(
        name, data=np.frombuffer(content, np.uint8), **({"compression": "gzip"} if content else {})
    )
    scale = group.create_dataset(f"{name}_byte", (len(content),), ">f4", **({"chunks": True} if content else {}))
    scale.make_scale(NOT_A_VARIABLE % len(content))
    data.dims[0].attach_scale(scale)


def _verify(path: Path, record: RunRecord) -> None:
    """Read back what a recovery would need before the journal may go."""
    with h5py.File(path, "r") as file:
        whole = (
            file.attrs["schema"] == SCHEMA
            and bytes(file["journal"][()].tobytes()) == record.journal
            and len(file["steps"]) == len(record.steps)
            and all(len(file["table"][name]) == len(file["table/row"]) for name in file["table"])
        )
    if not whole:
        raise RunFileError(f"{path}: what was written does not read back", hint="The journal is kept beside it.")
