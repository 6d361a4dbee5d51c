"""What fio says of failed I/Os, however its words are cut; and a log of which the end is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.common.errors import MeasurementError
from storbench.harness.engines.base import IoError
from storbench.harness.engines.fio.io_errors import ErrorReader
from storbench.harness.engines.fio.log_lines import check_complete
from storbench.harness.engines.fio.output import FioDirection, FioJob

SAID = b"fio: io_u error on file a: b: Input/output error: write offset=8192, buflen=4096\n"


@pytest.mark.parametrize("cut", [1, 7, len(SAID), 10_000])
def test_errors_are_kept_with_place_and_time_however_the_words_are_cut(tmp_path: Path, cut: int) -> None:
    now = iter(range(10_000))
    reader = ErrorReader(tmp_path / "said", lambda: float(next(now)))
    text = b"fio: something else\n" + SAID * 3
    for at in range(0, len(text), cut):
        reader.feed(text[at : at + cut])
    assert (tmp_path / "said").read_bytes() == text
    times = [error.time for error in reader.errors]
    assert reader.errors == [IoError(time, "EIO", "write", 8192, 4096) for time in times]
    assert len(times) == 3
    assert times == sorted(times)


def test_a_fio_that_fails_without_end_fills_no_disk(tmp_path: Path) -> None:
    reader = ErrorReader(tmp_path / "said")
    for _ in range(80):
        reader.feed(b"x" * (1 << 20))
    assert (tmp_path / "said").stat().st_size <= 33 << 20


def job(ios: int, failed: int = 0) -> FioJob:
    return FioJob(read=FioDirection(total_ios=ios // 2), write=FioDirection(total_ios=ios - ios // 2), total_err=failed)


def test_a_log_without_its_end_is_an_error_and_no_result(tmp_path: Path) -> None:
    log = tmp_path / "io_clat.1.log"
    log.write_text("1, 2, 0, 4096, 0, 0x0000\n" * 10_000)
    check_complete([log], [job(10_000)])
    check_complete([log], [job(15_000, failed=5_000)])
    with pytest.raises(MeasurementError, match=r"has 10,000 of 20,000"):
        check_complete([log], [job(20_000)])
    # What is under way when fio ends is in its counts and not in its log.
    check_complete([log], [job(10_500)])
