"""Exchange formats: nothing is lost, nothing is added, and a stranger's format cannot break ours."""

import csv
import io
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

from storbench.common.errors import InputError, StorbenchError
from storbench.reports.exports import export, export_formats
from storbench.reports.machine import run_json
from storbench.results.histogram import Histogram
from storbench.results.measurement import Clients
from storbench.results.run_file import open_run


@pytest.fixture
def path(sample_runs: ModuleType, tmp_path: Path) -> Path:
    steps = [*sample_runs.sweep_steps(9000)[:2], *sample_runs.client_steps(1, 5000, first=2)]
    steps.append(sample_runs.step(len(steps), 'odd, "quoted"', None, {}, {}, status="ERROR", error="no"))
    made: Path = sample_runs.write(tmp_path, "a", sample_runs.record("file:/data/a,b.bin?size=1GiB", steps))
    return made


def test_csv_is_the_tidy_table_with_the_labels(path: Path) -> None:
    with open_run(path) as run:
        rows = list(csv.DictReader(io.StringIO(export(run, "csv").decode(), newline="")))
        assert len(rows) == len(run.table["value"])
        assert [float(row["value"]) for row in rows] == run.table["value"].tolist()
        assert {row["device"] for row in rows} == {"file:/data/a,b.bin?size=1GiB"}
        assert {row["clients"] for row in rows if row["step"] == "3"} == {"4"}
        assert all(row["unit"] for row in rows)


def test_the_json_export_has_histograms_and_series(path: Path) -> None:
    with open_run(path) as run:
        facts = json.loads(export(run, "json"))
        step, view = facts["steps"][0], run.steps[0]
        assert view.measurement is not None
        assert dict(zip(step["histograms"]["read"]["bins"], step["histograms"]["read"]["counts"], strict=True)) == (
            view.measurement.read.latency.histogram.bins
        )
        assert step["series"]["read_iops"] == view.series["read_iops"].tolist()
        assert facts["recipe"] == run.recipe


def test_csv_follows_rfc_4180(path: Path) -> None:
    with open_run(path) as run:
        content = export(run, "csv")
    assert content.endswith(b"\r\n")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert b'"file:/data/a,b.bin?size=1GiB"' in content
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    assert {len(row) for row in rows} == {len(rows[0])}


def test_a_label_that_is_called_like_a_column_stays_apart_from_it(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = [sample_runs.step(0, "x", sample_runs.measurement(1, 9000), {"unit": "odd", "value": 7}, {})]
    path = sample_runs.write(tmp_path, "a", sample_runs.record("file:x", steps))
    with open_run(path) as run:
        row = next(csv.DictReader(io.StringIO(export(run, "csv").decode(), newline="")))
    assert (row["unit"], row["label_unit"], row["label_value"]) == ("1", "odd", "7")
    assert list(row)[-2:] == ["label_unit", "label_value"]


def test_the_json_export_loses_no_number(path: Path) -> None:
    with open_run(path) as run:
        facts = json.loads(export(run, "json"))
        for key, value in json.loads(json.dumps(run_json(run))).items():
            assert key == "steps" or facts[key] == value
        for step, view in zip(facts["steps"], run.steps, strict=True):
            assert step["job_file"] == view.job_file
            if view.measurement is None:
                assert "histograms" not in step
                continue
            each = dict(step["clients"]["each"])
            assert Clients(**each) == view.measurement.clients
            for name, found in step["histograms"].items():
                counts = dict(zip(found["latency_ns"], found["counts"], strict=True))
                part = view.measurement.sync if name == "sync" else getattr(view.measurement, name).latency
                assert Histogram.of_fio_bins({str(bin_): count for bin_, count in counts.items()}) == part.histogram
            assert {name: [none_is_nan(v) for v in column] for name, column in step["series"].items()} == {
                name: [none_is_nan(v) for v in column.tolist()] for name, column in view.series.items()
            }
        assert facts["telemetry"] == {name: values.tolist() for name, values in run.telemetry.items()}
        assert facts["telemetry_units"] == run.telemetry_units
        assert facts["provenance"] == run.provenance


def none_is_nan(value: float | None) -> float | None:
    """Let what is missing compare as equal: JSON has no NaN."""
    return None if value is None or math.isnan(value) else value


def test_an_unknown_format_names_the_nearest(path: Path) -> None:
    with open_run(path) as run, pytest.raises(InputError, match=r"no export format 'cvs'\nDid you mean 'csv'"):
        export(run, "cvs")


PLUGIN = """
class Format:
    summary, api_version = "made for a test", 1

    def __init__(self, name, render, **more):
        self.name, self.render = name, render
        self.__dict__.update(more)

def fail(run):
    raise LookupError("no such thing")

LINE = Format("line", lambda run: run.header.device.encode())
FAILS = Format("fails", fail)
TEXT = Format("text", lambda run: "text")
OLD = Format("old", lambda run: b"", api_version=0)
TAKEN = Format("csv", lambda run: b"")
UNNAMED = Format(7, lambda run: b"")
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with formats, good and bad, as an installer leaves it."""
    names = ("line", "fails", "text", "old", "taken", "unnamed", "absent")
    info = tmp_path / "site/exp-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exp\nVersion: 2.0\n")
    entries = "".join(f"{name} = export_plugin:{name.upper()}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[storbench.reports]\n{entries}")
    (tmp_path / "site/export_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "export_plugin", raising=False)


@pytest.mark.usefixtures("plugins")
def test_plug_ins_add_formats_and_broken_ones_are_named() -> None:
    listed = [one for one in export_formats() if one.distribution == "exp"]
    assert {one.name for one in listed if not one.broken} == {"line", "fails", "text"}
    assert all((one.version, one.summary) == ("2.0", "" if one.broken else "made for a test") for one in listed)
    broken = {one.name: one.broken for one in listed if one.broken}
    assert "version 0 of the export interface" in broken["old"]
    assert "storbench has one of this name already" in broken["csv"]
    assert "not a text" in broken["unnamed"]
    assert "ABSENT" in broken["absent"]


@pytest.mark.usefixtures("plugins")
def test_a_plug_ins_format_is_used_and_its_faults_are_said_with_its_name(path: Path) -> None:
    with open_run(path) as run:
        assert export(run, "line") == b"file:/data/a,b.bin?size=1GiB"
        assert export(run, "csv").startswith(b"run,workload,device")
        with pytest.raises(InputError, match=r"export format 'old' of exp 2.0 cannot be used"):
            export(run, "old")
        with pytest.raises(StorbenchError, match=r"'fails' of exp 2.0 raised LookupError: no such thing"):
            export(run, "fails")
        with pytest.raises(StorbenchError, match=r"'text' of exp 2.0 gave str, not bytes"):
            export(run, "text")
