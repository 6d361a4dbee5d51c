from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from storbench.results import io_log
from storbench.results.io_log import DIRECTIONS, IoLog, read_io_log, write_io_log

COLUMNS = ("time_ms", "latency_ns", "direction", "block_size", "offset", "priority", "job")


def log_of(rows: int, job: int = 0, *, seed: int = 1, dropped_lines: int = 0) -> IoLog:
    random = np.random.default_rng(seed + job)

    def large() -> NDArray[np.int64]:
        return random.integers(0, 1 << 40, rows)

    return IoLog(
        np.sort(large()),
        large(),
        random.integers(0, 3, rows, dtype=np.uint8),
        random.choice(np.array([512, 4096, 1 << 33]), rows),
        large(),
        np.zeros(rows, np.uint16) if job % 2 else random.integers(0, 1 << 16, rows, dtype=np.uint16),
        np.broadcast_to(np.int32(job), rows),
        dropped_lines,
    )


def write(path: Path, *logs: IoLog) -> Path:
    with h5py.File(path, "w", track_order=True) as file:
        write_io_log(file.create_group("steps/0001-measure/io", track_order=True), logs)
    return path


def read(path: Path) -> IoLog:
    with h5py.File(path) as file:
        return read_io_log(file["steps/0001-measure/io"])


def assert_same(read_back: IoLog, *logs: IoLog) -> None:
    for name in COLUMNS:
        parts = [getattr(log, name) for log in logs]
        column = getattr(read_back, name)
        np.testing.assert_array_equal(column, np.concatenate(parts), name)
        assert column.dtype == parts[0].dtype


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), max_size=6), st.integers(1, 20))
def test_logs_of_any_lengths_come_back_one_after_another(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], chunk: int
) -> None:
    logs = [log_of(rows, job, dropped_lines=job) for job, rows in enumerate(lengths)]
    path = tmp_path_factory.getbasetemp() / "lengths.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io_log, "_CHUNK", chunk)
        write(path, *logs)

    found = read(path)

    assert len(found) == sum(lengths)
    assert_same(found, log_of(0), *logs)
    assert found.dropped_lines == sum(range(len(lengths)))


def test_logs_longer_than_a_chunk_come_back(tmp_path: Path) -> None:
    logs = [log_of(rows, job) for job, rows in enumerate((100_000, 1, (1 << 17) - 100_001, 70_000))]

    assert_same(read(write(tmp_path / "run.h5", *logs)), *logs)


def test_hdf5s_own_filters_read_and_would_have_written_the_same(tmp_path: Path) -> None:
    log = log_of(65_536)
    path = write(tmp_path / "run.h5", log)

    with h5py.File(path) as file:
        data = file["steps/0001-measure/io/latency_ns"]
        with h5py.File(tmp_path / "plain.h5", "w") as plain:
            stock = plain.create_dataset(
                "x", data=log.latency_ns, chunks=data.chunks, compression="gzip", compression_opts=1, shuffle=True
            )
            assert stock.id.read_direct_chunk((0,)) == data.id.read_direct_chunk((0,))
        assert (data.compression, data.shuffle) == ("gzip", True)


def test_columns_of_zeros_take_no_space(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "run.h5", log_of(200_000), log_of(200_000, 1))) as file:
        group = file["steps/0001-measure/io"]
        assert group["priority"].id.get_num_chunks() == 4  # the second log has no priorities
        assert group["io"].id.get_storage_size() == 0
        assert group["job"].id.get_num_chunks() == 4  # the first log is job 0


def test_every_column_has_unit_name_and_dimension(tmp_path: Path) -> None:
    with h5py.File(write(tmp_path / "run.h5", log_of(10))) as file:
        group = file["steps/0001-measure/io"]
        assert tuple(name for name in group if name != "io") == COLUMNS
        for name in COLUMNS:
            assert group[name].attrs["units"]
            assert group[name].attrs["long_name"]
            assert group[name].dims[0][0] == group["io"]
        assert group["direction"].attrs["flag_meanings"].split() == list(DIRECTIONS)
        assert group["direction"].attrs["flag_values"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("rows", [0, 10, 70_000])
def test_xarray_opens_the_file_with_the_named_dimension(tmp_path: Path, rows: int) -> None:
    log = log_of(rows)
    path = write(tmp_path / "run.h5", log)

    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        node = tree["steps/0001-measure/io"].to_dataset()
        assert dict(node.sizes) == {"io": rows}
        assert set(node.data_vars) == set(COLUMNS)
        assert node["latency_ns"].attrs["units"] == "ns"
        for name in COLUMNS:
            assert node[name].dims == ("io",)
            np.testing.assert_array_equal(node[name].values, getattr(log, name))


def test_logs_are_asked_for_one_at_a_time(tmp_path: Path) -> None:
    written = []

    def logs() -> Iterator[IoLog]:
        for job in range(4):
            written.append([group[name].shape[0] for name in COLUMNS])
            yield log_of(70_000, job)

    with h5py.File(tmp_path / "run.h5", "w") as file:
        group = file.create_group("io")
        write_io_log(group, logs())

    assert [set(lengths) for lengths in written] == [{0}, {65_536}, {2 * 65_536}, {3 * 65_536}]
