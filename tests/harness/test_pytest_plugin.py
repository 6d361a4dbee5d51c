"""The pytest plug-in, in a project of its own that is run as its users do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import storbench
from storbench.common.errors import InputError, MeasurementError
from storbench.harness.pytest_storage import seconds_of
from storbench.results.measurement import Direction, Measurement

PROJECT = Path(__file__).with_name("pytest_project")
FAST, SLOW = "emu:pcm-onyx?size=16MiB", "emu:pcm-onyx?size=16MiB&link_rtt=100us"
READS = ["test_storage.py::test_random_reads"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, with a configuration in which warnings are errors, as in ours."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
    return folder


def run_pytest(folder: Path, *arguments: str, status: int | None = 0) -> str:
    """Run pytest in a project; give what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        timeout=500,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert status is None or done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def saved(folder: Path, name: str = "out.json") -> dict[str, Any]:
    """Read pytest-benchmark's JSON: test to benchmark."""
    return {one["name"]: one for one in json.loads((folder / name).read_text())["benchmarks"]}


def test_storage_tests_are_in_the_table_and_in_the_json(project: Path) -> None:
    said = run_pytest(project, "--storage-device", FAST, "--benchmark-json", "out.json")

    assert "4 passed" in said
    assert "test_random_writes[4]" in said.partition("OPS")[2]
    found = saved(project)
    reads = found["test_random_reads"]
    info = reads["extra_info"]
    rates = []
    for path in info["hdf5"]:
        with storbench.open_run(path) as run:
            (step,) = run.measured
            assert step.measurement is not None
            rates.append(step.measurement.iops)
            assert run.header.device == FAST
            assert run.header.campaign is not None
            assert run.header.campaign.repeats == 3
    assert sorted(reads["stats"]["data"]) == sorted(1 / rate for rate in rates)
    assert reads["stats"]["ops"] == pytest.approx(info["iops"])
    assert info["device"] == FAST
    assert info["fio"]
    assert info["engine"] == f"fio-{info['fio']}"
    assert info["latency_ns"]["read"]["p50"] < info["latency_ns"]["read"]["p99"]
    writes = found["test_random_writes[1]"]
    assert writes["stats"]["rounds"] == 3 == len(writes["extra_info"]["hdf5"])
    assert writes["stats"]["median"] < 0.1  # seconds: a p99
    assert writes["stats"]["max"] * 1e9 > writes["extra_info"]["latency_ns"]["write"]["p50"]


def test_a_slowed_device_fails_by_pytest_benchmarks_own_comparison(project: Path) -> None:
    limit = ["--benchmark-compare", "--benchmark-compare-fail", "median:50%"]
    run_pytest(project, *READS, "--storage-device", SLOW, "--benchmark-save", "first")

    same = run_pytest(project, *READS, "--storage-device", SLOW, *limit)
    faster = run_pytest(project, *READS, "--storage-device", FAST, *limit, "--benchmark-save", "second")
    assert "Performance has regressed" not in same + faster

    slower = run_pytest(project, *READS, "--storage-device", SLOW, "--benchmark-compare=0002", *limit[1:], status=None)
    assert "Performance has regressed" in slower
    assert "1 passed" in same
    shown = subprocess.run(
        [Path(sys.executable).with_name("pytest-benchmark"), "compare", "--columns=ops", "--csv=table.csv"],
        capture_output=True,
        text=True,
        cwd=project,
        check=True,
    )
    assert "test_random_reads (0001_first)" in shown.stdout


