"""What the steps of a SNIA test must show, test by test: the phases, their order, their lengths, what they wrote.

The demands are read from the specification that the run keeps and from its parameters, not from the plan that made
the steps, so that a plan with a mistake is found out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..common.units import format_duration, format_size
from .conformance_minutes import check_hir, check_wsat, check_xsr
from .conformance_part import Findings, Part, asked_for, by_label, bytes_written, part_size
from .conformance_rounds import check_demand, check_matrix
from .run_file import Run, StepView
from .specification import Specification

_GAP_S = 5.0
"""Longest pause between two steps that still counts as back to back: what it takes to start the next one."""

_MATRIX = ("iops", "throughput", "latency")
_DEMAND = ("cbw", "dirth")


def check_snia(run: Run, specification: Specification, found: Findings) -> None:
    """Check every test that was asked for."""
    asked = asked_for(run, specification)
    info = run.recipe["device_info"]
    labelled = [step for step in run.steps if step.labels.get("test")]
    for test in specification.tests:
        steps = [step for step in labelled if step.labels["test"] == test]
        if not steps:
            found.faults.append(f"the {test} test was asked for and has no steps")
        for name in _parts(test, steps, asked, found):
            own = [step for step in steps if step.labels.get("part", "") == name]
            part = Part(
                test, name, own, asked, specification.rule, info["size"], info.get("logical_block_size", 512),
                info.get("engine") == "model",
            )  # fmt: skip
            _check_part(part, found)


def _parts(test: str, steps: Sequence[StepView], asked: Mapping[str, Any], found: Findings) -> list[str]:
    """Give the parts of a test that are there; the throughput test has one for each block size."""
    there = list(dict.fromkeys(str(step.labels.get("part", "")) for step in steps))
    if test == "throughput":
        missing = [size for size in map(format_size, asked["throughput_block_sizes"]) if size not in there]
        found.faults += [f"throughput has no part for blocks of {size}" for size in missing if steps]
    return there


def _check_part(part: Part, found: Findings) -> None:
    _check_purge(part, found)
    _check_loads(part, found)
    _check_times(part, found)
    match part.test:
        case test if test in _MATRIX:
            _check_wipc(part, found)
            check_matrix(part, found)
        case "wsat":
            check_wsat(part, found)
        case "hir":
            check_hir(part, found)
        case "xsr":
            check_xsr(part, found)
        case _:
            check_demand(part, found)


def _check_purge(part: Part, found: Findings) -> None:
    """A purge comes before every test; where none is possible, the report has to say so."""
    if not part.asked["purge"]:
        return
    purges = part.of("purge")
    if not purges or part.steps[0] is not purges[0]:
        found.faults.append(f"{part.name}: there is no purge before the first I/O")
        return
    facts = purges[0].facts
    if facts.get("purge_method", "none") in ("", "none"):
        found.deviate("purge", "before the test", str(facts.get("purge_check") or "none"), part.name)
    elif facts.get("purge_verified") is False:
        found.deviate("purge", "fresh out of the box", str(facts.get("purge_check") or "not purged"), part.name)
    elif facts.get("purge_verified") is None:
        found.note("that the purge worked could not be verified", part.name)


def _check_loads(part: Part, found: Findings) -> None:
    """Every job is what its step's labels say, covers the active range, and has the demanded demand (3.1.2, 3.1.3)."""
    own = {name: part.asked.get(f"{part.test}_{name}") for name in ("threads", "queue_depth")}
    demands: set[tuple[int, int]] = set()
    for step in part.of("wipc", "precondition", "round", "minute", "access", "prewrite", "histogram"):
        job, labels = step.job, step.labels
        said = (labels["block_size"], labels["read_percent"], labels["queue_depth"])
        done = (
            0 if job["block_size_mix"] else job["block_size"],
            round(job["read_fraction"] * 100),
            job["queue_depth"],
        )
        if said != done and labels["phase"] != "wipc":
            found.faults.append(f"step {step.index} '{step.label}' put another load on the device than it says")
        if labels["phase"] != "wipc" and (job["offset"], job["span"]) != (0, part.active_bytes):
            found.faults.append(f"step {step.index} '{step.label}' did not use the active range")
        if part.test not in _DEMAND:
            demands.add((labels["threads"], labels["queue_depth"]))
    if len(demands) > 1:
        found.deviate("threads / queue depth", "the same in all phases", _pairs(demands), part.name)
    for threads, depth in demands:
        if own["threads"] and (threads, depth) != (own["threads"], own["queue_depth"]):
            demanded = f"{own['threads']} / {own['queue_depth']}"
            found.deviate("threads / queue depth", demanded, f"{threads} / {depth}", part.name)


