"""What the tests of rounds must show: IOPS, throughput, latency, and the demands of CBW and DIRTH."""

from __future__ import annotations

from collections.abc import Sequence

from ..common.units import format_size
from .conformance_part import Findings, Part, by_label, check_histogram, check_steady, part_size, value_of
from .run_file import StepView


def check_matrix(part: Part, found: Findings) -> None:
    """The rounds of IOPS, throughput and latency: read/write mix outside, block size inside, as listed (3.2.1.2.1)."""
    sizes = part.own("block_sizes") if part.test != "throughput" else [part_size(part)]
    possible = [size for size in sizes if size % part.logical_block == 0]
    if possible != sizes:
        text, left = (", ".join(map(format_size, some)) for some in (sizes, possible))
        found.deviate(f"block sizes, with a logical block of {part.logical_block} B", text, left, part.name)
    cells = [(percent, size) for percent in part.own("read_percents") for size in possible]
    rounds = _checked_rounds(part, part.of("round"), cells, ("read_percent", "block_size"), found)
    if part.test == "throughput":
        tracked = [{"block_size": sizes[0], "read_percent": p, "quantity": "bandwidth"} for p in part.own("tracked")]
    else:
        tracked = part.own("tracked")
    values: dict[str, list[float]] = {}
    for variable in tracked:
        place = (variable["read_percent"], variable["block_size"])
        if place in cells:
            column = [value_of(steps[cells.index(place)], variable["quantity"]) for steps in rounds]
            values[f"{place} {variable['quantity']}"] = column
    check_steady(part, values, len(rounds), found)
    if part.test == "latency":
        check_histogram(part, found)


def check_demand(part: Part, found: Findings) -> None:
    """CBW and DIRTH: preconditioned to a steady state, each round from its pre-writes, captures at three points."""
    preconditioning = part.of("precondition")
    if [s.labels.get("round") for s in preconditioning] != list(range(1, len(preconditioning) + 1)):
        found.faults.append(f"{part.name}: rounds of preconditioning are missing or out of order")
    if not preconditioning:
        found.faults.append(f"{part.name}: it was not preconditioned")
    column = [value_of(step, "iops") for step in preconditioning]
    check_steady(part, {"iops": column}, len(column), found, "rounds of preconditioning")
    demand = part.asked["demand"]
    cells = [(threads, depth) for threads in demand for depth in demand]
    rounds = _checked_rounds(part, part.of("round"), cells, ("threads", "queue_depth"), found)
    before = {step.labels.get("round"): step.index for step in part.of("prewrite") if "round" in step.labels}
    for count, steps in enumerate(rounds, 1):
        if before.get(count) != steps[0].index - 1:
            found.faults.append(f"{part.name}: round {count} does not begin with its pre-writes")
    check_steady(part, {"iops": [value_of(steps[0], "iops") for steps in rounds]}, len(rounds), found)
    _check_mix(part, found)
    points = [
        (s.labels.get("phase"), s.labels["point"]) for s in part.of("prewrite", "histogram") if "point" in s.labels
    ]
    if points != [(phase, point) for point in ("max", "mid", "min") for phase in ("prewrite", "histogram")]:
        found.faults.append(f"{part.name}: the response times were not captured at the three points")


def _checked_rounds(
    part: Part, steps: list[StepView], cells: Sequence[object], names: tuple[str, str], found: Findings
) -> list[list[StepView]]:
    """Give the rounds that are whole and in order, up to the first one that is not."""
    rounds = by_label(steps, "round")
    if not rounds:
        found.faults.append(f"{part.name}: there are no rounds")
    whole = []
    for count, (number, same) in enumerate(rounds, 1):
        if number != count:
            found.faults.append(f"{part.name}: round {count} is missing or out of order")
            break
        if [tuple(step.labels[name] for name in names) for step in same] != list(cells):
            found.faults.append(f"{part.name}: round {count} has not the prescribed elements in the prescribed order")
            break
        whole.append(same)
    return whole


def _check_mix(part: Part, found: Findings) -> None:
    """The shares of the block sizes; those below the logical block go to a larger one."""
    mix = part.asked.get(f"{part.test}_mix", [])
    if any(share["size"] % part.logical_block for share in mix):
        sizes = ", ".join(format_size(share["size"]) for share in mix)
        used = ", ".join(format_size(share["size"]) for share in part.of("round")[0].job["block_size_mix"])
        found.deviate(f"block sizes, with a logical block of {part.logical_block} B", sizes, used, part.name)
    elif any(step.job["block_size_mix"] != mix for step in part.of("round", "prewrite") if mix):
        found.faults.append(f"{part.name}: the shares of the block sizes are not those prescribed")
