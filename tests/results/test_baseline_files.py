"""The history of a new run: which files are its sessions, and what is refused as not comparable."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from storbench.common.errors import InputError, RunFileError
from storbench.results.baseline_files import history_of
from storbench.results.record import Campaign

DEVICE = "file:/data/t.bin?size=256MiB"


class Runs:
    """Writes run files of one load, each a little different."""

    def __init__(self, sample_runs: ModuleType, folder: Path) -> None:
        self._make = sample_runs
        self._folder = folder
        self._count = 0

    def write(
        self, name: str, *, device: str = DEVICE, header: dict[str, Any] | None = None,
        provenance: dict[str, Any] | None = None, recipe: str = "",
    ) -> Path:  # fmt: skip
        self._count += 1
        step = self._make.step(0, "randread", self._make.measurement(self._count, 9000 + self._count), {}, {"jobs": 1})
        steps = [step]
        values = {"run": f"run{self._count}", "created": f"2026-02-25T06:{self._count:02}:00.000+00:00"}
        made = self._make.record(device, steps, header=values | (header or {}), provenance=provenance or {})
        if recipe:
            made.recipe["parameters"]["comment"] = recipe
        path: Path = self._make.write(self._folder, name, made)
        return path


@pytest.fixture
def runs(sample_runs: ModuleType, tmp_path: Path) -> Runs:
    (tmp_path / "runs").mkdir()
    return Runs(sample_runs, tmp_path / "runs")


def test_runs_of_one_command_are_one_session_and_the_order_is_that_of_time(runs: Runs) -> None:
    late = runs.write("a", header={"created": "2026-03-01T00:00:00.000+00:00"})
    early = [runs.write(f"b{n}", header={"campaign": Campaign("c1", n, 2, n)}) for n in (1, 2)]
    new = runs.write("new")

    history = history_of([new], [late, *early])

    assert history.files == [early, [late]]
    assert {(one.job, one.metric) for one in history.samples} >= {
        ("randread read", "iops"),
        ("randread read", "latency_p99"),
    }
    rate = next(one for one in history.samples if one.metric == "iops")
    assert [len(session) for session in rate.baseline] == [2, 1]
    assert len(rate.candidate) == 1
    assert (rate.higher_is_better, rate.floor) == (True, 0.02)
    tail = next(one for one in history.samples if one.metric == "latency_p99")
    assert (tail.higher_is_better, tail.floor) == (False, 0.05)


def test_of_a_folder_only_what_did_the_same_is_taken(runs: Runs, tmp_path: Path) -> None:
    for number in range(3):
        runs.write(f"old{number}")
    runs.write("other-recipe", recipe="other")
    runs.write("other-device", device="file:/data/u.bin?size=256MiB")
    runs.write("broken", header={"status": "ERROR"})
    (tmp_path / "runs" / "no.h5").write_bytes(b"nonsense")
    new = runs.write("new")

    history = history_of([new], [tmp_path / "runs"])

    assert [path.stem for (path,) in history.files] == ["old0", "old1", "old2"]
    assert history.remarks == [
        "4 files of the folder are left out: another recipe or device, or not a complete run",
    ]


def test_a_file_that_is_named_must_fit(runs: Runs, tmp_path: Path) -> None:
    new = runs.write("new")
    with pytest.raises(InputError, match="recipe differs"):
        history_of([new], [runs.write("other", recipe="other")])
    with pytest.raises(InputError, match="ended ERROR"):
        history_of([new], [runs.write("failed", header={"status": "ERROR"})])
    with pytest.raises(RunFileError, match="no file"):
        history_of([new], [tmp_path / "missing.h5"])
    with pytest.raises(InputError, match="recipe differs"):
        history_of([new, runs.write("other2", recipe="other")], [runs.write("old")])


def test_a_run_is_not_compared_with_itself(runs: Runs) -> None:
    new = runs.write("new")
    history = history_of([new], [new, runs.write("old")])
    assert len(history.files) == 1
    assert "not compared with itself" in history.remarks[0]


def test_another_device_in_the_folder_is_taken_where_it_is_the_only_one(runs: Runs, tmp_path: Path) -> None:
    runs.write("old")
    new = runs.write("new", device="file:/data/other.bin?size=256MiB")
    history = history_of([new], [tmp_path / "runs"], ["model"])
    assert len(history.files) == 1
    assert "addressed in different ways" in history.remarks[0]
    runs.write("third", device="file:/data/third.bin?size=256MiB")
    with pytest.raises(InputError, match="several devices"):
        history_of([new], [tmp_path / "runs"], ["model"])


@pytest.mark.parametrize(
    ("name", "provenance"),
    [
        ("governor", {"environment_start": {"governor": "performance", "turbo": True}}),
        ("cpu_model", {"host": {"cpu_model": "another"}}),
        ("firmware", {"device_start": {"model": f"model of {DEVICE}", "firmware": "2"}}),
        ("temperature", {"health_start": {"temperature": 60}}),
        ("wear", {"health_start": {"percentage_used": 30}}),
    ],
)
def test_what_is_not_comparable_is_refused_and_can_be_allowed(
    runs: Runs, name: str, provenance: dict[str, Any]
) -> None:
    same = {
        "host": {"cpu_model": "one"}, "device_start": {"model": f"model of {DEVICE}", "firmware": "1"},
        "health_start": {"temperature": 40, "percentage_used": 1},
    }  # fmt: skip
    old = [runs.write(f"old{n}", provenance=same) for n in range(3)]
    new = runs.write("new", provenance={**same, **provenance})
    with pytest.raises(InputError, match=f"not comparable: {name} differs") as raised:
        history_of([new], old)
    assert f"--ignore-difference {name}" in raised.value.hint
    assert history_of([new], old, [name]).files == [[path] for path in old]


def test_a_difference_that_is_none_is_refused(runs: Runs) -> None:
    with pytest.raises(InputError, match="no difference 'firmwear'") as raised:
        history_of([runs.write("new")], [], ["firmwear"])
    assert "firmware" in raised.value.hint


def test_runs_without_anything_in_common_are_refused(runs: Runs, sample_runs: ModuleType, tmp_path: Path) -> None:
    new = runs.write("new")
    step = sample_runs.step(0, "other", sample_runs.measurement(1, 9000), {}, {"jobs": 2})
    other = sample_runs.write(tmp_path, "o", sample_runs.record(DEVICE, [step], header={"run": "o"}))
    with pytest.raises(InputError, match="no metric in common"):
        history_of([new], [other])
