"""What a run with faults came to: a pure function of the open run file."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from ..error_findings import errnos_of, named
from ..paired import student_multiplier
from ..run_file import Run, StepView
from .findings import FaultFinding, FaultFindings, Metric, times
from .invariants import Evidence, all_missing, cells_of
from .load import Loaded, Moments, loaded

_UNITS = {
    "detection_s": "s", "outage_s": "s", "longest_io_s": "s", "dip_depth": "1", "dip_width_s": "s", "recovery_s": "s",
    "area_lost": "1", "availability": "1", "mttr_s": "s", "p50_ratio": "1", "p99_ratio": "1", "p999_ratio": "1",
    "errors": "1", "resync_s": "s", "restart_s": "s",
}  # fmt: skip
"""Metric to its unit, in the order in which they are given."""
_OF_FACTS = ("resync_s", "restart_s")
_SLOW_PART = 1.5
_BLOCKS = "blocks_"
_NOT_CLASSES = ("blocks_wrong_bound",)


def fault_findings(run: Run) -> FaultFindings | None:
    """Give what each fault class came to; None for a run without faults."""
    classes: dict[str, list[StepView]] = {}
    for step in run.steps:
        if "fault" in step.labels:
            classes.setdefault(str(step.labels["fault"]), []).append(step)
    if not classes:
        return None
    return FaultFindings(tuple(_finding(name, steps) for name, steps in classes.items()))


def _finding(name: str, steps: Sequence[StepView]) -> FaultFinding:
    missing = next((str(step.labels["reason"]) for step in steps if step.labels.get("phase") == "missing"), "")
    if missing:
        return FaultFinding(name, all_missing(missing), missing=missing)
    repeats: dict[int, list[StepView]] = {}
    for step in steps:
        repeats.setdefault(int(step.labels.get("repeat", 0)), []).append(step)
    found = [_evidence(number, part) for number, part in sorted(repeats.items())]
    evidence = [one for one, _ in found]
    loads = [load for _, load in found if load is not None]
    errors, integrity = _errors(evidence), _integrity(evidence)
    cells = cells_of(evidence)
    metrics = _metrics(evidence)
    return FaultFinding(
        name, cells, metrics, errors, integrity, _named(evidence, metrics),
        tuple(load.timeline for load in loads), tuple(_notes(evidence, integrity)),
    )  # fmt: skip


def _evidence(repeat: int, steps: Sequence[StepView]) -> tuple[Evidence, Loaded | None]:
    by_phase = {str(step.labels.get("phase")): step for step in steps if step.status == "COMPLETED"}
    load, check, compare = (by_phase.get(phase) for phase in ("load", "integrity", "compare"))
    found = None
    if load is not None and load.io_log is not None:
        found = loaded(load.io_log, _moments(load), float(load.labels.get("slo_s", 0.1)), repeat)
    labels = (load or check or steps[-1]).labels
    return Evidence(
        labels,
        None if load is None else load.facts,
        {} if found is None else found.numbers,
        None if found is None else found.recovered,
        None if check is None else check.facts,
        None if compare is None else compare.facts,
    ), found


def _moments(step: StepView) -> Moments:
    """Take from the facts when the fault truly began and ended; of a rebuild the heal is the fault."""
    facts = step.facts

    def times(action: str, end: str) -> list[float]:
        return [float(value) for name, value in facts.items() if f"_{action}_" in name and name.endswith(end)]

    heal_began, healed = times("heal", "_began"), times("heal", "_ended")
    began = times("inject", "_began") or heal_began or [float(step.labels.get("fault_at", 0.0))]
    ended = max(healed, default=float(step.labels.get("heal_at", min(began))))
    first = facts.get("first_error_s")
    rebuild = not times("inject", "_began")
    return Moments(
        min(began), ended if rebuild else min(heal_began, default=ended), ended,
        None if first is None else float(first), _number(step.job.get("duration")),
    )  # fmt: skip


def _errors(evidence: Sequence[Evidence]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in evidence:
        for facts in (one.load or {}, one.check or {}):
            for errno, count in errnos_of(facts).items():
                total[errno] = total.get(errno, 0) + count
    return total


def _integrity(evidence: Sequence[Evidence]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in evidence:
        for name, value in (one.check or {}).items():
            if name.startswith(_BLOCKS) and name not in _NOT_CLASSES and isinstance(value, (int, float)):
                word = name.removeprefix(_BLOCKS)
                total[word] = total.get(word, 0) + int(value)
    return total


def _metrics(evidence: Sequence[Evidence]) -> tuple[Metric, ...]:
    metrics = []
    for name, unit in _UNITS.items():
        values = tuple(_value(name, one) for one in evidence)
        known = [value for value in values if value is not None]
        if not known:
            continue
        low, high = _interval(known)
        metrics.append(Metric(name, statistics.median(known), unit, values, low, high))
    return tuple(metrics)


def _value(name: str, one: Evidence) -> float | None:
    if name == "errors":
        return float(sum(_errors([one]).values()))
    if name in _OF_FACTS:
        values = [facts[name] for facts in (one.load or {}, one.check or {}) if name in facts]
        return _number(values[0]) if values else None
    return one.numbers.get(name)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Give Student's 95 % interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None, None
    point = student_multiplier(len(values), 0.05)
    mean, half = statistics.fmean(values), point * statistics.stdev(values) / len(values) ** 0.5
    return mean - half, mean + half


def _named(evidence: Sequence[Evidence], metrics: Sequence[Metric]) -> tuple[str, ...]:
    words: dict[str, None] = {}
    for one in evidence:
        allowed = [word for word in str(one.labels.get("errnos") or "").split(",") if word]
        for facts in (one.load, one.check, one.compare):
            words |= dict.fromkeys(named(facts or {}, allowed))
    values: Mapping[str, float | None] = {metric.name: metric.value for metric in metrics}
    outage, ratio = values.get("outage_s") or 0.0, values.get("p50_ratio") or 1.0
    if outage > 0:
        words[f"{'outage' if values.get('errors') else 'stall'} of {outage:.3g} s"] = None
    elif ratio > _SLOW_PART:
        words[f"slow part (p50 × {times(ratio)})"] = None
    return tuple(words)


def _notes(evidence: Sequence[Evidence], integrity: Mapping[str, int]) -> list[str]:
    notes = []
    blocks = integrity.get("blocks") or sum(integrity.values())
    wrong = sum(count for word, count in integrity.items() if word not in ("right", "blocks", "unreadable"))
    if blocks and not wrong:
        notes.append(f"None of {blocks:,} blocks is wrong: with 95 % confidence fewer than 1 in {blocks // 3:,} are.")
    notes += [f"The load broke off: {one.broke}" for one in evidence if one.broke and not one.labels.get("must_break")]
    return notes
