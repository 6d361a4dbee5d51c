"""Exchange formats: CSV for spreadsheets, JSON for programs, and those of plug-ins."""

from __future__ import annotations

import csv
import io
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..common.errors import InputError, StorbenchError, nearest
from ..common.plugins import Listed, builtin, lacks, load_plugins
from ..results.histogram import bin_values
from ..results.run_file import Run, StepView
from .ci.formats import ci_formats
from .machine import run_json, step_json

API_VERSION = 1
GROUP = "storbench.reports"


@runtime_checkable
class Export(Protocol):
    """What a plug-in's entry point leads to."""

    name: str
    summary: str
    api_version: int

    def render(self, run: Run) -> bytes:
        """Give the run in this format."""
        ...


def export(run: Run, format_: str) -> bytes:
    """Give a run in a format.

    Raises `InputError` for a format that is unknown or broken, `StorbenchError` where a plug-in's own rendering fails.
    """
    formats = export_formats()
    for one in formats:
        if one.name == format_:
            return _rendered(one, run)
    raise InputError(f"there is no export format '{format_}'", hint=nearest(format_, [one.name for one in formats]))


def export_formats() -> list[Listed]:
    """Give every format, the broken ones with their reason."""
    formats: list[Export] = [CsvExport(), JsonExport(), *ci_formats(API_VERSION)]
    own = [builtin(one.name, one) for one in formats]
    taken = [one.name for one in own]
    return own + load_plugins(GROUP, name_of=lambda found: str(found.name), fault_of=_fault, taken=taken)


def _rendered(plugin: Listed, run: Run) -> bytes:
    """Let a format render; whatever it does wrong is said with its name."""
    found: Export = plugin.usable("export format")
    try:
        content: object = found.render(run)
    except StorbenchError:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
        problem = f"raised {type(error).__name__}: {error}"
    else:
        if isinstance(content, bytes):
            return content
        problem = f"gave {type(content).__name__}, not bytes"
    origin = f"{plugin.distribution} {plugin.version}".strip()
    raise StorbenchError(
        f"the export format '{plugin.name}' of {origin} {problem}", hint="Update or remove that distribution."
    )


class CsvExport:
    """For spreadsheets."""

    name = "csv"
    summary = "the tidy table, one row per step, direction and metric"
    api_version = API_VERSION

    def render(self, run: Run) -> bytes:
        """Give the tidy table (RFC 4180), each row with its run, device and the labels of its step.

        A label that is called like a column of the table gets `label_` before its name.
        """
        labels = {step.index: step.labels for step in run.steps}
        names = sorted({name for values in labels.values() for name in values})
        table = run.table
        columns = list(table)
        stream = io.StringIO(newline="")
        writer = csv.writer(stream)
        fixed = ["run", "workload", "device", *columns]
        writer.writerow([*fixed, *(f"label_{name}" if name in fixed else name for name in names)])
        header = run.header
        for row in zip(*(table[name] for name in columns), strict=True):
            values = dict(zip(columns, row, strict=True))
            here = labels.get(int(values["step"]), {})
            writer.writerow([header.run, header.workload, header.device, *row, *(here.get(name, "") for name in names)])
        return stream.getvalue().encode()


class JsonExport:
    """For programs."""

    name = "json"
    summary = "everything, with histograms, series and telemetry"
    api_version = API_VERSION

    def render(self, run: Run) -> bytes:
        """Give everything but the engine's raw output, the logs of single I/Os and the journal."""
        facts = run_json(run)
        facts["steps"] = [_step(step) for step in run.steps]
        facts["recipe"] = run.recipe
        facts["provenance"] = run.provenance
        facts["telemetry"] = {name: values.tolist() for name, values in run.telemetry.items()}
        facts["telemetry_units"] = run.telemetry_units
        return msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n"


def _step(step: StepView) -> dict[str, Any]:
    """Give a step as `show --json` does, and with it histograms, series, single clients and fio's job file.

    A histogram has the filled bins only: place, latency in ns that stands for the bin, and count. In a series, null is
    an interval without an I/O.
    """
    facts = step_json(step) | {"job_file": step.job_file}
    if step.measurement is None:
        return facts
    facts["clients"] |= {"each": msgspec.to_builtins(step.measurement.clients)}
    facts["histograms"] = {
        name: _histogram(counts) for name in ("read", "write", "trim", "sync") if (counts := step.histogram(name)).any()
    }
    facts["series"] = {name: values.tolist() for name, values in step.series.items()}
    return facts


def _histogram(counts: NDArray[np.int64]) -> dict[str, list[int]]:
    filled = counts.nonzero()[0]
    return {"bins": filled.tolist(), "latency_ns": bin_values()[filled].tolist(), "counts": counts[filled].tolist()}


def _fault(found: Any) -> str:
    """Say why an object is no export format; empty where it is one."""
    if missing := lacks(found, ("name", "summary", "api_version", "render")):
        return missing
    if found.api_version != API_VERSION:
        return f"it is written for version {found.api_version} of the export interface, this is {API_VERSION}"
    if not (isinstance(found.name, str) and found.name and isinstance(found.summary, str)):
        return "its name or its summary is not a text"
    return "" if callable(found.render) else "its render cannot be called"