def test_a_slowed_device_fails_by_the_statistics_of_earlier_sessions(project: Path) -> None:
    compare = ["--storage-compare", "runs"]
    said = run_pytest(project, *READS, "--storage-device", FAST, *compare[:1], ".")
    assert "INCONCLUSIVE: there is no earlier session of this test with this recipe" in said
    for _ in range(2):
        run_pytest(project, *READS, "--storage-device", FAST)

    same = run_pytest(project, *READS, "--storage-device", FAST, *compare)
    assert "REGRESSED" not in same
    assert "against 3 earlier sessions" in same
    assert len(list((project / "runs").iterdir())) == 4
    slower = run_pytest(project, *READS, "--storage-device", SLOW, *compare, "--storage-output", "slow", status=1)
    assert "1 passed" in slower
    assert "test_storage.py::test_random_reads: randread 4KiB qd1 read latency_p50: REGRESSED: +" in slower
    run_pytest(
        project, *READS, "--storage-device", SLOW, *compare, "--storage-output", "slow", "--storage-fail-on", "never"
    )
    few = ["--storage-compare", str(next((project / "slow").iterdir())), "--storage-fail-on"]
    assert "1 earlier session do" in run_pytest(project, *READS, "--storage-device", SLOW, *few, "regressed")
    run_pytest(project, *READS, "--storage-device", SLOW, *few, "inconclusive", status=1)


def test_what_cannot_be_compared_fails_the_session_and_says_why(project: Path) -> None:
    device = ["--storage-device", "sim:pcm-onyx?size=16MiB"]
    for _ in range(3):
        run_pytest(project, *READS, *device)
    said = run_pytest(project, *READS, *device, "--storage-compare", "runs", status=1)
    assert "same value, to the last digit" in said
    assert "there is no such file" in run_pytest(project, *device, "--storage-compare", "nonsense", status=4)


def test_a_round_is_one_run_and_without_benchmarks_there_is_one(project: Path) -> None:
    run_pytest(project, *READS, "--storage-device", FAST, "--benchmark-disable", "--storage-output", "kept")
    assert [path.name for path in (project / "kept").rglob("*.h5")] == ["test_storage.py-test_random_reads.h5"]
    said = run_pytest(project, "--storage-device", FAST, "--benchmark-skip")
    assert "1 passed, 3 skipped" in said


def test_a_project_runs_on_without_the_plugin(project: Path) -> None:
    said = run_pytest(project, "-p", "no:storbench", "-k", "nothing", "-o", "addopts=", "-W", "default")
    assert "1 passed" in said
    assert "fixture 'storage' not found" in run_pytest(
        project, "-p", "no:storbench", *READS, "-o", "addopts=", "-W", "default", status=1
    )


def test_without_pytest_benchmark_a_storage_test_says_what_is_missing(project: Path) -> None:
    said = run_pytest(project, "-p", "no:benchmark", "--storage-device", FAST, status=1)
    assert "1 passed, 3 errors" in said
    assert "pip install 'storbench[pytest]'" in said


def test_tests_that_do_not_measure_load_next_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_plain.py").write_text(
        "import sys, pytest\n"
        "@pytest.fixture\n"
        "def storage():\n    return 'a fixture of the project'\n"
        "def test_plain(storage):\n"
        "    assert storage == 'a fixture of the project'\n"
        "    assert [n for n in sys.modules if n.split('.')[0] in ('h5py', 'msgspec', 'numpy', 'typer')] == []\n"
        "    assert {n for n in sys.modules if n.startswith('storbench')} == "
        "{'storbench', 'storbench.harness', 'storbench.harness.pytest_plugin'}\n"
    )
    assert "1 passed" in run_pytest(tmp_path, "-W", "error")


def test_workers_of_xdist_do_not_measure(project: Path) -> None:
    # A worker of pytest-xdist is a session whose configuration has `workerinput`; nothing else of it is needed here.
    (project / "conftest.py").write_text(
        "def pytest_configure(config):\n    config.workerinput = {'workerid': 'gw0'}\n"
    )
    said = run_pytest(project, "--storage-device", FAST, status=None)
    assert "disturb one another" in said
    assert "run these tests with -n 0" in said
    assert not list(project.rglob("*.h5"))


