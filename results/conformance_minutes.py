"""What the tests of one-minute samples must show: WSAT, HIR and XSR."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..common.units import format_duration
from .conformance_part import Findings, Part, by_label, bytes_written, check_histogram, check_steady, value_of
from .run_file import StepView
from .steady_state import rule_named, steady_state


def check_wsat(part: Part, found: Findings) -> None:
    """No preconditioning; stopped by the steady state, the volume or the time, whichever came first (10.2)."""
    minutes = part.of("minute")
    if part.of("wipc", "precondition"):
        found.faults.append(f"{part.name}: it was preconditioned")
    if not minutes:
        found.faults.append(f"{part.name}: there are no samples")
        return
    _check_minutes(part, minutes, "", found)
    samples = _check_samples(part, minutes, part.own("interval"), found)
    steady = steady_state({"iops": samples}, rule_named(part.rule)).first_steady_round
    written = sum(bytes_written(step.totals) for step in minutes)
    full = written >= part.own("capacity_factor") * part.size
    if steady is None and not full and len(minutes) < part.minutes(part.own("limit")):
        found.faults.append(f"{part.name}: it ended after {len(minutes)} minutes, by none of its rules")
    elif steady is None:
        found.note(f"steady state was not achieved within {len(minutes)} minutes", part.name)
    check_histogram(part, found)


def check_hir(part: Part, found: Findings) -> None:
    """Preconditioned to a steady state; then for each wait state the pairs of writes and waits, and the baseline."""
    minutes = part.of("precondition")
    _check_minutes(part, minutes, " in preconditioning", found)
    samples = _check_samples(part, minutes, part.own("interval"), found)
    if not samples:
        found.faults.append(f"{part.name}: it was not preconditioned")
    check_steady(part, {"iops": samples}, len(samples), found, "rounds of preconditioning")
    repeats = math.ceil(round(part.own("repeats") * part.asked["scale"], 9))
    pairs = [(phase, repeat) for repeat in range(1, repeats + 1) for phase in ("access", "idle")]
    baseline = [("minute", minute) for minute in range(1, part.minutes(part.own("baseline")) + 1)]
    waits = by_label(part.of("access", "idle", "minute"), "wait")
    if [wait for wait, _ in waits] != part.own("waits"):
        found.faults.append(f"{part.name}: wait states are missing or out of order")
    for wait, steps in waits:
        order = [(s.labels["phase"], s.labels.get("repeat", s.labels.get("minute"))) for s in steps]
        if order != pairs + baseline:
            found.faults.append(f"{part.name}: wait state {wait} is not {repeats} writes and waits, then the baseline")
        idle = part.own("access") / 60 * part.asked["element"] * (wait or 0)
        if any(abs(_idle_seconds(part, s) - idle) > max(0.02 * idle, 0.2) for s in steps if s.kind == "idle"):
            found.deviate(f"waits of wait state {wait}", format_duration(idle), "others", part.name)


def check_xsr(part: Part, found: Findings) -> None:
    """Three groups of samples back to back, without preconditioning."""
    if part.of("wipc", "precondition"):
        found.faults.append(f"{part.name}: it was preconditioned")
    groups = by_label(part.of("minute"), "group")
    demanded = [part.minutes(duration) for duration in part.own("durations")]
    if [group for group, _ in groups] != list(range(1, len(demanded) + 1)):
        found.faults.append(f"{part.name}: groups are missing or out of order")
        return
    loads = zip(part.own("pattern"), part.own("block_sizes"), demanded, strict=True)
    for (group, steps), (pattern, size, minutes) in zip(groups, loads, strict=True):
        _check_minutes(part, steps, f" in group {group}", found)
        if len(steps) != minutes:
            found.faults.append(f"{part.name}: group {group} has {len(steps)} of {minutes} minutes")
        if any((s.job["pattern"], s.job["block_size"]) != (pattern, size) for s in steps):
            found.faults.append(f"{part.name}: group {group} is another load than prescribed")


def _check_minutes(part: Part, steps: Sequence[StepView], where: str, found: Findings) -> None:
    """One-minute samples follow one another without a hole."""
    if [step.labels.get("minute") for step in steps] != list(range(1, len(steps) + 1)):
        found.faults.append(f"{part.name}: minutes are missing or out of order{where}")


def _check_samples(part: Part, steps: Sequence[StepView], interval: float, found: Findings) -> list[float]:
    """Give the samples on which the steady state is decided: those apart by the interval, and no others."""
    cycle = part.minutes(interval) + 1
    due = [step for number, step in enumerate(steps) if number % cycle == 0]
    if [step.index for step in due] != [step.index for step in steps if "round" in step.labels]:
        found.faults.append(f"{part.name}: the steady state was not decided on samples {cycle} minutes apart")
    return [value_of(step, "iops") for step in due]


def _idle_seconds(part: Part, step: StepView) -> float:
    return float(step.step["duration"]) if part.virtual else step.ended - step.started
