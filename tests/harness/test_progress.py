"""Live progress says phase, percent, rates, latencies and the time left, on a terminal and in a log."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from storbench.harness import progress as module
from storbench.harness.engines.base import Progress
from storbench.harness.progress import PlainObserver, TerminalObserver
from storbench.results.histogram import Histogram
from storbench.results.measurement import Direction, Latency, Measurement
from storbench.workloads.dry_run import PlannedStep
from storbench.workloads.job import Job
from storbench.workloads.steps import Measure, Note, Outcome

STEP = Measure("randrw 4KiB qd16", Job())
HALF = Progress(1.0, 0.5, 12_300.0, 950.0, 50e6, 4e6, 105_000, 2_500_000)
LATENCY = Latency(Histogram({100: 10_000}), mean_ns=100.0)
MEASURED = Measurement(
    "fio-3.33",
    2.0,
    read=Direction(10_000, 40_960_000, 2.0, 5000.0, 20_480_000.0, LATENCY),
    write=Direction(0),
)


def planned(seconds: float, steps: int = 3) -> list[PlannedStep]:
    return [PlannedStep("measure", STEP.label, seconds / steps, 0, False)] * steps


def plain(seconds: float = 120.0) -> tuple[PlainObserver, io.StringIO]:
    stream = io.StringIO()
    return PlainObserver("file:/t.bin", planned(seconds), stream=stream), stream


def terminal(monkeypatch: pytest.MonkeyPatch, seconds: float = 120.0) -> tuple[TerminalObserver, io.StringIO]:
    """Give an observer whose terminal is recorded."""
    stream = io.StringIO()

    def recording(**options: bool) -> Console:
        return Console(file=stream, force_terminal=True, width=160, color_system=None, highlight=False, _environ={})

    monkeypatch.setattr("rich.console.Console", recording)
    return TerminalObserver("file:/t.bin", planned(seconds)), stream


def screen_text(stream: io.StringIO) -> str:
    """Give what was written, without the movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_the_first_line_says_what_runs_how_many_steps_and_how_long() -> None:
    assert plain()[1].getvalue() == "file:/t.bin: 3 steps, about 2 min 0 s\n"


def test_a_running_step_is_described_in_one_line() -> None:
    observer, _ = plain()
    observer.step_begins(1, STEP)
    line = observer.describe(HALF)
    for part in (
        "[2/3]", STEP.label, "50%", "read 12.3 K/s", "write 950/s", "54.0 MB/s", "p50 105 us", "p99 2.50 ms", "left"
    ):  # fmt: skip
        assert part in line
    assert "\n" not in line


def test_what_is_not_known_is_not_said() -> None:
    observer, _ = plain(seconds=0.0)
    observer.step_begins(0, STEP)
    assert observer.describe(Progress(0.1, None)) == f"  [1/3] {STEP.label}"


def test_a_log_gets_a_line_at_most_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    observer, stream = plain()
    observer.step_begins(0, STEP)
    for _ in range(50):
        observer.progress(HALF)
    assert len(stream.getvalue().splitlines()) == 1
    monkeypatch.setattr(module, "_PLAIN_EVERY_S", 0.0)
    observer.progress(HALF)
    assert "50%" in stream.getvalue().splitlines()[-1]


def test_an_ended_step_leaves_its_figures() -> None:
    observer, stream = plain()
    observer.step_begins(0, STEP)
    observer.step_ends(0, STEP, Outcome("COMPLETED", MEASURED))
    line = stream.getvalue().splitlines()[-1]
    assert line.startswith("  [1/3] randrw 4KiB qd16 ")
    assert "read 5.00 K IOPS 20.5 MB/s p50 100 ns p99 100 ns" in line
    assert "write" not in line


def test_of_very_many_steps_the_first_of_each_part_and_a_failed_one_have_a_line() -> None:
    stream = io.StringIO()
    observer = PlainObserver("sim:flash-tlc", planned(7200.0, 200), virtual=True, stream=stream)
    for index in range(150):
        step = Measure(f"step {index}", Job(), labels={"test": "iops", "phase": "wipc" if index < 90 else "round"})
        observer.step_begins(index, step)
        observer.step_ends(index, step, Outcome("ERROR", None, "it broke") if index == 120 else Outcome())
    lines = [line.split("] ")[-1].strip() for line in stream.getvalue().splitlines()]
    assert lines[0] == "sim:flash-tlc: 200 steps, about 2 h 0 min of virtual time"
    assert [line.split("  ")[0] for line in lines[1:]] == ["step 0", "step 90", "step 120"]


@pytest.mark.parametrize("status", ["ERROR", "ABORTED"])
def test_a_failed_step_says_why_in_its_first_line(status: str) -> None:
    observer, stream = plain()
    observer.step_begins(0, STEP)
    observer.step_ends(0, STEP, Outcome(status, None, "fio hung\n  fio: details"))  # type: ignore[arg-type]
    assert stream.getvalue().splitlines()[-1].endswith(f"{status}: fio hung")


def test_a_plan_that_turns_out_longer_never_counts_beyond_its_end() -> None:
    observer, stream = plain()
    observer.step_begins(4, STEP)
    observer.step_ends(4, STEP, Outcome())
    assert "[5/5]" in stream.getvalue()


def test_a_note_is_a_line_and_its_step_none() -> None:
    observer, stream = plain()
    observer.note("the page cache is not bypassed")
    observer.step_ends(0, Note("x"), Outcome())
    assert stream.getvalue().splitlines()[1:] == ["  note: the page cache is not bypassed"]


def test_on_a_terminal_the_running_step_moves_and_its_figures_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    observer, stream = terminal(monkeypatch)
    observer.step_begins(0, STEP)
    observer.progress(HALF)
    observer.step_ends(0, STEP, Outcome("COMPLETED", MEASURED))
    text = screen_text(stream)
    assert "file:/t.bin: 3 steps, about 2 min 0 s" in text
    assert "[1/3] randrw 4KiB qd16" in text
    assert "read 5.00 K IOPS" in text
    # The moving line ends with its step: the cursor is shown again.
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1


def test_brackets_in_a_name_are_not_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    observer, stream = terminal(monkeypatch)
    step = Measure("odd [bold]name[/nothing]", Job())
    observer.step_begins(0, step)
    observer.progress(HALF)
    observer.step_ends(0, step, Outcome())
    assert "odd [bold]name[/nothing]" in screen_text(stream)


def test_a_step_that_fails_frees_the_terminal_for_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    observer, stream = terminal(monkeypatch)
    for index in range(3):
        observer.step_begins(index, STEP)
        observer.step_ends(index, STEP, Outcome("ERROR", None, "it failed"))
    assert screen_text(stream).count("ERROR: it failed") == 3
