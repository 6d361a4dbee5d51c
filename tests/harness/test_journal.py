"""What is in the journal was there when it happened, on the disk, and no line of it can be changed unnoticed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.harness.journal import (
    JOURNAL_NAME,
    JOURNAL_VERSION,
    Document,
    Journal,
    Remark,
    Sample,
    Start,
    StepBegins,
    StepEnds,
    Stop,
    digest_of,
    read_journal,
)
from storbench.results.histogram import Histogram
from storbench.results.measurement import Direction, Latency, Measurement
from storbench.results.record import Campaign

START = Start(
    JOURNAL_VERSION, "run1", 1.5, "out.h5", {"workload": "randrw"}, {"host": "höst"}, "fio-3.33", Campaign("c")
)
MEASURED = Measurement("fio-3.33", 1.0, read=Direction(7, 28672, 1.0, 7.0, 28672.0, Latency(Histogram({3: 7}))))
DOCUMENTS: list[Document] = [
    START,
    StepBegins(0, 2.0, {"kind": "measure", "label": "first"}),
    Sample({"cpu": 12.5}),
    StepEnds(0, 3.0, "COMPLETED", measurement=MEASURED, folder="0000-measure", raw="fio.json", io_logs=("a", "b")),
    Remark(3.5, "a sentence,\nin two lines"),
    StepBegins(1, 4.0, {"kind": "idle"}),
    StepEnds(1, 5.0, "ERROR", "fio hung"),
    Stop(6.0, "ERROR", "fio hung", {"host": "höst"}),
]


def written(folder: Path, documents: list[Document] = DOCUMENTS) -> bytes:
    """Write documents as a runner does; give the file's bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JOURNAL_NAME).unlink(missing_ok=True)
    with Journal(folder) as journal:
        for document in documents:
            journal.append(document)
    return (folder / JOURNAL_NAME).read_bytes()


def plain(documents: list[Document]) -> list[Document]:
    return [msgspec.structs.replace(document, previous="") for document in documents]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journal")


@pytest.fixture(scope="module")
def content(folder: Path) -> bytes:
    return written(folder / "origin")


def reread(folder: Path, content: bytes) -> list[Document]:
    (folder / JOURNAL_NAME).write_bytes(content)
    return read_journal(folder).documents


def test_what_was_written_comes_back(folder: Path, content: bytes) -> None:
    found = read_journal(folder / "origin")
    assert plain(found.documents) == DOCUMENTS
    assert msgspec.structs.replace(found.start, previous="") == START
    assert found.stop is not None
    assert found.stop.status == "ERROR"
    assert found.whole == content
    ended = found.outcomes()
    assert list(ended) == [0, 1]
    assert ended[0].measurement == MEASURED
    assert ended[0].io_logs == ("a", "b")


def test_each_line_is_json_and_carries_the_hash_of_the_line_before(content: bytes) -> None:
    lines = content.splitlines()
    assert [json.loads(line)["type"] for line in lines][:4] == ["start", "step", "sample", "outcome"]
    carried = [json.loads(line)["previous"] for line in lines]
    assert carried == ["0" * 64, *(digest_of(line) for line in lines[:-1])]


