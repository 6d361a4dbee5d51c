"""Open a run file: everything in it as values and numpy arrays, read when asked for.

with open_run("runs/a.h5") as run:
    for step in run.steps:
        print(step.label, step.measurement.read.iops, step.measurement.read.latency.percentile(99))
    table = run.table           # columns as numpy arrays
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import h5py
import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import RunFileError
from .histogram import Histogram
from .io_log import IoLog, read_io_log
from .measurement import (
    FIDELITY_NUMBERS,
    Clients,
    Direction,
    Fidelity,
    Latency,
    Measurement,
    Processor,
    Quantity,
    Series,
)
from .outline import Outline
from .record import FORMAT, SCHEMA, RunHeader

_Columns = TypeVar("_Columns", Clients, Series)


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run file. Raises `RunFileError` where it is missing, truncated, foreign or of a newer schema."""
    return Run(Path(path))


def read_outline(path: str | os.PathLike[str]) -> tuple[Outline, NDArray[np.float64]]:
    """Give what comparing needs, and the values of the tidy table's rows; quick, with few reads.

    Raises `RunFileError` as `open_run` does.
    """
    with _open(Path(path)) as file:
        _check_schema(file)
        try:
            outline = msgspec.json.decode(file["outline"][()], type=Outline)
            values = np.asarray(file["table/value"][()], np.float64) if "value" in file["table"] else np.zeros(0)
        except (KeyError, OSError, msgspec.ValidationError, msgspec.DecodeError) as error:
            raise _damaged(file, error) from None
        if len(values) != sum(len(step.metrics) for step in outline.steps):
            raise _damaged(file, "the table does not have the rows that its outline names")
        return outline, values


class StepView:
    """One step of an open run."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group
        attributes = group.attrs
        self.index = int(attributes["index"])
        self.kind = str(attributes["kind"])
        self.label = str(attributes["label"])
        self.status = str(attributes["status"])
        self.error = str(attributes["error"])
        self.started = float(attributes["started"])
        self.ended = float(attributes["ended"])
        self.facts: dict[str, Any] = msgspec.json.decode(attributes.get("facts", "{}"))
        """What the step found out besides a measurement, such as how it purged."""

    @cached_property
    def step(self) -> dict[str, Any]:
        """The step as it was planned."""
        return dict(_json(self._group["step"]))

    @property
    def job(self) -> dict[str, Any]:
        """The job of the step, empty for a step without load."""
        return self.step.get("job") or {}

    @property
    def labels(self) -> dict[str, Any]:
        """What varies from step to step, such as `{"queue_depth": 16}`."""
        return self.step.get("labels") or {}

    @property
    def has_measurement(self) -> bool:
        """Whether something was measured, without reading it."""
        return "latency" in self._group

    @cached_property
    def measurement(self) -> Measurement | None:
        """What was measured, None for a step without load or one that did not complete."""
        return _measurement(self._group) if "latency" in self._group else None

    @cached_property
    def totals(self) -> Measurement | None:
        """The measurement without clients and series, which are most of the reading; for runs of thousands of steps."""
        if "measurement" in self.__dict__:
            return self.measurement
        return _measurement(self._group, columns=False) if "latency" in self._group else None

    @cached_property
    def series(self) -> dict[str, NDArray[np.float64]]:
        """The time series, column to values, shape (intervals,); empty where there is none."""
        return _arrays(self._group, "series")

    def histogram(self, direction: str) -> NDArray[np.int64]:
        """Give the counts of a direction (read, write, trim, sync) by latency bin, shape (1856,)."""
        found = self._group.get(f"latency/{direction}")
        return np.zeros(0, np.int64) if found is None else found[()]

    @property
    def raw(self) -> bytes:
        """The engine's own output, unaltered."""
        return self._group["raw"][()].tobytes() if "raw" in self._group else b""

    @property
    def job_file(self) -> str:
        """The fio job file that was run, empty where there was none."""
        return self._group["job_file"].asstr()[()] if "job_file" in self._group else ""

    @property
    def io_log(self) -> IoLog | None:
        """Every single I/O, where the run was asked to log them."""
        return read_io_log(self._group["io"]) if "io" in self._group else None