def _pairs(pairs: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{one} / {other}" for one, other in sorted(pairs))


def _check_times(part: Part, found: Findings) -> None:
    """Elements last as long as demanded, as measured; steps run back to back."""
    wrong = []
    for step in part.steps:
        expected = _expected_seconds(part, step)
        measured = step.totals.runtime_s if step.totals is not None else None
        if expected is None or measured is None:
            continue
        short = max(0.02 * expected, min(1.0, 0.5 * expected))
        if measured < expected - short or measured > expected + max(0.05 * expected, _GAP_S):
            wrong.append((measured, expected))
    if wrong:
        measured, expected = max(wrong, key=lambda pair: abs(pair[0] - pair[1]))
        actual = f"{len(wrong)} of them otherwise, at worst {format_duration(measured)}"
        found.deviate("length of the elements", format_duration(expected), actual, part.name)
    if part.virtual:
        return  # virtual time stands still between two steps
    pauses = [(after.started - before.ended + _unloaded(after), after) for before, after in pairwise(part.steps)]
    long = [pause for pause in pauses if pause[0] > _GAP_S]
    if long:
        seconds, after = max(long, key=lambda pause: pause[0])
        actual = f"{len(long)} otherwise, the longest {format_duration(seconds)} at step {after.index}"
        found.deviate("pauses between steps", f"none of more than {_GAP_S:g} s", actual, part.name)


def _unloaded(step: StepView) -> float:
    """Give how long a step with a load went without it: to start it, and to ask the device how it is."""
    if step.totals is None:
        return 0.0
    return step.ended - step.started - float(step.job["ramp"]) - step.totals.runtime_s


def _expected_seconds(part: Part, step: StepView) -> float | None:
    """Give how long a step's load had to last, None where that is not prescribed."""
    element = float(part.asked["element"])
    demand = part.test in _DEMAND
    match step.labels.get("phase"):
        case "round" | "minute":
            return element
        case "precondition":
            return part.length(part.asked["demand_precondition_round"]) if demand else element
        case "prewrite":
            name = "demand_histogram_prewrite" if "point" in step.labels else "demand_prewrite"
            return part.length(part.asked[name])
        case "histogram":
            return part.length(part.asked["demand_histogram"] if demand else part.own("histogram"))
        case "access":
            return float(part.own("access")) / 60 * element
        case _:
            return None


def _check_wipc(part: Part, found: Findings) -> None:
    """The whole active range was written so often, in order, before the rounds (2.2)."""
    steps, rounds = part.of("wipc"), part.of("round")
    block = part_size(part) if part.test == "throughput" else part.asked["precondition_block_size"]
    if not steps:
        found.faults.append(f"{part.name}: there is no workload-independent preconditioning")
        return
    if rounds and steps[-1].index > rounds[0].index:
        found.faults.append(f"{part.name}: preconditioning goes on after the first round")
    written = sum(bytes_written(step.totals) for step in steps)
    demanded = int(part.active_bytes * part.asked["precondition_factor"]) // 512 * 512
    if written < demanded:
        found.deviate("bytes of preconditioning", format_size(demanded), format_size(written), part.name)
    full = [number for number, same in by_label(steps, "pass") if _covers(same, part.active_bytes)]
    if len(full) < int(part.asked["precondition_factor"]):
        needed = f"{part.asked['precondition_factor']:g} times"
        found.deviate("active range that is preconditioned", needed, f"{len(full)} times in whole", part.name)
    wrong = [s for s in steps if s.job["pattern"] != "sequential" or s.labels["block_size"] != block]
    if wrong:
        found.faults.append(f"{part.name}: step {wrong[0].index} of preconditioning is another load than prescribed")


def _covers(steps: Iterable[StepView], size: int) -> bool:
    """Whether the jobs of these steps together write 0 to `size`, nothing left out and nothing twice."""
    jobs = [job for step in steps for job in (step.job, *step.step.get("beside", ()))]
    end = 0
    for offset, span in sorted((job["offset"], job["span"]) for job in jobs):
        if offset != end:
            return False
        end += span
    return end == size
