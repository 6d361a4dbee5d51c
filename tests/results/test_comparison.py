from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.results.comparison import Comparison, RunData, compare, compare_files
from storbench.results.outline import Outline, StepOutline
from storbench.results.record import Campaign, RunHeader, StepRecord
from storbench.results.run_file import open_run


@pytest.fixture
def files(sample_runs: ModuleType, tmp_path: Path) -> list[Path]:
    """Two runs of one sweep, the second 1.5 times as fast."""
    return [
        sample_runs.write(tmp_path, name, sample_runs.record(device, sample_runs.sweep_steps(speed)))
        for name, device, speed in (("a", "file:/data/a.bin?size=1GiB", 10_000.0), ("b", "nbd:memory", 15_000.0))
    ]


def row(
    comparison: Comparison, label: str, direction: str, metric: str
) -> tuple[list[float | None], list[float | None]]:
    found = next(r for r in comparison.rows if (r.label, r.direction, r.metric) == (label, direction, metric))
    return found.values, found.ratio


def test_steps_with_the_same_job_are_aligned_whatever_the_device_and_the_seed(
    sample_runs: ModuleType, tmp_path: Path
) -> None:
    paths = [
        sample_runs.write(tmp_path, f"r{seed}", sample_runs.record("x:y", sample_runs.sweep_steps(10_000, seed=seed)))
        for seed in (1, 2)
    ]
    compared = compare_files(paths)
    assert len({r.step for r in compared.rows}) == len(sample_runs.DEPTHS)
    assert not [text for text in compared.unmatched if "counterpart" in text]


def test_values_are_the_files_own_and_ratios_follow(files: list[Path]) -> None:
    compared = compare_files(files)
    with open_run(files[0]) as a, open_run(files[1]) as b:
        for first, second in zip(a.measured, b.measured, strict=True):
            assert first.measurement is not None
            assert second.measurement is not None
            values, ratio = row(compared, first.label, "read", "iops")
            assert values == [first.measurement.read.iops, second.measurement.read.iops]
            assert ratio == [1.0, pytest.approx(1.5)]
            p99 = row(compared, first.label, "write", "latency_p99")[0]
            assert p99 == [
                first.measurement.write.latency.percentile(99),
                second.measurement.write.latency.percentile(99),
            ]


def test_the_reference_is_the_first_file(files: list[Path]) -> None:
    forth, back = compare_files(files), compare_files(files[::-1])
    label = forth.rows[0].label
    there, here = row(forth, label, "read", "iops")[1][1], row(back, label, "read", "iops")[1][1]
    assert there is not None
    assert here is not None
    assert there * here == pytest.approx(1)


def test_a_run_compared_with_itself_has_ratios_of_one(files: list[Path]) -> None:
    compared = compare_files([files[0], files[0]])
    assert {ratio for r in compared.rows for ratio in r.ratio if ratio is not None} == {1.0}
    assert len({subject.tag for subject in compared.subjects}) == 2