class Run:
    """An open run file. Close it, or use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = _open(path)
        try:
            self.header = _header(self._file)
        except Exception:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was read stays usable."""
        self._file.close()

    @cached_property
    def steps(self) -> list[StepView]:
        """The steps in the order in which they ran."""
        groups = self._file["steps"]
        # By number, which has more than the usual four digits in the longest runs.
        return [StepView(groups[name]) for name in sorted(groups, key=lambda name: int(name.partition("-")[0]))]

    @cached_property
    def measured(self) -> list[StepView]:
        """The steps that are results: completed measurements, without preconditioning."""
        return [s for s in self.steps if s.kind == "measure" and s.has_measurement]

    @cached_property
    def table(self) -> dict[str, NDArray[Any]]:
        """The tidy table: column (step, kind, label, direction, metric, value, unit) to values, shape (rows,)."""
        group = self._file["table"]
        return {
            name: group[name].asstr()[()] if h5py.check_string_dtype(group[name].dtype) else group[name][()]
            for name in ("step", "kind", "label", "direction", "metric", "value", "unit")
            if name in group
        }

    @cached_property
    def telemetry(self) -> dict[str, NDArray[np.float64]]:
        """What the machine did, once a second: column to values; empty where none was taken."""
        return _arrays(self._file, "telemetry")

    @cached_property
    def telemetry_units(self) -> dict[str, str]:
        """The unit of each telemetry column."""
        group = self._file.get("telemetry")
        return {} if group is None else {name: str(group[name].attrs.get("units", "")) for name in group}

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """What was run, enough to run it again."""
        return dict(_json(self._file["provenance/recipe"]))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """argv, host, plug-ins, environment and device facts at start and end."""
        group = self._file["provenance"]
        return {name: _json(group[name]) for name in group if name not in ("recipe", "notes")}

    @property
    def commit(self) -> str:
        """The commit that was measured, where a CI service said it; empty elsewhere."""
        environment: Mapping[str, Any] = self.provenance.get("environment_start") or {}
        return str(environment.get("commit") or "")

    @cached_property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        return list(_json(self._file["provenance/notes"]))

    @property
    def journal(self) -> bytes:
        """The journal as it was, with its hash chain."""
        content: bytes = self._file["journal"][()].tobytes()
        return content

    def group(self, name: str) -> h5py.Group | None:
        """Give a group of the file's root as h5py has it, None where there is none."""
        found = self._file.get(name)
        return found if isinstance(found, h5py.Group) else None

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The root attributes as they are in the file."""
        return dict(self._file.attrs)


def _open(path: Path) -> h5py.File:
    if path.is_dir():
        raise RunFileError(f"{path} is a folder, not a run file", hint="Name the .h5 file itself.")
    if not path.exists():
        raise RunFileError(f"there is no file {path}", hint="Runs go to the folder runs/ unless -o says otherwise.")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        words = str(error)
        if "truncated" in words:
            raise RunFileError(
                f"{path} is truncated", hint="If its NAME.run folder is still there, `storbench recover` rebuilds it."
            ) from None
        if isinstance(error, PermissionError):
            raise RunFileError(f"{path} cannot be read: permission denied") from None
        raise RunFileError(f"{path} is not an HDF5 file") from None


def _header(file: h5py.File) -> RunHeader:
    _check_schema(file)
    attributes = dict(file.attrs)
    values = {name: _plain(value) for name, value in attributes.items() if not name.startswith("campaign_")}
    campaign = {
        name.removeprefix("campaign_"): _plain(v) for name, v in attributes.items() if name.startswith("campaign_")
    }
    if campaign:
        values["campaign"] = campaign
    try:
        return msgspec.convert(values, RunHeader)
    except msgspec.ValidationError as error:
        raise _damaged(file, error) from None


def _check_schema(file: h5py.File) -> None:
    """Refuse what is not a run, or one of a later storbench."""
    if file.attrs.get("format") != FORMAT or "schema" not in file.attrs:
        raise RunFileError(f"{file.filename} is an HDF5 file, but not a run of storbench")
    schema = int(file.attrs["schema"])
    if schema > SCHEMA:
        raise RunFileError(
            f"{file.filename} has schema {schema}, this storbench reads up to {SCHEMA}",
            hint="Upgrade storbench to read it.",
        )


def _damaged(file: h5py.File, why: object) -> RunFileError:
    return RunFileError(f"{file.filename} is damaged: {why}", hint="Copy it again from where it was made.")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _json(data: h5py.Dataset) -> Any:
    return msgspec.json.decode(data[()])


def _arrays(parent: h5py.Group, name: str) -> dict[str, NDArray[np.float64]]:
    group = parent.get(name)
    return {} if group is None else {column: np.asarray(group[column][()], np.float64) for column in group}


def _measurement(group: h5py.Group, *, columns: bool = True) -> Measurement:
    latency = group["latency"]
    attributes = group.attrs
    return Measurement(
        engine=str(attributes["engine"]),
        runtime_s=float(attributes["runtime_s"]),
        read=_direction(group, "read"),
        write=_direction(group, "write"),
        trim=_direction(group, "trim"),
        sync=_latency(latency["sync"]) if "sync" in latency else Latency(),
        clients=_columns(group, "clients", Clients) if columns else Clients(),
        series=_columns(group, "series", Series) if columns else Series(),
        processor=Processor(**{n: _plain(attributes[f"cpu_{n}"]) for n in Processor.__struct_fields__}),
        device=msgspec.json.decode(attributes.get("device", "{}"), type=dict[str, Quantity]),
        fidelity=_fidelity(group["fidelity"]) if "fidelity" in group else None,
        errors=msgspec.json.decode(attributes.get("errors", "{}")),
        notes=msgspec.json.decode(attributes.get("notes", "[]")),
    )


def _direction(group: h5py.Group, name: str) -> Direction:
    if name not in group:
        return Direction()
    values = {key: _plain(value) for key, value in group[name].attrs.items()}
    return Direction(**values, latency=_latency(group[f"latency/{name}"]))


def _fidelity(group: h5py.Group) -> Fidelity:
    numbers = {name: _plain(group.attrs[name]) for name in FIDELITY_NUMBERS if name in group.attrs}
    read, write = (_latency(group[name]) if name in group else Latency() for name in ("read", "write"))
    return Fidelity(**numbers, read=read, write=write)


def _latency(data: h5py.Dataset) -> Latency:
    minimum, maximum, mean, deviation = (float(data.attrs[f"{name}_ns"]) for name in ("min", "max", "mean", "stddev"))
    latency = Latency(Histogram.of_dense(data[()]), minimum, maximum, mean, deviation)
    if "reported" not in data.attrs:
        return latency
    return msgspec.structs.replace(
        latency,
        reported=msgspec.json.decode(data.attrs["reported"]),
        reported_samples=int(data.attrs["reported_samples"]),
    )


def _columns(group: h5py.Group, name: str, kind: type[_Columns]) -> _Columns:
    """Read columns back into their struct; NaN becomes None, a column that was left out is all None."""
    found = group.get(name)
    if found is None:
        return kind()
    length = len(next(iter(found.values())))
    columns: dict[str, Any] = {}
    for column in kind.__struct_fields__:
        if column not in found:
            columns[column] = [None] * length
        elif h5py.check_string_dtype(found[column].dtype):
            columns[column] = found[column].asstr()[()].tolist()
        else:
            values = found[column][()].tolist()
            columns[column] = [None if v != v else int(v) for v in values] if column.endswith("_ns") else values
    return kind(**columns)
