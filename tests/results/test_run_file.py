"""A run that is sealed and opened again is the same run; a file that is no run is named as what it is."""

import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest
import xarray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storbench.common.errors import RunFileError
from storbench.results.histogram import BINS, Histogram
from storbench.results.measurement import Clients, Direction, Latency, Measurement, Processor, Series
from storbench.results.record import FORMAT, SCHEMA, RunHeader, RunRecord, StepRecord
from storbench.results.run_file import open_run
from storbench.results.run_writer import write_run

FIXTURE = Path(__file__).parent.parent / "data/run_schema1.h5"


@pytest.fixture
def record(sample_runs: ModuleType) -> RunRecord:
    steps = [*sample_runs.sweep_steps(10_000), *sample_runs.client_steps(7, 5000, first=7)]
    measured = sample_runs.measurement(3, 900.0, read_fraction=0.0, syncs=True, errors={"EIO": 3}, notes=["odd"])
    steps.append(sample_runs.step(len(steps), "synced", measured, {}, {"fsync_every": 1}, raw=b'{"fio": true}'))
    steps.append(sample_runs.step(len(steps), "failed", None, {}, {}, status="ERROR", error="no luck"))
    made: RunRecord = sample_runs.record("file:/data/t.bin?size=1GiB", steps, journal=b'{"a":1}\n{"b":2}\n')
    return made


def test_everything_that_was_sealed_is_read_again(record: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    write_run(path, record)
    with open_run(path) as run:
        assert run.header == record.header
        assert run.recipe == record.recipe
        assert run.provenance == record.provenance
        assert run.notes == record.notes
        assert run.journal == record.journal
        assert {name: values.tolist() for name, values in run.telemetry.items()} == record.telemetry
        for read, written in zip(run.steps, record.steps, strict=True):
            assert (read.index, read.kind, read.label) == (written.index, written.kind, written.label)
            assert (read.status, read.error, read.raw) == (written.status, written.error, written.raw)
            assert read.step == written.step
            assert read.job_file == written.job_file
            assert read.measurement == _as_kept(written.measurement)


def test_steps_stay_in_order_however_many_there_are(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = [sample_runs.step(number, f"step {number}", None, {}, {}) for number in (9998, 9999, 10_000, 10_001)]
    path = tmp_path / "r.h5"
    write_run(path, sample_runs.record("file:/data/t.bin?size=1GiB", steps))
    with open_run(path) as run:
        assert [step.index for step in run.steps] == [9998, 9999, 10_000, 10_001]


def _as_kept(measurement: Measurement | None) -> Measurement | None:
    """A single client has no table of its own: its numbers are the step's."""
    if measurement is None or len(measurement.clients.name) > 1:
        return measurement
    return msgspec.structs.replace(measurement, clients=Clients())


counts = st.integers(0, 1 << 50)
amounts = st.floats(0, 1e15)
tails = st.none() | counts
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
moments = dict.fromkeys(("min_ns", "max_ns", "mean_ns", "stddev_ns"), amounts)
bins = st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 1 << 40), min_size=1, max_size=5)
percentiles = st.dictionaries(st.sampled_from(["p50", "p99", "p99.9"]), counts, min_size=1)
latencies = (
    st.just(Latency())
    | st.builds(Latency, st.builds(Histogram, bins), **moments)
    | st.builds(Latency, **moments, reported=percentiles, reported_samples=st.integers(1, 1 << 40))
)
directions = st.just(Direction()) | st.builds(
    Direction, st.integers(1, 1 << 50), counts, amounts, amounts, amounts, latencies
)


def columns(kind: type[Clients | Series], **own: st.SearchStrategy[object]) -> st.SearchStrategy[Any]:
    """Give columns of one length: of rates, of latencies that may be missing, and of what is said here."""
    values = {name: own.get(name, tails if name.endswith("_ns") else amounts) for name in kind.__struct_fields__}
    # One client has no table of its own.
    lengths = st.sampled_from([0, 2, 5])
    return lengths.flatmap(
        lambda length: st.builds(
            kind, **{name: st.lists(each, min_size=length, max_size=length) for name, each in values.items()}
        )
    )


measurements = st.builds(
    Measurement,
    engine=words,
    runtime_s=amounts,
    read=directions,
    write=directions,
    trim=directions,
    sync=latencies,
    clients=columns(Clients, name=words),
    series=columns(Series),
    processor=st.builds(Processor, amounts, amounts, counts, counts, counts),
    errors=st.dictionaries(st.sampled_from(["EIO", "ENOSPC"]), st.integers(1, 99)),
    notes=st.lists(words, max_size=2),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(measurements, words)
def test_any_measurement_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, measurement: Measurement, label: str
) -> None:
    step = StepRecord(0, "measure", label, {"kind": "measure", "job": {}}, "COMPLETED", measurement=measurement)
    header = RunHeader("id", "randrw", "file:x", "COMPLETED", "2026-02-25T06:13:20+00:00")
    path = tmp_path_factory.getbasetemp() / "any.h5"
    write_run(path, RunRecord(header, {}, {}, [step]))
    with open_run(path) as run:
        assert run.steps[0].label == label
        assert run.steps[0].measurement == measurement


