"""What fio prints becomes a measurement with fio's own numbers, whatever stands around it or is missing from it."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError, MeasurementError
from storbench.harness.engines.fio.io_errors import errors_in
from storbench.harness.engines.fio.output import (
    DocumentSplitter,
    FioDocument,
    decode_document,
    documents_in,
    jobs_of_document,
    measurement_of,
)
from storbench.results.histogram import supported
from storbench.results.measurement import Measurement

DATA = Path(__file__).parents[3] / "data"
SSSPT = sorted((DATA / "ssspt").glob("*.json"))
PUBLISHED = [*SSSPT, *sorted((DATA / "fiosynth").glob("*.json")), *sorted((DATA / "virtualclient").glob("*.json"))]
by_name = pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Real output of the fio that is here: two clients that write, sync and read."""
    folder = tmp_path_factory.mktemp("fio")
    options = "--ioengine=psync --filename=t.bin --size=1M --io_size=512k --bs=4k --fsync=8 --numjobs=2"
    command = ["fio", "--name=one", "--rw=randrw", *options.split(), "--output-format=json+"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=True).stdout


def read(content: bytes) -> tuple[FioDocument, Measurement]:
    found, words = documents_in(content)
    document = decode_document(found[-1])
    return document, measurement_of(document, jobs_of_document(document), errors_in(words) or None)


def edited(content: bytes, change: dict[str, Any]) -> bytes:
    """Change fields of the document and of its first job (`jobs.NAME`)."""
    tree = json.loads(content)
    for name, value in change.items():
        place = tree["jobs"][0] if name.startswith("jobs.") else tree
        place[name.removeprefix("jobs.")] = value
    return json.dumps(tree, indent=2).encode()


@by_name
def test_published_rounds_keep_the_numbers_that_fio_printed(path: Path) -> None:
    raw = json.loads(path.read_text())["jobs"][0]
    _, found = read(path.read_bytes())
    for name in ("read", "write"):
        direction, said = getattr(found, name), raw[name]
        assert direction.ios == said["total_ios"]
        if not direction.ios:
            continue
        assert direction.bytes == said["io_bytes"]
        assert direction.iops == said["iops"]
        assert direction.bandwidth == said.get("bw_bytes", said["bw"] * 1024)
        assert (direction.latency.mean_ns, direction.latency.max_ns) == (
            said["clat_ns"]["mean"],
            said["clat_ns"]["max"],
        )
        for percent, value in said["clat_ns"]["percentile"].items():
            if supported(direction.latency.samples, float(percent)) and value:
                assert direction.latency.percentile(float(percent)) == value


def test_another_parser_finds_the_same_in_the_same_file() -> None:
    table = (DATA / "fiosynth" / "sample-2017-11-21_16-40.csv").read_text()
    rows = list(csv.DictReader(table.splitlines()))
    assert len(rows) == 2
    for row in rows:
        _, found = read((DATA / "fiosynth" / f"{row['Jobname']}.json").read_bytes())
        assert found.read.iops == float(row["Read_IOPS"])
        assert found.read.latency.mean_ns / 1000 == pytest.approx(float(row["Mean_Read_Latency"]))
        assert found.read.latency.max_ns / 1000 == float(row["Max_Read_Latency"])
        for percent in (50, 90):
            assert found.read.latency.percentile(percent) == float(row[f"P{percent}_Read_Latency"]) * 1000


@by_name
def test_a_round_lasts_as_long_as_fio_ran_even_where_it_adds_up_its_clients(path: Path) -> None:
    raw = json.loads(path.read_text())["jobs"][0]
    _, found = read(path.read_bytes())
    assert found.runtime_s * 1000 == pytest.approx(max(raw["read"]["runtime"], raw["write"]["runtime"]), abs=1)


def test_plain_json_says_that_its_percentiles_cannot_be_merged() -> None:
    path = DATA / "virtualclient" / "Results_FIO_ReadWrite.json"
    _, found = read(path.read_bytes())
    assert any("json+" in note for note in found.notes)
    assert not read(SSSPT[0].read_bytes())[1].notes


