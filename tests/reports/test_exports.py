import csv
import io
import json
from pathlib import Path
from types import ModuleType

import pytest

from storbench.common.errors import InputError
from storbench.reports.exports import export, export_formats
from storbench.reports.machine import run_json
from storbench.results.run_file import Run, open_run


@pytest.fixture
def path(sample_runs: ModuleType, tmp_path: Path) -> Path:
    steps = [*sample_runs.sweep_steps(9000)[:2], *sample_runs.client_steps(1, 5000, first=2)]
    steps.append(sample_runs.step(len(steps), 'odd, "quoted"', None, {}, {}, status="ERROR", error="no"))
    made: Path = sample_runs.write(tmp_path, "a", sample_runs.record("file:/data/a,b.bin?size=1GiB", steps))
    return made


def test_json_has_the_keys_that_programs_rely_on(path: Path) -> None:
    with open_run(path) as run:
        facts = json.loads(json.dumps(run_json(run)))
        assert {"schema", "run", "workload", "device", "status", "verdict", "steps", "notes", "campaign"} <= set(facts)
        for step, view in zip(facts["steps"], run.steps, strict=True):
            assert (step["index"], step["kind"], step["label"]) == (view.index, view.kind, view.label)
            assert step["job"] == view.job
            if view.measurement is None:
                assert "read" not in step
                continue
            assert step["read"]["iops"] == view.measurement.read.iops
            assert step["read"]["latency_ns"]["p99"] == view.measurement.read.latency.percentile(99)
            assert step["clients"]["count"] == max(1, len(view.measurement.clients.name))


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


def test_an_unknown_format_names_the_nearest(path: Path) -> None:
    with open_run(path) as run, pytest.raises(InputError, match=r"no export format 'cvs'\nDid you mean 'csv'"):
        export(run, "cvs")


def test_plug_ins_add_formats_and_a_broken_one_is_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site/exp-2.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: exp\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[storbench.reports]\nline = exp_plugin:LINE\nbad = exp_plugin:NOTHING\n")
    (tmp_path / "site/exp_plugin.py").write_text(
        "class Line:\n    name, summary, api_version = 'line', 'one line', 1\n"
        "    def render(self, run):\n        return run.header.device.encode()\nLINE = Line()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    listed = {one.name: one for one in export_formats()}
    assert (listed["line"].distribution, listed["line"].version, listed["line"].broken) == ("exp", "2.0", "")
    assert "NOTHING" in listed["bad"].broken
    with open_run(path) as run:
        assert isinstance(run, Run)
        assert export(run, "line") == b"file:/data/a,b.bin?size=1GiB"
        with pytest.raises(InputError, match=r"export format 'bad' of exp 2.0 cannot be used"):
            export(run, "bad")