def test_the_table_has_one_row_per_number(record: RunRecord, tmp_path: Path) -> None:
    write_run(tmp_path / "r.h5", record)
    with open_run(tmp_path / "r.h5") as run:
        table = run.table
        assert {len(column) for column in table.values()} == {len(table["value"])}
        chosen = (table["step"] == 3) & (table["direction"] == "read") & (table["metric"] == "iops")
        measurement = record.steps[3].measurement
        assert measurement is not None
        assert table["value"][chosen].tolist() == [measurement.read.iops]
        assert table["unit"][chosen].tolist() == ["1/s"]
        assert np.isfinite(table["value"]).all()


def test_xarray_opens_the_tree_with_named_dimensions_and_units(record: RunRecord, tmp_path: Path) -> None:
    write_run(tmp_path / "r.h5", record)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xarray.open_datatree(tmp_path / "r.h5", engine="h5netcdf") as tree:
            series = tree["steps/0003-measure/series"].to_dataset()
            assert series["read_iops"].dims == ("time_s",)
            assert series["read_iops"].attrs["units"] == "1/s"
            latency = tree["steps/0003-measure/latency"]["read"]
            assert latency.dims == ("latency_bin",)
            measurement = record.steps[3].measurement
            assert measurement is not None
            assert int(latency.sum()) == measurement.read.latency.samples
            assert tree["table"]["value"].dims == ("row",)
            assert tree["telemetry"]["cpu_percent"].attrs["units"] == "%"


def test_no_filter_is_needed_that_a_stock_reader_lacks(record: RunRecord, tmp_path: Path) -> None:
    write_run(tmp_path / "r.h5", record)

    def check(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            plist = item.id.get_create_plist()
            used = {plist.get_filter(i)[0] for i in range(plist.get_nfilters())}
            assert used <= {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}, name

    with h5py.File(tmp_path / "r.h5") as file:
        file.visititems(check)


def test_a_file_is_whole_or_not_there(record: RunRecord, tmp_path: Path) -> None:
    class Broken(dict[str, object]):
        def items(self) -> None:  # type: ignore[override]  # it breaks in the middle of writing
            raise RuntimeError("the disk is gone")

    write_run(tmp_path / "r.h5", record)
    before = (tmp_path / "r.h5").read_bytes()
    with pytest.raises(RuntimeError, match="the disk is gone"):
        write_run(tmp_path / "r.h5", msgspec.structs.replace(record, provenance=Broken()))
    assert (tmp_path / "r.h5").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["r.h5"]


def test_a_run_of_schema_1_stays_readable() -> None:
    """The file was written once, by tests/data/make_run_schema1.py, and is never written again."""
    with open_run(FIXTURE) as run:
        assert run.header.schema == 1
        assert (run.header.workload, run.header.status) == ("randrw", "COMPLETED")
        assert run.header.device == "nbd:memory?size=4MiB"
        assert [step.label for step in run.measured] == ["randrw 70% 4KiB qd1", "randrw 70% 4KiB qd4"]
        for step in run.measured:
            assert step.measurement is not None
            assert step.measurement.read.ios > 0
            assert step.measurement.read.latency.samples == step.measurement.read.ios
            assert step.io_log is not None
            assert len(step.io_log) == step.measurement.read.ios + step.measurement.write.ios
            assert step.job_file.startswith("[global]")
        assert run.journal.count(b"\n") > 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_text("x" * 5000), "is not an HDF5 file"),
        (lambda path: path.write_bytes(b""), "is not an HDF5 file"),
        (lambda path: path.write_bytes(FIXTURE.read_bytes()[:-3000]), "is truncated"),
        (lambda path: h5py.File(path, "w").close(), "not a run of storbench"),
    ],
)
def test_what_is_no_run_is_named(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "x.h5"
    assert callable(make)
    make(path)
    with pytest.raises(RunFileError, match=message):
        open_run(path)


def test_a_newer_schema_is_named_with_its_number(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["format"], file.attrs["schema"] = FORMAT, SCHEMA + 1
    with pytest.raises(RunFileError, match=f"has schema {SCHEMA + 1}, this storbench reads up to {SCHEMA}\nUpgrade"):
        open_run(tmp_path / "x.h5")


def test_a_run_with_a_missing_part_is_damaged(tmp_path: Path, record: RunRecord) -> None:
    write_run(tmp_path / "r.h5", record)
    with h5py.File(tmp_path / "r.h5", "a") as file:
        del file.attrs["status"]
    with pytest.raises(RunFileError, match="is damaged"):
        open_run(tmp_path / "r.h5")