@pytest.mark.parametrize(
    ("marker", "call", "words"),
    [
        ("queue_depth='1,4'", "", "'randrw' measures 2 steps, and a test shows one"),
        ("step='nonsense'", "", "none of the steps of 'randrw' is called 'nonsense'"),
        ("metric='p98'", "", "there is no metric 'p98'"),
        ("rounds=0", "", "rounds is 1 or more"),
        ("rounds='many'", "", "Expected `int`, got `str` - at `$.rounds`"),
        ("queue_deep=4", "", "unknown parameter 'queue_deep'"),
        ("'snia.nonsense'", "", "there is no workload 'snia.nonsense'"),
        ("'randrw', 'file:x'", "", "one positional argument"),
        ("duration='0.1s', direction='write'", "", "no write was measured"),
        ("duration='0.1s', metric='p99.9999'", "", "do not support p99.9999"),
        ("duration='0.1s'", ".percentile(99.9999)", "do not support the 99.9999th percentile"),
    ],
)
def test_what_cannot_be_measured_fails_the_test_by_a_text(tmp_path: Path, marker: str, call: str, words: str) -> None:
    (tmp_path / "test_it.py").write_text(
        f"import pytest\n@pytest.mark.storage({marker})\ndef test_it(storage):\n    storage(){call}\n"
    )
    said = run_pytest(tmp_path, "--storage-device", "sim:pcm-onyx?size=16MiB", status=1)
    assert words in said
    assert call or "Traceback" not in said
    assert "During handling" not in said


def test_a_device_must_be_named_and_a_project_can_name_it(project: Path) -> None:
    assert "there is no device to measure" in run_pytest(project, *READS, status=1)
    (project / "conftest.py").write_text(
        "import pytest\n@pytest.fixture(params=['sim:pcm-onyx?size=16MiB', 'sim:pcm-onyx?size=32MiB'])\n"
        "def storage_device(request):\n    return request.param\n"
    )
    said = run_pytest(project, *READS, "--benchmark-json", "out.json")
    assert "2 passed" in said
    devices = {one["extra_info"]["device"] for one in saved(project).values()}
    assert devices == {"sim:pcm-onyx?size=16MiB", "sim:pcm-onyx?size=32MiB"}
    (project / "conftest.py").unlink()
    run_pytest(project, *READS, "-o", "storage_device=sim:pcm-onyx?size=16MiB")


def test_a_raw_device_needs_its_serial(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.storage(read_fraction=0, duration='0.1s')\ndef test_it(storage):\n    storage()\n"
    )
    said = run_pytest(tmp_path, "--storage-device", "block:/dev/null", "--storage-allow-destructive", "X", status=1)
    assert "/dev/null" in said
    assert not list(tmp_path.rglob("*.h5"))


def test_a_marker_of_pytest_benchmark_keeps_its_settings(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\npytestmark = pytest.mark.storage(duration='0.1s', rounds=2)\n"
        "@pytest.mark.benchmark(group='mine')\n@pytest.mark.storage(rounds=3)\ndef test_it(storage):\n    storage()\n"
    )
    run_pytest(tmp_path, "--storage-device", "sim:pcm-onyx?size=16MiB", "--benchmark-json", "out.json")
    found = saved(tmp_path)["test_it"]
    assert (found["group"], found["stats"]["rounds"]) == ("mine", 3)
    assert found["extra_info"]["parameters"]["duration"] == 0.1


def test_rates_are_seconds_per_io_and_latencies_are_seconds() -> None:
    measurement = Measurement("fio-3.33", 1.0, read=Direction(100, 100, 1.0, 200.0), write=Direction(50, 50, 1.0, 50.0))
    assert seconds_of(measurement, "iops", None) == 1 / 250
    assert seconds_of(measurement, "iops", "write") == 1 / 50
    with pytest.raises(InputError, match="no trim was measured"):
        seconds_of(measurement, "iops", "trim")
    with pytest.raises(MeasurementError, match="do not support p99"):
        seconds_of(measurement, "p99", None)
