"""Host Idle Recovery: how far waits of several lengths let a saturated device recover."""

from __future__ import annotations

from ..findings import Finding, Plot, Quantified, Trace
from ..run_file import StepView
from .part import Part, measured, not_steady, procedure_of, quantities, quantity_of, rnd, steadiness, steady_of
from .plots import by_round, grid, window_plots
from .timeline import Sample, over_time, samples


def find(part: Part) -> Finding:
    """Analyse the host idle recovery test (2.0.x, section 11)."""
    before = list(samples(part.of("precondition")))
    checks = [step for step in part.of("precondition") if "round" in step.labels]
    name = rnd(checks[0]) if checks else "writes"
    variables = {name: [quantity_of(step, "iops") for step in checks]} if checks else {}
    steady = steady_of(variables, part.rule)
    base = _mean(checks[-5:])
    waits = list(dict.fromkeys(int(step.labels["wait"]) for step in part.of("access")))
    by_wait = {wait: [step for step in part.of("access") if step.labels["wait"] == wait] for wait in waits}
    after = {wait: [step for step in part.of("minute") if step.labels.get("wait") == wait] for wait in waits}
    plots: list[Plot] = []
    if before:
        plots.append(Plot("precondition", "Preconditioning: IOPS over time", "time", "s", "IOPS", "1/s",
                          (over_time("IOPS", before, "iops"),)))  # fmt: skip
    if variables:
        window = steady.windows[name].rounds if steady and steady.windows else None
        plots.append(by_round("convergence", "Preconditioning: one-minute checks", "IOPS", "1/s", variables, window,
                              x_title="check"))  # fmt: skip
        plots += window_plots("window", steady, {name: "1/s"}, {name: "IOPS"})
    if waits:
        plots.append(_all_waits(part, waits))
    rows = [
        [_mean(by_wait[wait]), _mean(by_wait[wait]) / base if base else None, _mean(after[wait]) or None]
        for wait in waits
    ]
    table = grid(
        "recovery", "IOPS by wait state", "IOPS", "1/s", ("wait state", [f"1:{wait}" for wait in waits]),
        ("", ["accesses", "accesses ÷ steady state", "continuous writes after"]), rows,
    )  # fmt: skip
    numbers = list(steadiness(steady, part.labels))
    for wait in waits:
        labels = {**part.labels, "phase": "window", "wait": wait}
        numbers += quantities(by_wait[wait], labels)
        ratio = _mean(by_wait[wait]) / base if base else None
        numbers.append(
            Quantified("recovery_ratio", "all", ratio, "1", labels, "" if base else "no steady state to compare")
        )
    return Finding(
        part.test, part.part, part.title, steady, {name: "1/s"} if variables else {}, (table,) if waits else (),
        tuple(plots), tuple(numbers), tuple(not_steady(steady, "one-minute checks")),
        procedure_of(part, {"precondition": "Preconditioning", "access": "Access A", "minute": "Access C"}),
    )  # fmt: skip


def _mean(steps: list[StepView]) -> float:
    return sum(measured(step).iops for step in steps) / len(steps) if steps else 0.0


def _all_waits(part: Part, waits: list[int]) -> Plot:
    """All wait states one after the other, on one clock that also runs while the host is idle."""
    every = list(samples(step for step in part.steps if step.labels.get("phase") in ("access", "idle", "minute")))
    traces = []
    for wait in waits:
        own = [one for one in every if one.step.labels.get("wait") == wait and one.step.labels["phase"] == "access"]
        traces.append(Trace(f"wait state 1:{wait}", *_points(own), "points"))
    rest = [one for one in every if one.step.labels["phase"] == "minute"]
    traces.append(Trace("continuous writes", *_points(rest), "points"))
    return Plot("iops-time", "IOPS over time, all wait states", "time", "s", "IOPS", "1/s", tuple(traces))


def _points(found: list[Sample]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(one.ends_s for one in found), tuple(measured(one.step).iops for one in found)