def test_what_only_one_run_has_is_named(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.sweep_steps(10_000)
    a = sample_runs.write(tmp_path, "a", sample_runs.record("file:a", steps))
    b = sample_runs.write(tmp_path, "b", sample_runs.record("file:b", steps[:-1]))
    compared = compare_files([a, b])
    assert f"file:b: no counterpart of {steps[-1].label}" in compared.unmatched
    assert steps[-1].label not in {r.label for r in compared.rows}


def test_repeats_of_one_command_are_one_subject_with_an_interval(sample_runs: ModuleType, tmp_path: Path) -> None:
    compared = compare_files(sample_runs.many_repeats(tmp_path, count=10, intervals=3))
    assert [len(subject.runs) for subject in compared.subjects] == [5, 5]
    assert [subject.paired for subject in compared.subjects] == [False, True]
    iops = [r for r in compared.rows if r.metric == "iops" and r.direction == "read"]
    for found in iops:
        assert found.n == [5, 5]
        assert found.ratio_interval[0] is None
        interval = found.ratio_interval[1]
        assert interval is not None
        assert found.ratio[1] is not None
        assert interval[0] <= found.ratio[1] <= interval[1] < 1


def test_two_commands_on_one_device_are_before_and_after(sample_runs: ModuleType, tmp_path: Path) -> None:
    paths = []
    for command in ("c1", "c2"):
        for repeat in (1, 2):
            campaign = Campaign(command, repeat, 2, repeat)
            run = sample_runs.record("file:x", sample_runs.sweep_steps(10_000), header={"campaign": campaign})
            paths.append(sample_runs.write(tmp_path, f"{command}-{repeat}", run))
    compared = compare_files(paths)
    assert [subject.runs for subject in compared.subjects] == [[0, 1], [2, 3]]
    assert not compared.subjects[1].paired


def test_what_a_reader_must_know_is_said(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.sweep_steps(10_000)
    host = {"host": {"hostname": "one", "kernel": "6.1.0", "fio": "fio-3.33"}}
    other = {"host": {"hostname": "two", "kernel": "6.8.0", "fio": "fio-3.36"}}
    a = sample_runs.write(tmp_path, "a", sample_runs.record("file:a", steps, provenance=host))
    late = sample_runs.record("file:b", steps, provenance=other, notes=["the page cache is not bypassed"],
                              header={"status": "ABORTED", "reason": "ended by the user"})  # fmt: skip
    b = sample_runs.write(tmp_path, "b", late)
    said = "\n".join(compare_files([a, b]).remarks)
    assert "ended as ABORTED" in said
    assert "fio differs (fio-3.33, fio-3.36)" in said
    assert "kernel differs" in said
    assert "file:b: the page cache is not bypassed" in said
    assert "may be chance" in said


def test_runs_without_anything_in_common_say_so(sample_runs: ModuleType, tmp_path: Path) -> None:
    a = sample_runs.write(tmp_path, "a", sample_runs.record("file:a", sample_runs.sweep_steps(9000, sizes=(4096,))))
    b = sample_runs.write(tmp_path, "b", sample_runs.record("file:b", sample_runs.sweep_steps(9000, sizes=(8192,))))
    compared = compare_files([a, b])
    assert compared.rows == []
    assert any("there is nothing to compare" in text for text in compared.remarks)


def fault_steps(sample_runs: ModuleType, *classes: str, bound_s: float) -> list[StepRecord]:
    """Loads of fault classes. What is allowed depends on the kind of device and is in the labels."""
    found = []
    for place, name in enumerate(classes):
        labels = {"fault": name, "phase": "load", "bound_s": bound_s}
        job = {"pattern": "random", "block_size": 4096}
        found.append(sample_runs.step(place, f"{name}: load", sample_runs.measurement(place, 1000), labels, job))
    return found


@pytest.mark.parametrize(("classes", "common"), [(("slow", "hang"), True), (("bit-flip", "rebuild"), False)])
def test_fault_classes_that_two_devices_share_are_something_in_common(
    sample_runs: ModuleType, tmp_path: Path, classes: tuple[str, ...], common: bool
) -> None:
    a = sample_runs.record("mirror:?size=1GiB", fault_steps(sample_runs, "hang", "slow", bound_s=1.0))
    b = sample_runs.record("nbd:memory", fault_steps(sample_runs, *classes, bound_s=4.0))
    compared = compare_files([sample_runs.write(tmp_path, "a", a), sample_runs.write(tmp_path, "b", b)])
    assert any("there is nothing to compare" in text for text in compared.remarks) is not common
    assert not [text for text in compared.unmatched if "counterpart" in text]


def test_a_percentile_that_one_side_lacks_is_not_compared(sample_runs: ModuleType, tmp_path: Path) -> None:
    job = {"pattern": "random", "block_size": 4096}
    paths = []
    for name, samples in (("many", 20_000), ("few", 500)):
        measured = sample_runs.measurement(1, 10_000, samples=samples)
        run = sample_runs.record(f"file:{name}", [sample_runs.step(0, "x", measured, {}, job)])
        paths.append(sample_runs.write(tmp_path, name, run))
    compared = compare_files(paths)
    metrics = {(r.direction, r.metric) for r in compared.rows}
    assert ("read", "latency_p50") in metrics
    assert ("read", "latency_p99.9") not in metrics
    assert any("file:few" in text and "p99.9" in text for text in compared.unmatched)


def test_a_zero_has_no_ratio(sample_runs: ModuleType, tmp_path: Path) -> None:
    job = {"pattern": "random", "block_size": 4096, "jobs": 2}
    paths = []
    for name, slowest in (("a", 0.0), ("b", 5.0)):
        clients = sample_runs.Clients(["x", "y"], [slowest, 10.0], [0.0, 0.0], [None, None], [None, None])
        measured = sample_runs.measurement(1, 10_000)
        measured = type(measured)(
            **{f: getattr(measured, f) for f in measured.__struct_fields__ if f != "clients"}, clients=clients
        )
        paths.append(
            sample_runs.write(
                tmp_path, name, sample_runs.record(f"file:{name}", [sample_runs.step(0, "x", measured, {}, job)])
            )
        )
    values, ratio = row(compare_files(paths), "x", "all", "slowest_client_iops")
    assert values == [0.0, 5.0]
    assert ratio == [None, None]


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compare_files([])


def test_ratios_are_finite_numbers(files: list[Path]) -> None:
    for found in compare_files(files).rows:
        assert all(value is None or np.isfinite(value) for value in (*found.values, *found.ratio))


def test_a_file_that_is_named_twice_narrows_no_interval(sample_runs: ModuleType, tmp_path: Path) -> None:
    paths = sample_runs.many_repeats(tmp_path, count=6, intervals=3)
    once, twice = compare_files(paths), compare_files([*paths, *paths])
    for a, b in zip(once.rows, twice.rows, strict=True):
        assert (b.n[:2], b.ratio[:2], b.ratio_interval[:2]) == (a.n, a.ratio, a.ratio_interval)
        assert b.ratio[2:] == a.ratio
    assert any("have runs in common" in text for text in twice.remarks)
    assert not any("have runs in common" in text for text in once.remarks)


def run_data(
    number: int, values: dict[int, float], device: str = "", *, workload: str = "randrw", recipe: str = "r"
) -> RunData:
    """Give a run that measured IOPS at some queue depths."""
    steps = [
        StepOutline(
            place, "measure", f"qd{depth}", "COMPLETED", {"queue_depth": depth}, metrics=[("read", "iops", "1/s")]
        )
        for place, depth in enumerate(values)
    ]
    header = RunHeader(f"id{number}", workload, device or f"file:/data/{number}", "COMPLETED", "2026-02-25T06:13:20Z")
    return RunData(f"{number}.h5", Outline(header, recipe, steps=steps), np.array([*values.values()], np.float64))


measured = st.dictionaries(st.integers(1, 6), st.floats(1e-3, 1e9), max_size=6)


@given(measured, measured)
def test_swapping_the_subjects_inverts_every_ratio(a: dict[int, float], b: dict[int, float]) -> None:
    forth = {row.label: row for row in compare([run_data(1, a), run_data(2, b)]).rows}
    back = {row.label: row for row in compare([run_data(2, b), run_data(1, a)]).rows}
    assert forth.keys() == back.keys()
    for label, found in forth.items():
        assert found.values == back[label].values[::-1]
        there, here = found.ratio[1], back[label].ratio[1]
        assert there is not None
        assert here is not None
        assert there * here == pytest.approx(1)


@given(st.lists(measured, min_size=1, max_size=4))
def test_rows_are_what_two_subjects_have_and_the_rest_is_named(runs: list[dict[int, float]]) -> None:
    found = compare([run_data(number, values) for number, values in enumerate(runs)])
    having = {depth: sum(depth in values for values in runs) for values in runs for depth in values}
    wanted = {f"qd{depth}" for depth, count in having.items() if count >= min(2, len(runs))}
    assert {row.label for row in found.rows} == wanted
    for row_found in found.rows:
        depth = int(row_found.label.removeprefix("qd"))
        assert row_found.values == [values.get(depth) for values in runs]
        assert row_found.n == [int(depth in values) for values in runs]
    lacking = {f"qd{depth}" for depth, count in having.items() if count < len(runs)}
    said = " ".join(found.unmatched) if len(lacking) <= 5 else ""
    assert not said or all(label in said for label in lacking)
    assert bool(lacking) is bool(found.unmatched)


@given(measured)
def test_identical_runs_have_ratios_of_exactly_one(values: dict[int, float]) -> None:
    assert all(found.ratio == [1.0, 1.0] for found in compare([run_data(1, values), run_data(2, values)]).rows)


def test_many_missing_steps_are_counted_not_listed() -> None:
    found = compare([run_data(1, dict.fromkeys(range(1, 31), 1.0)), run_data(2, {1: 1.0})])
    assert found.unmatched == ["file:/data/2: no counterpart of qd2, qd3, qd4, qd5, qd6 and 24 more"]


def test_other_parameters_are_named_with_whose_they_are() -> None:
    same, other = run_data(1, {1: 1.0}), run_data(2, {1: 1.0}, recipe="s")
    (said,) = [text for text in compare([same, other]).remarks if "parameters" in text]
    assert said.startswith("file:/data/2: other parameters of randrw than file:/data/1")
    assert not any("parameters" in text for text in compare([same, run_data(3, {1: 1.0})]).remarks)


def test_other_workloads_are_named_and_imported_runs_have_no_parameters() -> None:
    first, second = run_data(1, {1: 1.0}), run_data(2, {1: 1.0}, workload="users", recipe="s")
    assert any("The workloads differ (randrw, users)" in text for text in compare([first, second]).remarks)
    imported = [run_data(number, {1: 1.0}, workload="import", recipe=str(number)) for number in (1, 2)]
    assert not any("parameters" in text or "workloads" in text for text in compare(imported).remarks)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (["file:t?size=1GiB", "file:t?size=1GiB"], "are one device: a ratio is what changed between its runs"),
        (["file:t", "file:t?ioengine=psync"], "file:t was opened in different ways (no parameters; ioengine=psync)"),
        (["file:t", "nbd:memory"], ""),
    ],
)
def test_a_device_that_is_compared_with_itself_is_named(devices: list[str], words: str) -> None:
    found = compare([run_data(number, {1: 1.0}, device) for number, device in enumerate(devices)])
    said = [text for text in found.remarks if "device" in text]
    assert len(said) == bool(words)
    assert all(words in text for text in said)