@given(st.data())
def test_a_changed_byte_in_any_line_is_found(folder: Path, content: bytes, data: st.DataObject) -> None:
    # The last line has no follower: its seal is the file that the journal becomes.
    end = content.rstrip(b"\n").rfind(b"\n")
    place = data.draw(st.integers(0, end - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    changed = content[:place] + bytes([value]) + content[place + 1 :]
    with pytest.raises(InputError) as caught:
        reread(folder, changed)
    assert JOURNAL_NAME in caught.value.problem


def test_another_end_of_line_is_a_change_too(folder: Path, content: bytes) -> None:
    for place in [place for place, byte in enumerate(content) if byte == 10][:-1]:
        with pytest.raises(InputError):
            reread(folder, content[:place] + b"\r" + content[place + 1 :])


@given(st.data())
def test_a_line_that_is_taken_out_doubled_or_moved_is_found(folder: Path, content: bytes, data: st.DataObject) -> None:
    lines = content.splitlines(keepends=True)
    kind = data.draw(st.sampled_from(["out", "doubled", "moved"]))
    place = data.draw(st.integers(0, len(lines) - 2))
    line = lines.pop(place)
    if kind == "doubled":
        lines[place:place] = [line, line]
    elif kind == "moved":
        lines.insert(data.draw(st.integers(0, len(lines)).filter(lambda other: other != place)), line)
    with pytest.raises(InputError):
        reread(folder, b"".join(lines))


def test_cut_at_any_byte_it_is_a_prefix_of_what_was_written(folder: Path, content: bytes) -> None:
    first = content.index(b"\n") + 1
    # Every byte around every line's end, and some of the rest.
    ends = [place for place, byte in enumerate(content) if byte == 10]
    near = {place + offset for place in ends for offset in (-1, 0, 1, 2)}
    places = sorted({*near, *random.Random(1).sample(range(len(content)), 200)} & set(range(len(content) + 1)))  # noqa: S311
    for place in places:
        if place < first:
            with pytest.raises(InputError, match="no start document"):
                reread(folder, content[:place])
            continue
        found = reread(folder, content[:place])
        assert plain(found) == DOCUMENTS[: content[:place].count(b"\n")]


def test_after_a_torn_line_the_journal_goes_on_as_if_it_had_never_been(tmp_path: Path, content: bytes) -> None:
    lines = content.splitlines(keepends=True)
    (tmp_path / JOURNAL_NAME).write_bytes(b"".join(lines[:4]) + lines[4][:20])
    assert read_journal(tmp_path).stop is None
    with Journal.resume(tmp_path) as journal:
        for document in DOCUMENTS[4:]:
            journal.append(document)
    assert (tmp_path / JOURNAL_NAME).read_bytes() == content


def test_a_step_that_was_executed_again_counts_by_its_last_outcome(tmp_path: Path) -> None:
    written(tmp_path, [*DOCUMENTS[:-1], StepBegins(1, 7.0, {}), StepEnds(1, 8.0, "COMPLETED")])
    found = read_journal(tmp_path)
    assert found.stop is None
    assert found.outcomes()[1].status == "COMPLETED"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\n", b"hello\n", b"{}\n", b"\xff\xfe\n", b'{"type":"x"}\n', b"[" * 99999 + b"\n"]
)
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL_NAME).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_journal(tmp_path)
    assert caught.value.exit_status == 2


def test_a_folder_without_a_journal_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no journal") as caught:
        read_journal(tmp_path)
    assert str(tmp_path) in caught.value.problem
    assert caught.value.hint


def test_a_journal_that_does_not_begin_with_its_start_is_refused(tmp_path: Path) -> None:
    written(tmp_path, DOCUMENTS[1:])
    with pytest.raises(InputError, match="no start document"):
        read_journal(tmp_path)


def test_threads_write_whole_lines_in_one_chain(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.append(START)

        def sample(number: int) -> None:
            for value in range(50):
                journal.append(Sample({"thread": number, "value": value}), durable=False)

        threads = [threading.Thread(target=sample, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    samples = [document for document in read_journal(tmp_path).documents if isinstance(document, Sample)]
    for number in range(4):
        assert [s.values["value"] for s in samples if s.values["thread"] == number] == list(range(50))


def test_a_document_is_on_the_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, int]] = []
    write, sync = os.write, os.fsync

    def watched_write(descriptor: int, data: bytes) -> int:
        calls.append(("write", descriptor))
        return write(descriptor, data)

    def watched_sync(descriptor: int) -> None:
        calls.append(("fsync", descriptor))
        sync(descriptor)

    monkeypatch.setattr(os, "write", watched_write)
    monkeypatch.setattr(os, "fsync", watched_sync)
    with Journal(tmp_path) as journal:
        # The file's name is durable first.
        assert [name for name, _ in calls] == ["fsync"]
        journal.append(START)
        journal.append(Sample({}), durable=False)
        journal.note("a sentence")
    assert [name for name, _ in calls] == ["fsync", "write", "fsync", "write", "write", "fsync"]
    assert len({descriptor for _, descriptor in calls[1:]}) == 1


def test_what_was_appended_outlives_a_killed_writer(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from storbench.harness.journal import *\n"
        "from storbench.results.record import Campaign\n"
        f"journal = Journal(Path({str(tmp_path)!r}))\n"
        "journal.append(Start(1, 'r', 0.0, 'o.h5', {}, {}, 'fio', Campaign('c')))\n"
        "for number in range(10**9):\n"
        "    journal.append(StepEnds(number, 0.0, 'COMPLETED'))\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        told = [int(writer.stdout.readline()) for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
    assert set(told) <= set(read_journal(tmp_path).outcomes())
