"""One test of a run, or one part of one: its steps, and the numbers that the analyses are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ...common.units import format_bandwidth, format_duration, format_size
from ..findings import Label, Quantified
from ..measurement import Direction, Latency, Measurement
from ..run_file import StepView
from ..steady_state import SteadyState, rule_named, steady_state

MINUTE = 60.0


class Part(msgspec.Struct, frozen=True):
    """One test, or one part of one, with what was asked for."""

    test: str
    part: str
    steps: tuple[StepView, ...]
    asked: Mapping[str, Any]
    """Parameters of the specification as they were used, by name."""
    rule: str
    size: int
    """Bytes of the device."""
    virtual: bool

    def of(self, *phases: str) -> list[StepView]:
        """Give the completed steps with load of some phases, in order."""
        return [s for s in self.steps if s.labels.get("phase") in phases and s.totals is not None]

    def rounds(self, phase: str = "round") -> list[list[StepView]]:
        """Give the steps of a phase by round."""
        found: dict[int, list[StepView]] = {}
        for step in self.of(phase):
            if "round" in step.labels:
                found.setdefault(int(step.labels["round"]), []).append(step)
        return [found[number] for number in sorted(found)]

    def own(self, field: str) -> Any:
        """Give what was asked for of this test alone, None where nothing was."""
        return self.asked.get(f"{self.test}_{field}")

    @property
    def labels(self) -> dict[str, Label]:
        """The labels that every number of this part has."""
        return {"test": self.test, **({"part": self.part} if self.part else {})}

    @property
    def title(self) -> str:
        """The test's name, with its part."""
        names = {"iops": "IOPS", "throughput": "Throughput", "latency": "Latency", "wsat": "Write Saturation",
                 "hir": "Host Idle Recovery", "xsr": "Cross-Stimulus Recovery", "cbw": "Composite Block Size Workload",
                 "dirth": "Demand-Intensity Response-Time Histogram"}  # fmt: skip
        return f"{names[self.test]} {self.part}".rstrip()


Key = tuple[Label, ...]


def key_of(step: StepView, *names: str) -> Key:
    """Give the values of some labels of a step."""
    return tuple(step.labels.get(name, "") for name in names)


def measured(step: StepView) -> Measurement:
    """Give a completed step's measurement."""
    assert step.totals is not None
    return step.totals


def quantity_of(step: StepView, quantity: str) -> float:
    """Give a tracked quantity of a step, reads and writes together; mean latency weighted by counts, in ns."""
    found = measured(step)
    return found.latency.mean_ns if quantity == "latency_mean" else float(getattr(found, quantity))


def complete_rounds(rounds: Sequence[Sequence[StepView]]) -> list[list[StepView]]:
    """Leave out a last round that was not finished."""
    most = max((len(one) for one in rounds), default=0)
    return [list(one) for one in rounds if len(one) == most]


def column(rounds: Sequence[Sequence[StepView]], quantity: str, **labels: Label) -> list[float]:
    """Give a quantity of the element with these labels, one value a round; empty where one has none."""
    values = []
    for one in rounds:
        step = next((s for s in one if all(s.labels.get(n) == v for n, v in labels.items())), None)
        if step is None:
            return []
        values.append(quantity_of(step, quantity))
    return values


def steady_of(variables: Mapping[str, Sequence[float]], rule: str) -> SteadyState | None:
    """Judge variables; None where there are none."""
    return steady_state(variables, rule_named(rule)) if variables and all(variables.values()) else None


def window_of_rounds(steady: SteadyState | None, rounds: int) -> tuple[int, int]:
    """Give first and last round of the measurement window: the steady one, or else the last five (3.2.1.2.3)."""
    last = (steady.first_steady_round if steady else None) or rounds
    return max(1, last - 4), last


def not_steady(steady: SteadyState | None, what: str = "rounds") -> list[str]:
    """Say that the steady state was not achieved, where it was not."""
    if steady is None:
        return [f"there were too few {what} to say whether it was steady"]
    if steady.first_steady_round is None:
        return [f"STEADY STATE NOT ACHIEVED within {steady.rounds} {what}: the window is of the last ones"]
    return []


