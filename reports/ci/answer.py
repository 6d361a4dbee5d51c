"""What a command found out, in the one form that every CI format is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from ...common.units import format_change
from ...results.baseline import BaselineSamples, BaselineVerdict
from ...results.baseline import sentence_of as sentence_of_baseline
from ...results.history import FoundChange, HistoryFindings
from ...results.paired import PairedSamples, PairedVerdict
from ...results.paired import sentence_of as sentence_of_pairs
from ...results.run_file import Run

_RUN_METRICS = ("iops", "bandwidth", "latency_mean", "latency_p50", "latency_p99", "latency_p99.9")
_UNITS = {"iops": "1/s", "bandwidth": "B/s"}


class Line(msgspec.Struct, frozen=True):
    """One metric of one job."""

    job: str
    metric: str
    unit: str
    higher_is_better: bool
    value: float
    """What was measured; of several runs the geometric mean."""
    verdict: str = ""
    """REGRESSED, IMPROVED, EQUIVALENT or INCONCLUSIVE; empty where nothing was compared."""
    reference: float | None = None
    """What it was compared with."""
    interval: tuple[float, float] | None = None
    """Of the ratio to it."""
    detectable: float | None = None
    """The smallest relative loss that would have been found in four of five cases."""
    text: str = ""
    """All that in a sentence."""


class Answer(msgspec.Struct, frozen=True):
    """What one command found out."""

    command: str
    """ab, compare, history or run."""
    title: str
    lines: list[Line]
    failures: list[str] = []
    """What was wrong besides slower metrics: a run that did not complete, a verdict of FAIL."""
    remarks: list[str] = []
    created: str = ""
    """ISO 8601, UTC."""
    commit: str = ""

    @property
    def regressed(self) -> list[Line]:
        """The lines with a regression."""
        return [line for line in self.lines if line.verdict == "REGRESSED"]

    @property
    def verdict(self) -> str:
        """The gravest of all: FAILED, REGRESSED, INCONCLUSIVE, IMPROVED, EQUIVALENT, or empty."""
        if self.failures:
            return "FAILED"
        order = ("REGRESSED", "INCONCLUSIVE", "IMPROVED", "EQUIVALENT")
        return next((one for one in order if any(line.verdict == one for line in self.lines)), "")


def answer_of_pairs(
    samples: Sequence[PairedSamples], found: Sequence[PairedVerdict], title: str, created: str, commit: str = ""
) -> Answer:
    """Give the answer of interleaved pairs."""
    lines = [
        Line(
            row.job, row.metric, _unit(row.metric), row.higher_is_better, _mean(one.candidate), row.verdict,
            _mean(one.baseline), row.interval, row.detectable_effect, sentence_of_pairs(row),
        )
        for one, row in zip(samples, found, strict=True)
    ]  # fmt: skip
    return Answer("ab", title, lines, created=created, commit=commit)


def answer_of_baseline(
    samples: Sequence[BaselineSamples], found: Sequence[BaselineVerdict], title: str, remarks: Sequence[str],
    created: str, commit: str = "",
) -> Answer:  # fmt: skip
    """Give the answer of a new session that was judged by its history."""
    lines = [
        Line(
            row.job, row.metric, _unit(row.metric), row.higher_is_better, _mean(one.candidate), row.verdict,
            _mean([_mean(session) for session in one.baseline]) if one.baseline else None, row.interval,
            row.detectable_effect, sentence_of_baseline(row),
        )
        for one, row in zip(samples, found, strict=True)
    ]  # fmt: skip
    return Answer("compare", title, lines, remarks=list(remarks), created=created, commit=commit)


def answer_of_history(
    found: HistoryFindings, recent: Sequence[FoundChange], title: str, remarks: Sequence[str] = ()
) -> Answer:
    """Give the answer of a history: of each series the level since its last change, and a verdict if that is recent."""
    lines = []
    for one in found.series:
        series = one.series
        change = next((change for change in reversed(one.changes) if change in recent), None)
        better = bool(series.higher_is_better) if series.higher_is_better is not None else True
        level = one.levels[-1][1]
        if change is None:
            lines.append(Line(series.job, series.metric, series.unit, better, level))
            continue
        interval = (1 + change.interval[0], 1 + change.interval[1])
        text = (
            f"{series.name} {change.verdict}: {format_change(change.relative_change)} "
            f"({format_change(change.interval[0])} to {format_change(change.interval[1])}) at {change.commit}, "
            f"row {change.index} of {series.rows}"
        )
        lines.append(
            Line(
                series.job,
                series.metric,
                series.unit,
                better,
                level,
                change.verdict,
                change.before,
                interval,
                text=text,
            )
        )
    last = max((one.series.points[-1] for one in found.series), key=lambda point: point.time)
    created = datetime.fromtimestamp(last.time, UTC).isoformat(timespec="seconds") if found.table.dated else ""
    return Answer("history", title, lines, [], [*found.table.remarks, *remarks], created, last.commit)


def answer_of_run(run: Run) -> Answer:
    """Give what a run measured: rates and latencies of each step and direction, nothing compared."""
    table, steps = run.table, {int(step.index): step for step in run.measured}
    lines = []
    # A run that ended before its first measurement has a table without columns.
    columns = [table.get(name, ()) for name in ("step", "direction", "metric", "value", "unit")]
    for step, direction, metric, value, unit in zip(*columns, strict=True):
        if int(step) in steps and str(direction) in ("read", "write", "trim") and str(metric) in _RUN_METRICS:
            job = f"{steps[int(step)].label} {direction}"
            higher = not str(metric).startswith("latency")
            lines.append(Line(job, str(metric), str(unit), higher, float(value)))
    header = run.header
    failures = []
    if header.status != "COMPLETED":
        failures.append(
            f"the run ended {header.status}: {header.reason}" if header.reason else f"it is {header.status}"
        )
    if header.verdict == "FAIL":
        failures.append("the device is not within its limits: verdict FAIL")
    return Answer(
        "run", f"{header.workload} on {header.device}", lines, failures, list(run.notes), header.created, run.commit
    )


def unlike(name: str, taken: set[str]) -> str:
    """Give a name that is not taken, numbered where it is: two steps may have one label."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} #{number}"
    taken.add(found)
    return found


def _mean(values: Sequence[float]) -> float:
    """Give the geometric mean; one value is itself, to the last digit."""
    return values[0] if len(values) == 1 else float(np.exp(np.mean(np.log(values))))


def _unit(metric: str) -> str:
    return "ns" if metric.startswith("latency") else _UNITS.get(metric, "1")
