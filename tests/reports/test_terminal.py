"""What people see: every number is the file's, and every line fits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from storbench.common.units import format_bandwidth, format_latency, format_rate
from storbench.reports.columns import Column, StepName, layout_of, printable, stacked_layout, step_columns
from storbench.reports.terminal import comparison_table, run_summary
from storbench.results.comparison import Comparison, compare_files
from storbench.results.measurement import jain_index
from storbench.results.run_file import Run, open_run

WIDTHS = (40, 60, 80, 100, 200)
QUANTITY = re.compile(r"(?<![\w.])[\d.]+ (?:ns|us|ms|s|K|M|[kMG]?B/s)(?![\w/])")
RATIO = re.compile(r"([\d.,]+)×")


def shown(renderable: Any, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(renderable)
    return stream.getvalue()


def coloured(renderable: Any) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system="standard", highlight=False)
    console.print(renderable)
    return stream.getvalue().splitlines()


def summary(path: Path, width: int = 100) -> str:
    with open_run(path) as run:
        return shown(run_summary(run), width)


def table_of(text: str) -> str:
    """Give what stands between the first rule and the empty line after it."""
    return re.split(r"─{8,}\n", text)[1].split("\n\n")[0]


def numbers_of(run: Run) -> set[str]:
    """Give every number of a run that may be shown, as text."""
    texts = set()
    for step in run.measured:
        found = step.measurement
        assert found is not None
        for part in (found.read, found.write, found.trim):
            texts |= {format_rate(part.iops), format_bandwidth(part.bandwidth)}
        for latency in (found.read.latency, found.write.latency, found.trim.latency, found.sync):
            texts |= {format_latency(value) for value in latency.percentiles((50.0, 99.0, 99.9))}
            texts |= {format_latency(latency.mean_ns), format_latency(latency.max_ns)}
        rates = [r + w for r, w in zip(found.clients.read_iops, found.clients.write_iops, strict=True)]
        texts |= {format_rate(rate) for rate in (*rates, sum(rates))}
        texts |= {format_latency(p99) for p99 in (*found.clients.read_p99_ns, *found.clients.write_p99_ns)}
    return texts


@pytest.fixture(params=["sweep", "sizes", "clients", "updates", "long"])
def path(request: pytest.FixtureRequest, sample_runs: ModuleType, tmp_path: Path) -> Path:
    """A run of each sort."""
    make = sample_runs
    steps = {
        "sweep": lambda: make.sweep_steps(9000),
        "sizes": lambda: make.sweep_steps(14000, sizes=(4096, 1 << 17), seed=7)[::3],
        "clients": lambda: make.client_steps(1, 5000),
        "updates": lambda: [
            make.step(0, "hot set", make.measurement(3, 4000, read_fraction=0.0, syncs=True), {}, {"block_size": 4096})
        ],
        "long": lambda: [
            make.step(0, "a name that is longer than the others are " * 3, make.measurement(1, 9), {}, {})
        ],
    }[request.param]()
    written: Path = make.write(tmp_path, "a", make.record("file:/data/a.bin?size=1GiB", steps))
    return written


@pytest.fixture
def sweep(sample_runs: ModuleType, tmp_path: Path) -> Path:
    steps = sample_runs.sweep_steps(9000)
    written: Path = sample_runs.write(tmp_path, "s", sample_runs.record("file:/data/a.bin?size=1GiB", steps))
    return written


@pytest.fixture
def compared(sample_runs: ModuleType, tmp_path: Path) -> Callable[..., Comparison]:
    """Compare runs of a few devices, each faster than the one before."""

    def compare(count: int, steps: Callable[[float], list[Any]]) -> Comparison:
        paths = [
            sample_runs.write(tmp_path, f"r{i}", sample_runs.record(f"file:/d{i}.bin", steps(9000.0 * i)))
            for i in range(1, count + 1)
        ]
        return compare_files(paths)

    return compare


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_fits_the_terminal_and_shows_only_numbers_of_the_file(path: Path, width: int) -> None:
    with open_run(path) as run:
        text = shown(run_summary(run), width)
        known = numbers_of(run)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    found = QUANTITY.findall(table_of(text))
    assert len(found) > 1
    assert set(found) <= known


def test_every_rate_and_latency_stands_in_the_line_of_its_step(sweep: Path) -> None:
    with open_run(sweep) as run:
        lines = table_of(shown(run_summary(run))).splitlines()
        for number, step in enumerate(run.measured):
            assert step.measurement is not None
            read, write = lines[2 * number : 2 * number + 2]
            assert read.startswith(step.label)
            for line, name, part in ((read, "read", step.measurement.read), (write, "write", step.measurement.write)):
                latency = part.latency
                values = (latency.mean_ns, *latency.percentiles((50.0, 99.0, 99.9)), latency.max_ns)
                rates = [format_rate(part.iops), format_bandwidth(part.bandwidth)]
                cells = re.split(r" {2,}", line.strip())
                assert cells[-8:] == [name, *rates, *map(format_latency, values)]


def test_the_heading_says_what_where_when_and_how_it_ended(sample_runs: ModuleType, tmp_path: Path) -> None:
    facts = {
        "host": {"hostname": "bench-1"},
        "device_start": {"model": "Fast 9", "file_system": "ext4", "mount_source": "/dev/x"},
    }
    record = sample_runs.record("file:/data/a.bin", sample_runs.sweep_steps(9000), provenance=facts)
    heading = summary(sample_runs.write(tmp_path, "a", record)).split("\n\n")[0]
    assert heading.splitlines() == [
        "randrw on file:/data/a.bin  COMPLETED",
        "fio-3.33 · bench-1 · 2026-02-25 06:13 UTC · took 1 min 30 s · a.h5",
        "Fast 9 · ext4 on /dev/x",
        "random · 70% reads · 4KiB blocks",
    ]


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"read_fraction": 0.0, "block_size": 4096, "jobs": 1, "fsync_every": 0}, "writes only · 4KiB blocks"),
        ({"pattern": "random", "read_fraction": 1, "jobs": 8, "fsync_every": 4}, "random · reads only · 8 jobs"),
        ({"block_size": 1, "block_size_mix": [{}], "distribution": "zipf:1.2", "duration": 2.0}, "zipf:1.2 · 2 s each"),
        ({"pattern": "random", "distribution": "zoned:50/5:50/95"}, "random · zoned"),
    ],
)
def test_the_heading_says_the_load_in_few_words(
    sample_runs: ModuleType, tmp_path: Path, job: dict[str, Any], said: str
) -> None:
    step = sample_runs.step(0, "x", sample_runs.measurement(1, 9000), {}, job)
    heading = summary(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [step]))).split("\n\n")[0]
    assert said in heading.splitlines()[-1]


def test_a_narrow_terminal_names_steps_by_what_varies(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.sweep_steps(9000)
    for number, step in enumerate(steps):
        steps[number] = sample_runs.step(
            number, f"a label that is far too long, {number}", step.measurement, {"queue_depth": 2**number}, step.job
        )
    path = sample_runs.write(tmp_path, "a", sample_runs.record("file:/data/a.bin", steps))
    assert "far too long" in summary(path, 200)
    text = summary(path, 80)
    assert "far too long" not in text
    assert re.search(r"^queue +\ndepth +IOPS +bandwidth", text, re.MULTILINE)
    assert [line.split()[0] for line in table_of(text).splitlines()[::2]] == ["1", "2", "4", "8", "16", "32", "64"]


def test_status_reason_failed_steps_and_notes_are_said(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = [sample_runs.step(0, "first", sample_runs.measurement(1, 9000, errors={"EIO": 1234}), {}, {})]
    steps.append(sample_runs.step(1, "the next", None, {}, {}, status="ERROR", error="fio was killed by SIGKILL"))
    header = {"status": "ERROR", "reason": "fio was killed by SIGKILL"}
    path = sample_runs.write(tmp_path, "a", sample_runs.record("file:x", steps, header=header))
    text = summary(path)
    assert text.splitlines()[:2] == ["randrw on file:x  ERROR", "fio was killed by SIGKILL"]
    assert "! Step 0, first: failed I/Os, 1,234 × EIO" in text
    assert "! Step 1, the next, ended as ERROR: fio was killed by SIGKILL" in text
    assert "· O_DIRECT is not possible here" in text
    with open_run(path) as run:
        red = [line for line in coloured(run_summary(run)) if "\x1b[31m" in line]
    assert any("first" in line and "read" in line for line in red)  # in the table
    assert any("1,234 × EIO" in line for line in red)


def test_an_unsupported_percentile_is_a_dash_that_is_explained(sample_runs: ModuleType, tmp_path: Path) -> None:
    step = sample_runs.step(0, "x", sample_runs.measurement(1, 10_000, samples=500, read_fraction=1.0), {}, {})
    text = summary(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [step])))
    assert re.split(r" {2,}", table_of(text).strip())[-3:-1] == ["–", "–"]  # p99 and p99.9
    assert "p99 and p99.9 are not shown for x: fewer than ten samples lie beyond" in text


def test_clients_show_how_evenly_they_were_served(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.client_steps(1, 5000)
    text = summary(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", steps)))
    line = next(line for line in text.splitlines() if line.startswith("16 clients") and "read" not in line)
    clients = steps[2].measurement.clients
    rates = [r + w for r, w in zip(clients.read_iops, clients.write_iops, strict=True)]
    assert re.split(r" {2,}", line.strip()) == [
        "16 clients", format_rate(sum(rates)), f"{jain_index(rates):.3f}", format_rate(min(rates)),
        format_rate(max(rates)), format_latency(max(clients.read_p99_ns)), format_latency(max(clients.write_p99_ns)),
    ]  # fmt: skip


def test_clients_with_different_jobs_are_not_called_unfair(sample_runs: ModuleType, tmp_path: Path) -> None:
    record = sample_runs.client_steps(1, 5000)[2]
    record.step["beside"] = [{"pattern": "sequential"}]
    assert "Jain" not in summary(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [record])))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"cpu_steal_percent": [0.0, 6.0, 30.0]}, "The hypervisor took 12.0 % of the processors' time, 30 %"),
        ({"cpu_user_percent": [40.0] * 3, "cpu_system_percent": [59.0] * 3}, "All processors were busy, 99 % on"),
        ({"disk_temperature": [40.0, math.nan, 74.0]}, "The drive reached 74 °C"),
        ({"cpu_steal_percent": [0.0, 0.1, 0.0], "disk_temperature": [40.0] * 3}, ""),
    ],
)
def test_telemetry_that_casts_doubt_on_the_numbers_is_pointed_out(
    sample_runs: ModuleType, tmp_path: Path, columns: dict[str, list[float]], sentence: str
) -> None:
    record = sample_runs.record("file:x", sample_runs.sweep_steps(9000)[:1])
    record.telemetry.clear()
    record.telemetry.update({"time_s": [1.0, 2.0, 3.0], **columns})
    text = summary(sample_runs.write(tmp_path, "a", record), 200)
    if sentence:
        assert sentence in text
    else:
        assert "hypervisor" not in text
        assert "°C" not in text


def test_a_processor_that_computes_a_model_is_no_limit(sample_runs: ModuleType, tmp_path: Path) -> None:
    record = sample_runs.record("sim:x", sample_runs.sweep_steps(9000)[:1], header={"engine": "model-0.1.0"})
    record.telemetry.clear()
    record.telemetry.update({"time_s": [1.0], "cpu_user_percent": [100.0], "cpu_system_percent": [0.0]})
    assert "processors" not in summary(sample_runs.write(tmp_path, "a", record), 200)


def test_a_run_without_a_measurement_says_how_it_ended(sample_runs: ModuleType, tmp_path: Path) -> None:
    header = {"status": "ABORTED", "reason": "ended by the user"}
    text = summary(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [], header=header)))
    assert "ended by the user" in text
    assert "! No step was measured to its end" in text


def test_what_a_file_says_cannot_steer_the_terminal(sample_runs: ModuleType, tmp_path: Path) -> None:
    step = sample_runs.step(0, "\x1b]0;owned\x07[red]:smile:", sample_runs.measurement(1, 9000), {}, {})
    path = sample_runs.write(tmp_path, "a", sample_runs.record("file:\x1b[2Jx", [step], notes=["a\x1b[31m\nb"]))
    text = summary(path)
    assert "\x1b" not in text
    assert "]0;owned" in text
    assert "[red]:smile:" in text
    assert "\x1b]" not in shown(comparison_table(compare_files([path, path])))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 2, 6, 14])
def test_a_comparison_fits_the_terminal(
    compared: Callable[..., Comparison], sample_runs: ModuleType, width: int, count: int
) -> None:
    text = shown(comparison_table(compared(count, lambda speed: sample_runs.sweep_steps(speed)[::3])), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    assert ("and 2 more; `compare --json` has them all" in " ".join(text.split())) == (count == 14)


@pytest.mark.parametrize("width", [80, 100])
def test_two_subjects_stand_side_by_side_with_their_ratio(
    compared: Callable[..., Comparison], sample_runs: ModuleType, width: int
) -> None:
    comparison = compared(2, sample_runs.sweep_steps)
    text = shown(comparison_table(comparison), width)
    assert re.match(r"A  file:/d1.bin  reference *\nB  file:/d2.bin *\n", text)
    rows = {(row.label, row.direction, row.metric): row for row in comparison.rows}
    row = rows["randrw 4KiB qd1", "read", "iops"]
    first = re.split(r" {2,}", table_of(text).splitlines()[0].strip())
    assert row.ratio[1] is not None
    assert first[:5] == [
        "randrw 4KiB qd1", "read", format_rate(row.values[0] or 0), format_rate(row.values[1] or 0),
        f"{row.ratio[1]:.2f}×",
    ]  # fmt: skip
    shown_metrics = [row for row in comparison.rows if row.direction in ("read", "write") and row.metric in METRICS]
    assert len(RATIO.findall(text)) == len(shown_metrics)
    assert "may be chance" in text


METRICS = {"iops", "latency_p50", "latency_p99", "latency_p99.9"}


def test_a_dash_in_a_comparison_is_explained(compared: Callable[..., Comparison], sample_runs: ModuleType) -> None:
    few = compared(2, lambda speed: [sample_runs.step(0, "x", sample_runs.measurement(1, speed, samples=5000), {}, {})])
    text = shown(comparison_table(few))
    assert "– was not measured, or fewer than ten samples" not in text  # a percentile that no row has is left out

    def steps(speed: float) -> list[Any]:
        samples = {"some": 5000, "more": 50_000}
        measured = {name: sample_runs.measurement(1, speed, samples=count) for name, count in samples.items()}
        return [
            sample_runs.step(i, name, m, {}, {"seed": i, "jobs": i}) for i, (name, m) in enumerate(measured.items())
        ]

    text = shown(comparison_table(compared(2, steps)), 200)
    assert "– was not measured, or fewer than ten samples lie beyond that percentile." in text


def test_many_subjects_stand_below_one_another(compared: Callable[..., Comparison], sample_runs: ModuleType) -> None:
    text = shown(comparison_table(compared(6, lambda speed: sample_runs.sweep_steps(speed)[:1])), 80)
    lines = [re.split(r" {2,}", line.strip()) for line in table_of(text).splitlines()[:6]]
    assert lines[0][:4] == ["randrw 4KiB qd1", "read", "A", format_rate(9000 / (1 + 1 / 14) * 0.7)]
    assert [line[0] for line in lines[1:]] == ["B", "C", "D", "E", "F"]
    assert "2.00×" in text
    assert "6.00×" in text


def test_large_blocks_are_compared_by_bandwidth(compared: Callable[..., Comparison], sample_runs: ModuleType) -> None:
    small = shown(comparison_table(compared(2, lambda speed: sample_runs.sweep_steps(speed, sizes=[4096])[:2])))
    large = shown(comparison_table(compared(2, lambda speed: sample_runs.sweep_steps(speed, sizes=[1 << 20])[:2])))
    both = shown(comparison_table(compared(2, lambda speed: sample_runs.sweep_steps(speed, sizes=[4096, 1 << 20]))))
    assert ("IOPS" in small, "bandwidth" in small) == (True, False)
    assert ("IOPS" in large, "bandwidth" in large) == (False, True)
    assert ("IOPS" in both, "bandwidth" in both) == (True, True)


def test_fairness_is_compared_where_the_clients_vary(
    compared: Callable[..., Comparison], sample_runs: ModuleType
) -> None:
    text = shown(comparison_table(compared(2, lambda speed: sample_runs.client_steps(3, speed))))
    assert "Jain's index" in text
    assert "worst read p99" in text
    assert "Jain" not in shown(comparison_table(compared(2, sample_runs.sweep_steps)))


def test_an_interval_that_leaves_no_doubt_is_coloured_by_what_is_better(
    sample_runs: ModuleType, tmp_path: Path
) -> None:
    compared = compare_files(sample_runs.many_repeats(tmp_path, count=10, intervals=3))
    row = next(row for row in compared.rows if (row.direction, row.metric) == ("read", "latency_p50"))
    interval = row.ratio_interval[1]
    assert interval is not None
    assert interval[0] > 1
    table = "\n".join(coloured(comparison_table(compared)))
    assert "\x1b[31m" in table  # the second device is slower, and its latencies are longer
    assert "\x1b[32m" not in table
    reverse = compare_files([*compared_paths(tmp_path)[1:], compared_paths(tmp_path)[0]])
    table = "\n".join(coloured(comparison_table(reverse)))
    assert "\x1b[32m" in table
    assert "\x1b[31m" not in table


def compared_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("many-*.h5"))


def test_a_ratio_without_an_interval_is_not_coloured(
    compared: Callable[..., Comparison], sample_runs: ModuleType
) -> None:
    table = "\n".join(coloured(comparison_table(compared(2, sample_runs.sweep_steps))))
    assert "\x1b[31m" not in table
    assert "\x1b[32m" not in table


def test_what_has_no_counterpart_is_said(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.sweep_steps(9000)
    paths = [
        sample_runs.write(tmp_path, name, sample_runs.record(f"file:/{name}", found))
        for name, found in (("all", steps), ("less", steps[:3]))
    ]
    text = " ".join(shown(comparison_table(compare_files(paths))).split())
    assert "Not compared: file:/less: no counterpart of randrw 4KiB qd8" in text


def test_runs_with_nothing_in_common_say_so(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = sample_runs.sweep_steps(9000)
    paths = [
        sample_runs.write(tmp_path, name, sample_runs.record(f"file:/{name}", found))
        for name, found in (("one", steps[:2]), ("other", steps[3:]))
    ]
    assert "there is nothing to compare" in shown(comparison_table(compare_files(paths)))


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_a_layout_is_as_wide_as_it_says(texts: list[str]) -> None:
    cells = [printable(text) for text in texts]
    columns = [Column("name", cells, words=True), Column("two\nlines", ["1"] * len(cells), apart=True)]
    for layout in (layout_of(columns), stacked_layout([StepName("")], [0] * len(cells), columns)):
        console = Console(file=io.StringIO(), width=1000, highlight=False)
        lines = [line.rstrip("\n") for line in shown(layout.draw(), 1000).splitlines()]
        assert max(map(console.measure, lines), key=lambda m: m.maximum).maximum <= layout.width


def test_the_lines_of_a_text_become_sentences() -> None:
    assert (
        printable("no space\nfio: err=28:\n\n  Choose less. \x1b[1m") == "no space. fio: err=28: Choose less. \ufffd[1m"
    )


def test_steps_are_named_by_labels_only_where_these_tell_them_apart() -> None:
    depths = [StepName(f"a long name {depth}", {"queue_depth": depth}) for depth in (1, 2)]
    full, short = step_columns(depths, [0, 0, 1])
    assert [str(cell) for cell in full[0].cells] == ["a long name 1", "", "a long name 2"]
    assert (short[0].heading, [str(cell) for cell in short[0].cells]) == ("queue\ndepth", ["1", "", "2"])
    assert len(step_columns([*depths, StepName("the same depth", {"queue_depth": 1})], [0, 1, 2])) == 1
    assert len(step_columns([*depths, StepName("no label")], [0, 1, 2])) == 1
