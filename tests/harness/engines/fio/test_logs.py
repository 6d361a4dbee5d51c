from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError, MeasurementError
from storbench.devices.base import Target
from storbench.harness.engines.fio import logs
from storbench.harness.engines.fio.job_file import IO_LOG_COLUMNS, io_log_names, render_job_file
from storbench.harness.engines.fio.logs import parse_io_log
from storbench.results.io_log import IoLog
from storbench.workloads.job import Job

LARGEST = 10**18 - 1
WHOLE_LINE = re.compile(rb"[0-9]{1,18}, [0-9]{1,18}, [0-9], [0-9]{1,18}, [0-9]{1,18}, ([0-9]{1,4}|0x[0-9a-f]{1,4})")

numbers = st.integers(0, LARGEST) | st.integers(0, 10**9)
rows = st.lists(
    st.tuples(numbers, numbers, st.integers(0, 2), numbers, numbers, st.integers(0, 0xFFFF) | st.just(0)), max_size=60
)


def text_of(table: Sequence[tuple[int, ...]]) -> bytes:
    return "".join("{}, {}, {}, {}, {}, 0x{:04x}\n".format(*row) for row in table).encode()


def parse(folder: Path, content: bytes, job: int = 0) -> IoLog:
    path = folder / "io_clat.1.log"
    path.write_bytes(content)
    return parse_io_log(path, IO_LOG_COLUMNS, job=job)


def table_of(log: IoLog) -> list[tuple[int, ...]]:
    columns = (log.time_ms, log.latency_ns, log.direction, log.block_size, log.offset, log.priority)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs")


@given(rows)
@example([(0, LARGEST, 2, LARGEST, LARGEST, 0xFFFF)])
def test_every_line_that_fio_can_write_comes_back_as_its_numbers(folder: Path, table: list[tuple[int, ...]]) -> None:
    log = parse(folder, text_of(table), job=3)

    assert table_of(log) == table
    assert log.job.tolist() == [3] * len(table)
    assert log.dropped_lines == 0


@given(rows.filter(bool), st.data())
def test_a_log_cut_at_any_byte_gives_its_whole_lines(
    folder: Path, table: list[tuple[int, ...]], data: st.DataObject
) -> None:
    content = text_of(table)
    cut = content[: data.draw(st.integers(0, len(content)))]

    log = parse(folder, cut)

    assert table_of(log) == table[: cut.count(b"\n")]
    assert log.dropped_lines == (not cut.endswith(b"\n") and cut != b"")


@settings(max_examples=400)
@given(
    rows.filter(lambda table: len(table) > 1),
    st.data(),
    st.sampled_from([b"", b" ", b",", b"\n", b"x", b"-", b"0", b"7", b"a", b"\0", b"/", b":", b"\xff", b"e+05", b", "]),
)
def test_what_is_not_exactly_fios_line_is_refused_with_its_number(
    folder: Path, table: list[tuple[int, ...]], data: st.DataObject, intruder: bytes
) -> None:
    content = text_of(table)
    place = data.draw(st.integers(0, len(content) - 1))
    changed = content[:place] + intruder + content[place + data.draw(st.integers(0, 2)) :]
    *lines, rest = changed.split(b"\n")
    broken = [number for number, line in enumerate(lines, 1) if not WHOLE_LINE.fullmatch(line)]
    tolerated = {len(lines)} if not rest else set()

    if set(broken) <= tolerated:
        log = parse(folder, changed)
        assert len(log) == len(lines) - len(broken)
        assert log.dropped_lines == len(broken) + bool(rest)
    else:
        with pytest.raises(MeasurementError) as caught:
            parse(folder, changed)
        found = re.search(r"line (\d+)", caught.value.problem)
        assert found
        assert int(found[1]) in broken


def test_the_pieces_of_a_long_log_are_one_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = [(n, n * 7 % 999983, n % 3, 4096, n * 4096, 0) for n in range(3000)]
    for size in (1, 50, 997, 1 << 16):
        monkeypatch.setattr(logs, "_PIECE", size)
        assert table_of(parse(folder, text_of(table))) == table


def test_a_broken_line_in_a_later_piece_is_numbered_from_the_beginning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PIECE", 1000)
    lines = text_of([(n, n, 0, 4096, n, 0) for n in range(3000)]).splitlines(keepends=True)
    lines[1233] = b"1233, 5x, 0, 4096, 1233, 0x0000\n"

    with pytest.raises(MeasurementError, match=r"io_clat\.1\.log, line 1234: "):
        parse(folder, b"".join(lines))


def test_decimal_priorities_of_other_versions_are_read(folder: Path) -> None:
    assert parse(folder, b"0, 10, 0, 4096, 0, 1\n0, 10, 1, 4096, 0, 0\n").priority.tolist() == [1, 0]


def test_hexadecimal_priorities_are_read(folder: Path) -> None:
    log = parse(folder, b"0, 10, 0, 4096, 0, 0x4003\n0, 10, 1, 4096, 0, 0x0000\n0, 9, 1, 4096, 0, 0xffff\n")

    assert log.priority.tolist() == [0x4003, 0, 0xFFFF]


def test_an_empty_log_has_no_rows(folder: Path) -> None:
    log = parse(folder, b"")

    assert len(log) == 0
    assert log.dropped_lines == 0


def test_zeros_where_the_end_was_lost_are_dropped(folder: Path) -> None:
    log = parse(folder, text_of([(1, 2, 0, 512, 4, 0)] * 3) + b"\0" * (3 << 20))

    assert len(log) == 3
    assert log.dropped_lines == 1


def test_a_missing_log_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.log cannot be read: No such file"):
        parse_io_log(folder / "absent.log", IO_LOG_COLUMNS, job=0)


def test_real_fio_logs_every_io_of_every_client(tmp_path: Path) -> None:
    target = Target(1 << 20, {"filename": str(tmp_path / "data"), "ioengine": "psync", "direct": "0"})
    jobs = [
        Job(read_fraction=0.7, jobs=2, bytes=2 << 20),
        Job(pattern="sequential", read_fraction=0.0, bytes=1 << 20, fsync_every=16, fio_options={"prio": "3"}),
        Job(read_fraction=1.0, duration=0.3, ramp=0.2, rate_iops=500),
    ]
    (tmp_path / "job.fio").write_text(render_job_file(jobs, target, io_log=True))
    done = subprocess.run(
        ["fio", "--output-format=json+", "job.fio"], cwd=tmp_path, capture_output=True, check=True, timeout=60
    )
    document = json.loads(done.stdout[done.stdout.index(b"{") :])

    clients = document["jobs"]
    names = io_log_names(jobs)
    assert len(names) == len(clients) == 4
    for number, (name, client) in enumerate(zip(names, clients, strict=True)):
        log = parse_io_log(tmp_path / name, IO_LOG_COLUMNS, job=number)
        assert log.dropped_lines == 0
        for code, direction in enumerate(("read", "write", "trim")):
            mine = log.direction == code
            assert mine.sum() == client[direction]["total_ios"]
            assert log.block_size[mine].sum() == client[direction]["io_bytes"]
            if mine.any():
                latency = client[direction]["clat_ns"]
                assert log.latency_ns[mine].min() == latency["min"]
                assert log.latency_ns[mine].max() == latency["max"]
                assert log.latency_ns[mine].mean() == pytest.approx(latency["mean"], rel=1e-6)
        assert log.offset.max() < target.size
        # Milliseconds: the last I/O completed by the end of the client's runtime.
        assert log.time_ms.max() <= client["job_runtime"] + 1
        assert np.unique(log.priority).tolist() == ([0x4003] if number == 2 else [0])
