"""What fio measured elsewhere becomes a run with fio's own numbers; what is not fio's is refused by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import h5py
import pytest

from storbench import open_run
from storbench.common.errors import InputError
from storbench.harness.fio_import import import_results
from storbench.results.histogram import supported
from storbench.results.measurement import Direction
from storbench.results.verification import verify_file

DATA = Path(__file__).parents[1] / "data"
SSSPT = DATA / "ssspt"
SCRUBBED = DATA / "virtualclient" / "Results_FIO_ReadWrite.json"


def fio(folder: Path, output: str, *options: str, kind: str = "json+") -> dict[str, Any]:
    """Run real fio by hand and give what it wrote into the file."""
    path = folder / output
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["fio", "--name=job", "--ioengine=null", "--size=64M", f"--output-format={kind}", f"--output={path}"]
    subprocess.run([*command, *options], cwd=folder, capture_output=True, timeout=60, check=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def assert_same(direction: Direction, said: dict[str, Any]) -> None:
    """Compare with a direction of fio's JSON."""
    assert direction.ios == said["total_ios"]
    assert direction.iops == said["iops"]
    assert direction.bandwidth == said["bw_bytes"]
    assert direction.latency.mean_ns == said["clat_ns"]["mean"]
    checked = 0
    for percent, value in said["clat_ns"]["percentile"].items():
        if supported(direction.latency.samples, float(percent)) and float(percent) in (50, 90, 95, 99, 99.9, 99.99):
            assert direction.latency.percentile(float(percent)) == pytest.approx(value, rel=1 / 64)
            checked += 1
    assert checked >= 3


def test_an_imported_run_verifies_though_it_has_no_journal(tmp_path: Path) -> None:
    path = import_results(SCRUBBED, tmp_path / "a.h5")
    found = verify_file(path)
    assert (found.intact, found.digests, found.journal_kept) == (True, "agree", False)
    with h5py.File(path, "r+") as file:
        file["table/value"][0] = 1.0
    assert not verify_file(path).intact


@pytest.mark.parametrize("kind", ["json", "json+"])
def test_the_numbers_are_fios_own(tmp_path: Path, kind: str) -> None:
    raw = fio(tmp_path, "out.json", "--rw=randrw", "--bs=4k", "--iodepth=4", kind=kind)
    path = import_results(tmp_path / "out.json", tmp_path / "out.h5")
    with open_run(path) as run:
        assert run.header.status == "COMPLETED"
        assert run.header.engine == raw["fio version"]
        (step,) = run.steps
        assert step.measurement is not None
        assert_same(step.measurement.read, raw["jobs"][0]["read"])
        assert_same(step.measurement.write, raw["jobs"][0]["write"])
        assert any("json+" in note for note in step.measurement.notes) == (kind == "json")
        assert (step.job["block_size"], step.job["queue_depth"], step.job["read_fraction"]) == (4096, 4, 0.5)
        assert json.loads(step.raw) == raw
        assert any("imported" in note for note in run.notes)


def test_published_rounds_come_in_the_order_in_which_they_were_measured(tmp_path: Path) -> None:
    path = import_results(SSSPT, tmp_path / "ssspt.h5")
    files = sorted(SSSPT.glob("*.json"), key=lambda file: json.loads(file.read_text())["timestamp_ms"])
    with open_run(path) as run:
        assert [step.step["file"] for step in run.steps] == [file.name for file in files]
        # By name, round 10 would come before round 2.
        rounds = [file.stem.rpartition("_round")[2] for file in files if "64KB" in file.name]
        assert rounds == [str(number) for number in range(1, 12)]
        for step, file in zip(run.steps, files, strict=True):
            raw = json.loads(file.read_text())["jobs"][0]
            assert step.measurement is not None
            direction = "write" if raw["write"]["total_ios"] else "read"
            assert_same(getattr(step.measurement, direction), raw[direction])
            assert step.measurement.runtime_s == pytest.approx(60, abs=0.1)
        # fio called each of them 'wdpc'.
        assert {step.label for step in run.steps} == {
            "randread 1MiB qd16 x2",
            "randrw 65% 64KiB qd16 x2",
            "randwrite 4KiB qd16 x2",
        }
        assert run.header.device == "imported:/dev/sda"
        assert run.header.created.startswith("2018-08-")


def test_a_tree_of_bench_fio_becomes_one_run(tmp_path: Path) -> None:
    # Its layout: OUTPUT/DEVICE/[MODE and MIX/]BLOCK SIZE/MODE-QUEUE DEPTH-JOBS.json, every job of one name, and logs.
    tree = tmp_path / "bench"
    options = ["--group_reporting", "--io_size=4M", "--filename=/dev/sdb"]
    for depth in (1, 16):
        load = ["--rw=randread", "--bs=4k", f"--iodepth={depth}", "--numjobs=2", *options]
        fio(tmp_path, f"bench/sdb/4k/randread-{depth}-2.json", *load, kind="json")
    mixed = ["--rw=randrw", "--rwmixread=70", "--bs=8k", "--iodepth=1", *options]
    fio(tmp_path, "bench/sdb/randrw70/8k/randrw-1-1.json", *mixed, kind="json")
    (tree / "sdb" / "4k" / "randread-iodepth-1-numjobs-2_bw.1.log").write_text("500, 1, 0, 0, 0\n")
    with open_run(import_results(tree, tmp_path / "bench.h5")) as run:
        assert [step.label for step in run.steps] == [
            "randread 4KiB qd1 x2", "randread 4KiB qd16 x2", "randrw 70% 8KiB qd1"
        ]  # fmt: skip
        assert [step.labels["queue_depth"] for step in run.steps] == [1, 16, 1]
        assert [step.step["file"] for step in run.steps][2] == "sdb/randrw70/8k/randrw-1-1.json"


