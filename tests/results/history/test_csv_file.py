"""Histories as CSV: what people write is read as they mean it, and what is ambiguous is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.results.history.csv_file import read_csv


def history(folder: Path, text: str) -> Path:
    path = folder / "history.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_put_in_the_order_of_time(tmp_path: Path) -> None:
    table = read_csv(history(tmp_path, "time,commit,iops\n2026-01-02T00:00:00Z,b,2\n2026-01-01,a,1\n2026-01-03,c,3\n"))
    (series,) = table.series
    assert [(point.row, point.commit, point.value) for point in series.points] == [
        (0, "a", 1),
        (1, "b", 2),
        (2, "c", 3),
    ]
    assert series.points[1].time - series.points[0].time == 86400
    assert table.dated
    assert table.remarks == ("The rows were not in the order of time: they were sorted",)


def test_numbers_order_rows_as_well_and_milliseconds_are_times(tmp_path: Path) -> None:
    runs = read_csv(history(tmp_path, "run,commit,iops\n1,a,5\n9,b,6\n"))
    assert not runs.dated
    assert [point.time for point in runs.series[0].points] == [1, 9]
    stamps = read_csv(history(tmp_path, "timestamp,commit,iops\n1700000000000,a,5\n1700000001000,b,6\n"))
    assert stamps.dated
    assert stamps.series[0].points[0].time == 1_700_000_000


def test_without_time_rows_are_in_order(tmp_path: Path) -> None:
    table = read_csv(history(tmp_path, "commit,iops\nz,5\na,6\n"))
    assert [point.commit for point in table.series[0].points] == ["z", "a"]
    assert "taken to be in order" in table.remarks[0]


def test_other_separators_quotes_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    table = read_csv(history(tmp_path, '\ufefftime;commit;"read; iops"\n1;a;5\n\n2;b;6\n'))
    assert [series.name for series in table.series] == ["read; iops"]
    assert read_csv(history(tmp_path, "time\tcommit\tiops\n1\ta\t5\n")).rows == 1


def test_units_may_stand_in_the_head_in_the_cells_or_in_a_column(tmp_path: Path) -> None:
    for text in (
        "time,commit,write latency [ms]\n1,a,5\n2,b,6\n", "time,commit,write latency\n1,a,5 ms\n2,b,6ms\n",
        "time,commit,unit,write latency\n1,a,ms,5\n2,b,ms,6\n",
    ):  # fmt: skip
        (series,) = read_csv(history(tmp_path, text)).series
        assert (series.metric, series.unit, series.values) == ("write latency", "ms", [5, 6])


@pytest.mark.parametrize(
    "text",
    [
        "time,commit,p99\n1,a,5 ms\n2,b,6 us\n", "time,commit,p99\n1,a,5 ms\n2,b,6\n",
        "time,commit,unit,p99\n1,a,ms,5\n2,b,us,6\n", "time,commit,p99 [ms]\n1,a,5\n2,b,6 us\n",
    ],
)  # fmt: skip
def test_mixed_units_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="mixed units") as raised:
        read_csv(history(tmp_path, text))
    assert "nothing is guessed" in raised.value.hint


def test_an_empty_cell_was_not_measured(tmp_path: Path) -> None:
    table = read_csv(history(tmp_path, "time,commit,iops,p99\n1,a,5,\n2,b,6,1\n3,c,7,2\n"))
    assert [point.row for point in table.series[1].points] == [1, 2]
    assert table.remarks == ("p99 was not measured in 1 of 3 rows",)


def test_columns_without_numbers_are_named_and_skipped(tmp_path: Path) -> None:
    table = read_csv(history(tmp_path, "time,commit,branch,iops\n1,a,main,5\n2,b,main,6\n"))
    assert [(one.metric, one.reason) for one in table.skipped] == [("branch", "no cell of it is a number")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no rows"),
        ("time,commit,iops\n", "has no rows"),
        ("time,iops\n1,5\n", "no column 'commit'"),
        ("time,commit,iops\n1,a,5\n2,,6\n3,,7\n", "line 3 and 1 more: the commit is missing"),
        ("time,commit,iops\n1,a,5\n2,b,nan\n", "line 3: iops is 'nan'"),
        ("time,commit,iops\n1,a,5\n2,b,-inf\n", "line 3: iops is '-inf'"),
        ("time,commit,iops\n1,a,5\n2,b,fast\n", "line 3: iops is 'fast', which is no number"),
        ("time,commit,iops\n1,a,5\n2,b\n", "line 3: 2 cells, but the head has 3"),
        ("time,commit,iops\nyesterday,a,5\n", "line 2: time 'yesterday' is no time"),
        ("time,commit,iops\n1,a,5\n2026-01-01,b,5\n", "some times are dates and some are numbers"),
        ("time,commit,iops,iops\n1,a,5,6\n", "names 'iops' twice"),
        ("time,commit,\n1,a,5\n", "column 3 has no name"),
        ("time,commit,branch\n1,a,main\n", "no column of numbers"),
        ('time,commit,iops\n1,a,"5\n', "line"),
    ],
)
def test_what_is_no_history_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_csv(history(tmp_path, text))


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_csv(tmp_path / "missing.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_csv(binary)


def test_what_storbench_exported_has_its_job_and_unit(tmp_path: Path) -> None:
    text = "time,commit,randread 4KiB qd1 read iops,randread 4KiB qd1 read latency_p99\n1,a,5,6\n"
    iops, latency = read_csv(history(tmp_path, text)).series
    assert (iops.job, iops.metric, iops.unit, iops.name) == (
        "randread 4KiB qd1 read", "iops", "1/s", "randread 4KiB qd1 read iops"
    )  # fmt: skip
    assert (latency.metric, latency.unit, latency.higher_is_better) == ("latency_p99", "ns", False)