def test_clients_add_up_and_stay_apart(real: bytes) -> None:
    raw = json.loads(real)["jobs"]
    _, found = read(real)
    assert len(raw) == len(found.clients.name) == 2
    for name in ("read", "write"):
        direction, parts = getattr(found, name), [job[name] for job in raw]
        assert direction.ios == sum(part["total_ios"] for part in parts)
        assert direction.bytes == sum(part["io_bytes"] for part in parts)
        assert direction.latency.samples == direction.ios
        assert direction.latency.max_ns == max(part["clat_ns"]["max"] for part in parts)
        mean = sum(part["clat_ns"]["mean"] * part["total_ios"] for part in parts) / direction.ios
        assert direction.latency.mean_ns == pytest.approx(mean)
    assert found.clients.read_iops == [job["read"]["iops"] for job in raw]
    assert found.processor.context_switches == sum(job["ctx"] for job in raw)
    assert found.runtime_s * 1000 == max(job["job_runtime"] for job in raw)


def test_syncs_have_latencies_of_their_own(real: bytes) -> None:
    raw = json.loads(real)["jobs"]
    _, found = read(real)
    assert found.sync.samples == sum(job["sync"]["total_ios"] for job in raw) > 0
    assert found.sync.max_ns == max(job["sync"]["lat_ns"]["max"] for job in raw)


def test_latency_is_the_total_one_where_completions_were_not_timed(tmp_path: Path) -> None:
    shape = ["--ioengine=psync", "--filename=t.bin", "--size=256k", "--rw=read"]
    command = ["fio", "--name=one", *shape, "--disable_clat=1", "--lat_percentiles=1", "--output-format=json+"]
    content = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=True).stdout
    latency = read(content)[1].read.latency
    assert (latency.samples, latency.mean_ns) == (64, json.loads(content)["jobs"][0]["read"]["lat_ns"]["mean"])


def test_a_name_in_another_encoding_does_not_lose_the_numbers(real: bytes) -> None:
    assert read(real.replace(b"t.bin", b"gr\xf6sse.bin"))[1] == read(real)[1]


def test_words_around_the_document_are_kept_apart_from_it(real: bytes) -> None:
    noisy = b"fio: this platform does not support x\n<host> text\n" + real + b"\nfio: pid=1, err=5/file\r\n"
    found, words = documents_in(noisy)
    assert decode_document(found[-1]) == decode_document(documents_in(real)[0][-1])
    assert words == ["fio: this platform does not support x", "<host> text", "fio: pid=1, err=5/file"]


def test_a_message_in_the_middle_of_the_document_is_taken_out(real: bytes) -> None:
    lines = real.splitlines(keepends=True)
    noisy = b"".join(
        [*lines[:9], b"fio: io_u error on file t.bin: No space left on device: write offset=0\n", *lines[9:]]
    )
    found, words = documents_in(noisy)
    assert decode_document(found[-1]) == decode_document(documents_in(real)[0][-1])
    assert errors_in(words) == {"ENOSPC": 1}
    words = [f"fio: io_u error on file /x: a: {os.strerror(code)}: {verb} offset=0, buflen=4096"
             for code, verb in ((errno.EIO, "read"), (errno.EIO, "write"), (errno.ENOSPC, "write"))]  # fmt: skip
    assert errors_in(words) == {"EIO": 2, "ENOSPC": 1}


def test_several_documents_come_as_they_are_completed_however_the_stream_is_cut(real: bytes) -> None:
    splitter = DocumentSplitter()
    found = []
    for start in range(0, 3 * len(real), 777):
        found += splitter.feed((real * 3)[start : start + 777])
    found += splitter.close()
    assert [decode_document(one) for one in found] == [decode_document(documents_in(real)[0][0])] * 3
    assert splitter.words == []


def test_the_later_of_two_equal_keys_counts(real: bytes) -> None:
    doubled = real.replace(b'"job options" : {', b'"job options" : {\n"filename" : "a",\n"filename" : "b",', 1)
    doubled = doubled.replace(b'"filename" : "t.bin"', b'"filename" : "c"')
    assert b'"a"' in doubled
    options = {**json.loads(real)["jobs"][0]["job options"], "filename": "c"}
    # A line in the first column would be a message.
    document = decode_document(documents_in(doubled.replace(b'\n"filename"', b'\n "filename"'))[0][0])
    assert document.jobs[0].options == options