def test_results_of_several_targets_are_told_apart(tmp_path: Path) -> None:
    for name in ("sda", "sdb"):
        fio(tmp_path, f"bench/{name}.json", "--rw=read", "--io_size=1M", f"--filename=/dev/{name}")
    with open_run(import_results(tmp_path / "bench", tmp_path / "out.h5")) as run:
        assert [step.label for step in run.steps] == ["job on /dev/sda", "job on /dev/sdb"]
        assert any("2 targets: /dev/sda, /dev/sdb" in note for note in run.notes)


def test_clients_of_one_job_are_one_step_and_other_jobs_are_others(tmp_path: Path) -> None:
    second = ["--name=other", "--ioengine=null", "--size=64M", "--rw=write", "--io_size=1M"]
    fio(tmp_path, "out.json", "--rw=read", "--numjobs=3", "--io_size=1M", *second)
    with open_run(import_results(tmp_path / "out.json", tmp_path / "out.h5")) as run:
        assert [step.label for step in run.steps] == ["job", "other"]
        first, other = [step.measurement for step in run.steps]
        assert first is not None
        assert other is not None
        assert first.clients.name == ["job"] * 3
        assert first.read.ios == 3 * 256
        assert (other.read.ios, other.write.ios) == (0, 256)
        # The file is kept once.
        assert [bool(step.raw) for step in run.steps] == [True, False]


def test_a_job_that_failed_is_an_error_and_keeps_its_numbers(tmp_path: Path) -> None:
    raw = json.loads(SCRUBBED.read_text())
    raw["jobs"][0]["error"] = 5
    (tmp_path / "failed.json").write_text(json.dumps(raw, indent=2))
    with open_run(import_results(tmp_path / "failed.json", tmp_path / "out.h5")) as run:
        assert run.header.status == "ERROR"
        assert "EIO" in run.header.reason
        measurement = run.steps[0].measurement
        assert measurement is not None
        assert measurement.errors == {"EIO": 1}


def test_scrubbed_plain_json_is_taken_with_what_cannot_be_said(tmp_path: Path) -> None:
    with open_run(import_results(SCRUBBED, tmp_path / "out.h5")) as run:
        measurement = run.steps[0].measurement
        assert measurement is not None
        raw = json.loads(SCRUBBED.read_text())["jobs"][0]
        assert measurement.read.latency.percentile(99) == raw["read"]["clat_ns"]["percentile"]["99.000000"]
        assert any("json+" in note for note in measurement.notes)


FOREIGN = {
    "not-json.json": b"hello\n",
    "empty.json": b"",
    "other.json": b'{"name": "package", "version": "1.0"}',
    "list.json": b"[1, 2]",
    "no-jobs.json": b'{"fio version": "fio-3.33", "jobs": []}',
    "torn.json": (SSSPT / "hp_iops_2_wdpc_bs4KB_read0_round1.json").read_bytes()[:5000],
    "error.txt": (DATA / "virtualclient" / "Results_FIO_Error_1.txt").read_bytes(),
    "binary.json": bytes(range(256)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused_by_name_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(FOREIGN[name])
    with pytest.raises(InputError) as caught:
        import_results(Path(name), None)
    assert name in caught.value.problem
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208


def test_words_of_fio_in_place_of_a_result_are_quoted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="err=84"):
        import_results(DATA / "virtualclient" / "Results_FIO_Error_1.txt", tmp_path / "out.h5")


def test_foreign_files_in_a_folder_are_left_out_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(SCRUBBED, folder / "good.json")
    for name, content in FOREIGN.items():
        (folder / name).write_bytes(content)
    with open_run(import_results(folder, tmp_path / "out.h5")) as run:
        assert len(run.steps) == 1
        named = [note.split(" ")[0] for note in run.notes if "left out" in note]
        assert named == sorted(name for name in FOREIGN if name.endswith(".json"))
    (folder / "good.json").unlink()
    with pytest.raises(InputError, match="holds no fio JSON") as caught:
        import_results(folder, tmp_path / "none.h5")
    assert "not-json.json" in caught.value.problem
    assert not (tmp_path / "none.h5").exists()


def test_without_a_name_the_run_is_called_after_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SSSPT, "bench.2018")
    shutil.copy(SCRUBBED, "a.json")
    assert import_results(Path("bench.2018"), None) == Path("runs/import-bench.2018.h5")
    assert import_results(Path("a.json"), None) == Path("runs/import-a.h5")
    assert import_results(Path("a.json"), tmp_path) == tmp_path / "import-a.h5"


def test_nothing_is_overwritten_and_no_other_name_taken(tmp_path: Path) -> None:
    (tmp_path / "out.h5").write_text("mine")
    with pytest.raises(InputError, match="exists"):
        import_results(SCRUBBED, tmp_path / "out.h5")
    assert (tmp_path / "out.h5").read_text() == "mine"
    with pytest.raises(InputError, match=r"\.h5"):
        import_results(SCRUBBED, tmp_path / "out.json")
    for source in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match=str(source)):
            import_results(source, tmp_path / "x.h5")


def test_a_file_without_a_time_has_that_of_its_last_change(tmp_path: Path) -> None:
    raw = json.loads(SCRUBBED.read_text())
    raw |= {"timestamp": -(10**15), "timestamp_ms": -(10**15)}
    (tmp_path / "a.json").write_text(json.dumps(raw))
    os.utime(tmp_path / "a.json", (1_500_000_000, 1_500_000_000))
    with open_run(import_results(tmp_path / "a.json", tmp_path / "a.h5")) as run:
        assert run.header.ended.startswith("2017-07-14")
