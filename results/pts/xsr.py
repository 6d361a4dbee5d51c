"""Cross-Stimulus Recovery: large sequential writes, small random ones, and the large ones again."""

from __future__ import annotations

from ..findings import Finding, Plot, Quantified
from .part import Part, measured, procedure_of, quantities, rnd
from .plots import grid
from .timeline import Sample, over_time, samples, value_at

_END_SAMPLES = 5
"""How many one-minute samples make the end of a group."""


def find(part: Part) -> Finding:
    """Analyse the cross-stimulus recovery test."""
    every = list(samples(part.of("minute")))
    numbers_of_groups = list(dict.fromkeys(int(one.step.labels["group"]) for one in every))
    groups = {number: [one for one in every if one.step.labels["group"] == number] for number in numbers_of_groups}
    names = {number: f"group {number}: {rnd(own[0].step)}" for number, own in groups.items()}
    plots = (
        [
            Plot(
                "throughput-time",
                "Throughput over time",
                "time",
                "s",
                "throughput",
                "B/s",
                tuple(over_time(names[n], own, "bandwidth") for n, own in groups.items()),
            ),
            Plot(
                "latency-time",
                "Average and maximum response time over time",
                "time",
                "s",
                "response time",
                "ns",
                (over_time("average", every, "latency_mean"), over_time("maximum", every, "latency_max")),
                log_y=True,
            ),
        ]
        if every
        else []
    )
    recovered = _recovery(groups) if {1, 3} <= groups.keys() else None
    rows = [
        [_end(own), max(value_at(one, "latency_mean") for one in own), max(value_at(one, "latency_max") for one in own)]
        for own in groups.values()
    ]
    tables = (
        [
            grid(
                "throughput",
                "Throughput at the end of each group",
                "throughput",
                "B/s",
                ("group", list(names.values())),
                ("", ["end of group"]),
                [[row[0]] for row in rows],
            ),
            grid(
                "latency",
                "Highest response times of each group",
                "response time",
                "ns",
                ("group", list(names.values())),
                ("", ["peak average", "peak maximum"]),
                [row[1:] for row in rows],
            ),
        ]
        if groups
        else []
    )
    numbers: list[Quantified] = []
    for number, own in groups.items():
        numbers += quantities(
            [one.step for one in own[-_END_SAMPLES:]], {**part.labels, "phase": "window", "group": number}
        )
    notes = []
    if {1, 3} <= groups.keys():
        reason = "" if recovered is not None else "group 3 never reached the average of group 1"
        labels = {**part.labels, "phase": "window", "group": 3}
        numbers.append(Quantified("recovery_time", "all", recovered, "s", labels, reason))
        # One sample is a minute of the specification, whatever it lasts in a scaled run.
        notes.append(
            f"recovery: group 3 reached the average throughput of group 1 after {recovered:g} s"
            if recovered is not None
            else f"recovery: {reason}"
        )
    else:
        notes.append("the three groups are not complete")
    return Finding(
        part.test,
        part.part,
        part.title,
        None,
        {},
        tuple(tables),
        tuple(plots),
        tuple(numbers),
        tuple(notes),
        procedure_of(part, {"minute": "Test"}),
    )


def _end(own: list[Sample]) -> float:
    last = own[-_END_SAMPLES:]
    return sum(measured(one.step).bandwidth for one in last) / len(last)


def _recovery(groups: dict[int, list[Sample]]) -> float | None:
    """Give the seconds into group 3 until its throughput first reaches the mean of group 1; None for never."""
    mean = sum(measured(one.step).bandwidth for one in groups[1]) / len(groups[1])
    began = groups[3][0].ends_s - measured(groups[3][0].step).runtime_s
    return next((one.ends_s - began for one in groups[3] if measured(one.step).bandwidth >= mean), None)
