"""fio's running sums become rates over time, exactly: nothing is lost, counted twice or left out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.harness.engines.fio.output import (
    FioDirection,
    FioDocument,
    FioJob,
    FioLatency,
    decode_document,
    documents_in,
)
from storbench.harness.engines.fio.series import SeriesBuilder
from storbench.results.measurement import Series

FAST, SLOW = "1000", "100000"
"""Two of fio's bins, in ns."""


def document(runtime_ms: float, reads: int, writes: int = 0, *, slow: int = 0, clock_ms: int = 0) -> FioDocument:
    """Give what fio prints after so many I/Os of 4 KiB since the start, `slow` of the reads at 100 us."""
    bins = {FAST: reads - slow, SLOW: slow}
    read = FioDirection(reads * 4096, runtime=runtime_ms, total_ios=reads, clat_ns=FioLatency(bins=bins))
    latency = FioLatency(bins={FAST: writes})
    write = FioDirection(writes * 4096, runtime=runtime_ms, total_ios=writes, clat_ns=latency)
    return FioDocument("fio-3.33", timestamp_ms=clock_ms, jobs=[FioJob("job", read=read, write=write)])


def series_of(*documents: FioDocument, ramp: bool = False) -> Series:
    builder = SeriesBuilder(ramp=ramp)
    for each in documents:
        builder.add(each)
    return builder.series()


def test_the_difference_of_two_documents_is_one_interval() -> None:
    found = series_of(document(1000, 500, 100), document(2000, 700, 400, slow=100))
    assert found.time_s == [1.0, 2.0]
    assert found.read_iops == [500, 200]
    assert found.write_iops == [100, 300]
    assert found.read_bandwidth == [500 * 4096, 200 * 4096]
    assert found.write_bandwidth == [100 * 4096, 300 * 4096]
    # The slow half of the second interval does not blur into the first, nor the first into it.
    assert found.read_p50_ns == [pytest.approx(1000, rel=1 / 64)] * 2
    assert found.read_max_ns == [pytest.approx(1000, rel=1 / 64), pytest.approx(100_000, rel=1 / 64)]
    assert found.read_p99_ns == [None, None]


def test_an_interval_without_an_io_is_a_zero_and_has_no_latency() -> None:
    found = series_of(document(1000, 500), document(2000, 500), document(3000, 500), document(4000, 900))
    assert found.read_iops == [500, 0, 0, 400]
    assert found.read_p50_ns[1:3] == found.read_max_ns[1:3] == [None, None]
    assert found.write_iops == [0, 0, 0, 0]


def test_a_document_that_did_not_come_makes_one_longer_interval() -> None:
    found = series_of(document(1000, 500), document(4000, 800))
    assert (found.time_s, found.read_iops) == ([1.0, 4.0], [500, 100])


def test_a_document_that_comes_twice_adds_nothing() -> None:
    last = document(2000, 900)
    assert series_of(document(1000, 500), last, last, last) == series_of(document(1000, 500), last)


def test_a_last_interval_too_short_for_a_rate_joins_the_one_before() -> None:
    found = series_of(document(1000, 500), document(2000, 1000), document(2003, 1009))
    assert found.time_s == [1.0, 2.003]
    assert found.read_iops[1] == pytest.approx(509 / 1.003)
    assert series_of(document(3, 9)).read_iops == [3000]


def test_a_run_without_a_document_has_no_series() -> None:
    assert series_of() == Series()
    assert series_of(document(0, 0)) == Series()


def test_what_the_ramp_did_is_left_out() -> None:
    ramping = (document(1000, 10, clock_ms=1000), document(2000, 20, clock_ms=2000))
    found = series_of(*ramping, document(900, 900, clock_ms=3000), document(1900, 1900, clock_ms=4000), ramp=True)
    assert found.time_s == [0.9, 1.9]
    assert found.read_iops == pytest.approx([1000, 1000])


def test_a_ramp_as_long_as_the_interval_is_left_out_too() -> None:
    found = series_of(
        document(900, 90, clock_ms=900),
        document(999, 999, clock_ms=2000),
        document(1999, 1999, clock_ms=3000),
        ramp=True,
    )
    assert (found.time_s, found.read_iops) == ([0.999, 1.999], [1000, 1000])


def test_a_slow_end_is_not_taken_for_the_end_of_a_ramp() -> None:
    documents = [document(1000, 1000, clock_ms=1000), document(2000, 2000, clock_ms=2000)]
    # The job was over, but fio took a second to close its file.
    found = series_of(*documents, document(2010, 2010, clock_ms=3500), ramp=True)
    assert found.time_s == [1.0, 2.01]
    without = series_of(document(900, 900, clock_ms=900), document(1000, 1000, clock_ms=2000))
    assert without.time_s == [1.0]


def test_clients_are_added_up() -> None:
    one = document(1000, 100).jobs[0]
    two = FioDocument("fio-3.33", jobs=[one, one])
    assert series_of(two).read_iops == [200]


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 5000), st.integers(0, 5000)), max_size=12))
def test_rates_times_lengths_are_the_counts_that_went_in(steps: list[tuple[int, int, int]]) -> None:
    builder, clock, reads, writes = SeriesBuilder(), 0, 0, 0
    for milliseconds, more_reads, more_writes in steps:
        clock, reads, writes = clock + milliseconds, reads + more_reads, writes + more_writes
        builder.add(document(clock, reads, writes))
    found = builder.series()
    lengths = [end - start for start, end in zip([0.0, *found.time_s], found.time_s, strict=False)]
    for iops, bandwidth, total in (
        (found.read_iops, found.read_bandwidth, reads),
        (found.write_iops, found.write_bandwidth, writes),
    ):
        assert sum(rate * length for rate, length in zip(iops, lengths, strict=True)) == pytest.approx(total)
        assert sum(rate * length for rate, length in zip(bandwidth, lengths, strict=True)) == pytest.approx(
            4096 * total
        )
    assert (
        len({len(column) for column in (found.time_s, found.read_p50_ns, found.write_p99_ns, found.read_max_ns)}) == 1
    )


def test_the_documents_of_real_fio_lose_nothing_after_its_ramp(tmp_path: Path) -> None:
    load = ["--name=a", "--ioengine=null", "--size=1G", "--rw=randrw", "--bs=4k", "--rate_iops=2000,1000"]
    length = ["--ramp_time=1", "--runtime=2", "--time_based", "--status-interval=1"]
    command = ["fio", *load, *length, "--output-format=json+", "--eta=never"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    documents = [decode_document(each) for each in documents_in(done.stdout)[0]]
    found, last = series_of(*documents, ramp=True), documents[-1].jobs[0]
    lengths = [end - start for start, end in zip([0.0, *found.time_s], found.time_s, strict=False)]
    for iops, part in ((found.read_iops, last.read), (found.write_iops, last.write)):
        assert sum(rate * length for rate, length in zip(iops, lengths, strict=True)) == pytest.approx(part.total_ios)
    assert found.time_s[-1] == last.read.runtime / 1000