@pytest.mark.parametrize("version", ["fio-3.33", "fio-3.41", "fio-3.41-12-gabc-dirty"])
def test_fields_that_a_version_has_more_or_less_change_nothing(real: bytes, version: str) -> None:
    tree = json.loads(real)
    del tree["disk_util"]
    tree |= {"fio version": version, "global options": [{"bs": "4k"}, {"bs": "4k"}], "cpu_engine": {"x": [1, None]}}
    for job in tree["jobs"]:
        job |= {"job_start": 1764000000000, "latency_window": 0, "hostname": "a", "port": 8765}
        job["read"] |= {"slat_ns": None, "bw_hist": [1, 2]}
        del job["trim"]
    _, found = read(json.dumps(tree, indent=2).encode())
    expected = read(real)[1]
    assert found.engine == version
    assert (found.read, found.write, found.sync, found.clients) == (
        expected.read, expected.write, expected.sync, expected.clients)  # fmt: skip


def test_of_a_client_server_run_the_sum_is_not_counted_again(real: bytes) -> None:
    tree = json.loads(real)
    jobs = tree.pop("jobs")
    tree["client_stats"] = [*jobs, {**jobs[0], "jobname": "All clients"}]
    found = read(b"\n" + json.dumps(tree, indent=2).encode())[1]
    assert found.clients == read(real)[1].clients


def test_errors_are_counted_by_errno(real: bytes) -> None:
    assert read(real)[1].errors == {}
    failed = edited(real, {"jobs.error": 5, "jobs.total_err": 3, "jobs.first_error": 28})
    assert read(failed)[1].errors == {"ENOSPC": 3}
    assert read(edited(real, {"jobs.error": 4711}))[1].errors == {"errno 4711": 1}


def test_a_direction_without_percentiles_or_ios_is_empty(real: bytes) -> None:
    found = read(edited(real, {"jobs.write": {"total_ios": 0, "clat_ns": {"min": 0, "max": 0}}}))[1]
    assert found.write.ios == json.loads(real)["jobs"][1]["write"]["total_ios"]
    assert measurement_of(FioDocument(), []).read.latency.summary()["mean"] is None


@pytest.mark.parametrize("name", ["Results_FIO_Error_1.txt", "Results_FIO_Verification_Error_1.txt"])
def test_an_output_of_words_alone_has_no_document(name: str) -> None:
    found, words = documents_in((DATA / "virtualclient" / name).read_bytes())
    assert not found
    assert words


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b'{"jobs": []}', b'{"fio version": 3}', b"\xff\xfe", b'{"fio version": "FIO"}',
        b'{"fio version": "fio-3.33", "jobs": ' + b"[" * 100_000,
        b'{"fio version": "fio-3.33", "x": ' + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_not_fios_is_refused(content: bytes) -> None:
    with pytest.raises(MeasurementError):
        decode_document(content)


@pytest.mark.parametrize("latency", [{"bins": {"x": 1}}, {"bins": {"9" * 30: 1}}, {"percentile": {"p": 1}}])
def test_damaged_latencies_are_refused(real: bytes, latency: dict[str, Any]) -> None:
    with pytest.raises(MeasurementError, match="damaged"):
        read(edited(real, {"jobs.read": {"total_ios": 1, "clat_ns": latency}}))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_output_gives_a_clear_error_or_numbers_but_nothing_else(real: bytes, data: st.DataObject) -> None:
    content = bytearray(real)
    if data.draw(st.booleans(), label="truncate"):
        del content[data.draw(st.integers(0, len(content) - 1), label="at") :]
    for _ in range(data.draw(st.integers(0, 4), label="changes")):
        place = data.draw(st.integers(0, len(content)), label="place")
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=8) | st.just(b"-1e999"))
    for document in documents_in(bytes(content))[0]:
        try:
            decoded = decode_document(document)
            measurement_of(decoded, jobs_of_document(decoded))
        except (MeasurementError, InputError) as error:
            assert error.problem  # noqa: PT017