def rnd(step: StepView) -> str:
    """Say a step's load as the specification writes it: `RND 4KiB 0/100`."""
    kind = "SEQ" if step.job.get("pattern") == "sequential" else "RND"
    percent = int(step.labels.get("read_percent", 0))
    size = int(step.labels.get("block_size", 0))
    return f"{kind} {format_size(size) if size else 'composite'} {mix(percent)}"


def mix(read_percent: int) -> str:
    """Write a mix of reads and writes: `65/35`."""
    return f"{read_percent}/{100 - read_percent}"


def merged(steps: Iterable[StepView], pick: Callable[[Measurement], Latency] = lambda m: m.latency) -> Latency:
    """Combine the response times of steps."""
    return Latency.merged([pick(measured(step)) for step in steps])


def quantities(steps: Sequence[StepView], labels: Mapping[str, Label]) -> list[Quantified]:
    """Give the numbers of one load over its steps: rates as means of the steps, response times of all I/Os together."""
    found: list[Quantified] = []

    def add(metric: str, direction: str, value: float | None, unit: str, reason: str = "") -> None:
        found.append(Quantified(metric, direction, value, unit, dict(labels), reason))

    every = [measured(step) for step in steps]
    if not every:
        return found
    picks: list[tuple[str, Callable[[Measurement], Direction]]] = [
        ("read", lambda m: m.read),
        ("write", lambda m: m.write),
    ]
    used = [(name, pick) for name, pick in picks if any(pick(m).ios for m in every)]
    add("iops", "all", sum(m.iops for m in every) / len(every), "1/s")
    add("bandwidth", "all", sum(m.bandwidth for m in every) / len(every), "B/s")
    for metric, value, unit, reason in _latencies(Latency.merged([m.latency for m in every])):
        add(metric, "all", value, unit, reason)
    for name, pick in used:
        add("iops", name, sum(pick(m).iops for m in every) / len(every), "1/s")
        add("bandwidth", name, sum(pick(m).bandwidth for m in every) / len(every), "B/s")
        for metric, value, unit, reason in _latencies(Latency.merged([pick(m).latency for m in every])):
            add(metric, name, value, unit, reason)
    return found


def _latencies(latency: Latency) -> list[tuple[str, float | None, str, str]]:
    if not latency.samples:
        return []
    rows: list[tuple[str, float | None, str, str]] = []
    for name, value in latency.summary().items():
        if name == "samples":
            rows.append(("samples", value, "1", ""))
        else:
            reason = "" if value is not None else f"{latency.samples} samples are too few for {name}"
            rows.append((f"latency_{name}", value, "ns", reason))
    return rows


def steadiness(steady: SteadyState | None, labels: Mapping[str, Label]) -> list[Quantified]:
    """Give whether, and at which round, it was steady, as numbers."""
    if steady is None:
        return [Quantified("steady_state", "all", None, "1", dict(labels), "there were too few rounds")]
    reached = steady.first_steady_round
    return [
        Quantified("steady_state", "all", float(reached is not None), "1", dict(labels)),
        Quantified(
            "rounds_to_steady_state", "all", None if reached is None else float(reached), "1", dict(labels),
            "" if reached is not None else "steady state was not achieved",
        ),
    ]  # fmt: skip


def procedure_of(part: Part, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Say what was done in each phase: load, threads and depth, time and volume. `names` gives the phases' titles."""
    rows = []
    for phase, title in names.items():
        steps = part.of(phase)
        if not steps:
            continue
        loads = list(dict.fromkeys(rnd(step) for step in steps))
        demand = list(dict.fromkeys((step.labels.get("threads"), step.labels.get("queue_depth")) for step in steps))
        said = loads[0] if len(loads) == 1 else f"{len(loads)} loads, {loads[0]} to {loads[-1]}"
        said += (
            f", TC {demand[0][0]} / QD {demand[0][1]}" if len(demand) == 1 else f", {len(demand)} pairs of TC and QD"
        )
        seconds = sum(measured(step).runtime_s for step in steps)
        volume = sum(measured(step).read.bytes + measured(step).write.bytes for step in steps)
        rounds = len({step.labels["round"] for step in steps if "round" in step.labels})
        said += f", {rounds} rounds" if rounds else ""
        rows.append(
            (title, f"{said}, {format_duration(round(seconds))}, {format_bandwidth(volume).removesuffix('/s')}")
        )
    return tuple(rows)
