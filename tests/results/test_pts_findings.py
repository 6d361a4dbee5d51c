"""The analyses give every table, plot and number that the specification's report asks for."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec
import pytest

from storbench.results.findings import Finding, Quantified
from storbench.results.pts import findings_of
from storbench.results.record import RunRecord
from storbench.results.run_file import Run, open_run
from storbench.results.run_writer import write_run

RATE = 20_000.0
LATENCY_NS = 2e6

REPORTED = {
    # Test: plots and grids that facts of the specification's report ask for.
    "iops": ({"convergence", "regimes", "tracked", "window-1", "window-2", "window-3", "iops"}, {"iops"}),
    "throughput": ({"convergence", "window-1"}, {"throughput"}),
    "latency": (
        {"convergence-mean", "convergence-max", "window-1", "histogram"},
        {"average", "five-nines", "maximum", "iops", "confidence"},
    ),
    "wsat": (
        {"iops-time", "iops-tgbw", "iops-fills", "latency-time", "convergence", "window-1", "histogram"},
        {"confidence"},
    ),
    "hir": ({"precondition", "convergence", "window-1", "iops-time"}, {"recovery"}),
    "xsr": ({"throughput-time", "latency-time"}, {"throughput", "latency"}),
    "cbw": (
        {"precondition", "precondition-window-1", "prewrites", "demand-rounds", "window-1", "intensity", "outstanding",
         "prewrite-max", "prewrite-mid", "prewrite-min", "histogram-max", "histogram-mid", "histogram-min"},
        {"demand", "response", "cpu", "confidence"},
    ),
}  # fmt: skip
REPORTED["dirth"] = REPORTED["cbw"]


@pytest.fixture(scope="module")
def found(snia_runs: ModuleType) -> list[Finding]:
    return analysed(snia_runs.perform("snia.pts", snia_runs.device(256 << 30), latency_ns=LATENCY_NS))


def test_a_file_gives_what_its_record_gives(snia_runs: ModuleType, tmp_path: Path) -> None:
    record = snia_runs.perform("snia.latency", snia_runs.device(1 << 30), latency_ns=LATENCY_NS)
    path = tmp_path / "a.h5"
    write_run(path, record)
    with open_run(path) as run:
        assert findings_of(run) == analysed(record)


def test_a_run_of_thousands_of_steps_can_be_sealed(snia_runs: ModuleType, tmp_path: Path) -> None:
    record = snia_runs.perform("snia.iops", snia_runs.device(1 << 30))
    mixed = next(step for step in record.steps if step.labels.get("read_percent") == 50)
    many = [msgspec.structs.replace(mixed, index=index) for index in range(2100)]
    path = tmp_path / "a.h5"
    write_run(path, msgspec.structs.replace(record, steps=many))  # 4,200 histograms along one dimension
    with open_run(path) as run:
        assert len(run.measured) == 2100


def analysed(record: RunRecord) -> list[Finding]:
    """A record has all that the analyses read of a file."""
    return findings_of(cast("Run", record))


def of(found: list[Finding], test: str, part: str = "") -> Finding:
    return next(one for one in found if (one.test, one.part) == (test, part or one.part))


def value(finding: Finding, metric: str, direction: str = "all", **labels: object) -> float | None:
    matching = [
        one for one in finding.quantities
        if (one.metric, one.direction) == (metric, direction) and labels.items() <= one.labels.items()
    ]  # fmt: skip
    assert len(matching) == 1, [one.labels for one in matching]
    return matching[0].value


def test_every_test_and_part_is_found_in_order(found: list[Finding]) -> None:
    assert [(one.test, one.part) for one in found] == [
        ("iops", ""), ("throughput", "128KiB"), ("throughput", "1MiB"), ("latency", ""), ("wsat", ""), ("hir", ""),
        ("xsr", ""), ("cbw", ""), ("dirth", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("test", REPORTED)
def test_each_test_has_all_its_plots_and_tables(found: list[Finding], test: str) -> None:
    for one in found:
        if one.test == test:
            plots, grids = REPORTED[test]
            assert {plot.name for plot in one.plots} == plots
            assert {grid.name for grid in one.grids} == grids
            assert all(trace.x and len(trace.x) == len(trace.y) for plot in one.plots for trace in plot.traces)
            assert one.procedure


def test_numbers_are_finite_and_have_units(found: list[Finding]) -> None:
    numbers: list[Quantified] = [number for one in found for number in one.quantities]
    assert len(numbers) > 3000
    assert all(number.unit for number in numbers)
    assert all(number.value is None or math.isfinite(number.value) for number in numbers)
    assert all(number.reason for number in numbers if number.value is None)


def test_the_table_of_iops_has_all_cells_and_its_averages(found: list[Finding]) -> None:
    iops = of(found, "iops")
    table = iops.grids[0]
    assert (table.rows[0], table.rows[-1], table.columns[0], table.columns[-1]) == ("1MiB", "512B", "100/0", "0/100")
    assert [len(row) for row in table.values] == [7] * 8
    assert all(cell == pytest.approx(RATE) for row in table.values for cell in row)
    assert table.columns_3d
    assert value(iops, "iops", "read", phase="window", block_size=4096, read_percent=65) == pytest.approx(0.65 * RATE)
    assert value(iops, "latency_mean", phase="window", block_size=4096, read_percent=65) == pytest.approx(LATENCY_NS)
    assert value(iops, "rounds_to_steady_state") == 5


def test_what_is_tracked_is_judged_by_value(found: list[Finding]) -> None:
    steady = of(found, "iops").steady
    assert steady is not None
    assert set(steady.windows) == {"RND 4KiB 0/100", "RND 64KiB 65/35", "RND 1MiB 100/0"}
    throughput = of(found, "throughput", "1MiB").steady
    assert throughput is not None
    assert set(throughput.windows) == {"SEQ 1MiB 0/100"}


def test_a_test_that_never_becomes_steady_says_so_and_reports_its_last_rounds(snia_runs: ModuleType) -> None:
    def rising(labels: dict[str, Any], job: object) -> float:
        return 1000.0 * 1.2 ** float(labels.get("round", 1))

    found = analysed(snia_runs.perform("snia.iops", snia_runs.device(1 << 30), rising))[0]
    assert found.steady is not None
    assert found.steady.first_steady_round is None
    assert "STEADY STATE NOT ACHIEVED within 25 rounds" in found.notes[0]
    assert value(found, "steady_state") == 0
    assert found.plots[0].shaded == (21.0, 25.0)
    expected = sum(1000 * 1.2**n for n in range(21, 26)) / 5
    assert value(found, "iops", phase="window", block_size=4096, read_percent=0) == pytest.approx(expected)


def test_a_run_that_was_interrupted_gives_what_it_has(snia_runs: ModuleType) -> None:
    record = snia_runs.perform("snia.pts", snia_runs.device(256 << 30))
    for count in (0, 1, 3, 60, 90, 200, 700):
        found = analysed(msgspec.structs.replace(record, steps=record.steps[:count]))
        if count == 60:
            assert "too few rounds" in found[0].notes[0]


def test_a_run_of_no_specification_has_no_findings(snia_runs: ModuleType) -> None:
    record = snia_runs.perform("snia.latency", snia_runs.device(1 << 30))
    recipe = {name: value for name, value in record.recipe.items() if name != "specification"}
    assert analysed(msgspec.structs.replace(record, recipe=recipe)) == []


def test_the_recovery_of_cross_stimulus_is_the_first_minute_at_the_old_mean(snia_runs: ModuleType) -> None:
    def rate(labels: dict[str, Any], job: object) -> float:
        return 500.0 if labels.get("group") == 3 and labels["minute"] < 7 else 1000.0

    found = analysed(snia_runs.perform("snia.xsr", snia_runs.device(1 << 30), rate))[0]
    assert value(found, "recovery_time") == pytest.approx(7 * 60)


def test_waits_are_compared_with_the_steady_state(snia_runs: ModuleType) -> None:
    def rate(labels: dict[str, Any], job: object) -> float:
        return 1000.0 * (1 + labels["wait"] / 10) if labels["phase"] == "access" else 1000.0

    found = analysed(snia_runs.perform("snia.hir", snia_runs.device(1 << 30), rate))[0]
    for wait in (1, 2, 3, 5, 10):
        assert value(found, "recovery_ratio", wait=wait) == pytest.approx(1 + wait / 10)
