"""What CBW and DIRTH share: preconditioning, demand variation, demand intensity, and three captured points."""

from __future__ import annotations

from collections.abc import Callable

from ...common.units import format_latency, format_rate
from ..findings import Finding, Grid, Plot, Trace
from ..measurement import Latency, Series
from ..run_file import StepView
from ..steady_state import SteadyState
from .part import (
    Key,
    Part,
    column,
    complete_rounds,
    key_of,
    measured,
    not_steady,
    procedure_of,
    quantities,
    quantity_of,
    rnd,
    steadiness,
    steady_of,
    window_of_rounds,
)
from .plots import by_round, confidence_levels, grid, response_times, unsupported, window_plots
from .timeline import samples

_POINTS = {"max": "maximum", "mid": "middle", "min": "minimum"}


def find_demand(part: Part) -> Finding:
    """Analyse a test of demand: plots P1 to P14 of the specification's report."""
    before = part.of("precondition")
    pre_name = rnd(before[0]) if before else "writes"
    pre_steady = steady_of({pre_name: [quantity_of(step, "iops") for step in before]} if before else {}, part.rule)
    rounds = complete_rounds(part.rounds())
    demands = list(dict.fromkeys(key_of(step, "threads", "queue_depth") for one in rounds for step in one))
    load = rnd(rounds[0][0]) if rounds else "the load"
    variables = {}
    if demands:
        first = demands[0]
        variables = {
            f"{load}, TC {first[0]} / QD {first[1]}": column(rounds, "iops", threads=first[0], queue_depth=first[1])
        }
    steady = steady_of(variables, part.rule)
    window = window_of_rounds(steady, len(rounds))
    inside = rounds[window[0] - 1 : window[1]]
    by_demand = {
        demand: [step for one in inside for step in one if key_of(step, "threads", "queue_depth") == demand]
        for demand in demands
    }
    points = {str(step.labels["point"]): step for step in part.of("histogram") if "point" in step.labels}
    capture = {f"{_POINTS[name]} point": measured(step).latency for name, step in points.items()}
    numbers = list(steadiness(steady, part.labels))
    for (threads, depth), steps in by_demand.items():
        numbers += quantities(steps, {**part.labels, "phase": "window", "threads": threads, "queue_depth": depth})
    for name, step in points.items():
        numbers += quantities([step], {**part.labels, "phase": "histogram", "point": name})
    return Finding(
        part.test,
        part.part,
        part.title,
        steady,
        dict.fromkeys(variables, "1/s"),
        tuple(_grids(by_demand, capture)),
        tuple(_plots(part, before, pre_name, pre_steady, rounds, variables, steady, window, by_demand, points)),
        tuple(numbers),
        (
            *(f"preconditioning: {text}" for text in not_steady(pre_steady)),
            *not_steady(steady),
            *(_said(name, step) for name, step in points.items()),
            *unsupported(capture),
        ),
        procedure_of(
            part,
            {"precondition": "Preconditioning", "prewrite": "Pre-writes", "round": "Test", "histogram": "Histograms"},
        ),
    )


def _said(name: str, step: StepView) -> str:
    found = measured(step)
    return (
        f"{_POINTS[name]} point: TC {step.labels['threads']} / QD {step.labels['queue_depth']}, "
        f"{format_rate(found.iops)} IOPS at an average response time of {format_latency(found.latency.mean_ns)}"
    )


def _grids(by_demand: dict[Key, list[StepView]], capture: dict[str, Latency]) -> list[Grid]:
    if not by_demand:
        return []
    threads = list(dict.fromkeys(threads for threads, _ in by_demand))
    depths = list(dict.fromkeys(depth for _, depth in by_demand))
    rows, columns = ("threads", [str(one) for one in threads]), ("queue depth", [str(one) for one in depths])

    def table(value: Callable[[list[StepView]], float]) -> list[list[float | None]]:
        return [[value(by_demand[t, d]) if by_demand.get((t, d)) else None for d in depths] for t in threads]

    grids = [
        grid("demand", "Demand variation: IOPS", "IOPS", "1/s", rows, columns, table(_iops), columns_3d=True),
        grid(
            "response", "Demand variation: average response time", "response time", "ns", rows, columns, table(_mean_ns)
        ),
        grid("cpu", "System processor time", "processor", "%", rows, columns, table(_cpu), columns_3d=True),
    ]
    if capture:
        grids.append(confidence_levels("confidence", "Response times by confidence level", capture))
    return grids


def _iops(steps: list[StepView]) -> float:
    return sum(measured(step).iops for step in steps) / len(steps)


def _mean_ns(steps: list[StepView]) -> float:
    ios = sum(measured(step).latency.samples for step in steps)
    return sum(measured(step).latency.mean_ns * measured(step).latency.samples for step in steps) / ios if ios else 0.0


def _cpu(steps: list[StepView]) -> float:
    """Percent of one processor that all jobs together spend in the kernel."""
    return sum(measured(step).processor.system_percent for step in steps) / len(steps)


def _plots(
    part: Part,
    before: list[StepView],
    pre_name: str,
    pre_steady: SteadyState | None,
    rounds: list[list[StepView]],
    variables: dict[str, list[float]],
    steady: SteadyState | None,
    window: tuple[int, int],
    by_demand: dict[Key, list[StepView]],
    points: dict[str, StepView],
) -> list[Plot]:
    plots: list[Plot] = []
    if before:
        values = {pre_name: [quantity_of(step, "iops") for step in before]}
        pre_window = window_of_rounds(pre_steady, len(before))
        plots.append(by_round("precondition", "Preconditioning: IOPS by round", "IOPS", "1/s", values, pre_window))
        plots += window_plots("precondition-window", pre_steady, {pre_name: "1/s"}, {pre_name: "IOPS"})
    between = [step for step in part.of("prewrite") if "round" in step.labels]
    if between:
        plots.append(
            by_round(
                "prewrites",
                "Pre-writes between the rounds",
                "IOPS",
                "1/s",
                {rnd(between[0]): [quantity_of(step, "iops") for step in between]},
                None,
            )
        )
    if rounds:
        every = {
            f"TC {threads} / QD {depth}": column(rounds, "iops", threads=threads, queue_depth=depth)
            for threads, depth in by_demand
            if threads == depth
        }
        plots.append(
            by_round("demand-rounds", "Demand variation: IOPS by round", "IOPS", "1/s", every, window, log_y=True)
        )
        plots += window_plots("window", steady, dict.fromkeys(variables, "1/s"), dict.fromkeys(variables, "IOPS"))
        plots += _intensity(by_demand)
    for name, title in _POINTS.items():
        prewrites = [step for step in part.of("prewrite") if step.labels.get("point") == name]
        if prewrites:
            plots.append(
                Plot(
                    f"prewrite-{name}",
                    f"Pre-write before the {title} point: IOPS over time",
                    "time",
                    "s",
                    "IOPS",
                    "1/s",
                    (_inside(prewrites),),
                )
            )
        if name in points and (
            plot := response_times(
                f"histogram-{name}", f"Response times, {title} point", measured(points[name]).latency
            )
        ):
            plots.append(plot)
    return plots


def _intensity(by_demand: dict[Key, list[StepView]]) -> list[Plot]:
    """IOPS over average response time, and over all I/Os in flight."""
    threads = list(dict.fromkeys(threads for threads, _ in by_demand))
    art, outstanding = [], []
    for count in threads:
        own = [(depth, steps) for (t, depth), steps in by_demand.items() if t == count and steps]
        own.sort(key=lambda one: int(str(one[0])))
        rates = tuple(_iops(steps) for _, steps in own)
        art.append(Trace(f"TC {count}", tuple(_mean_ns(steps) for _, steps in own), rates))
        outstanding.append(Trace(f"TC {count}", tuple(float(str(count)) * float(str(d)) for d, _ in own), rates))
    return [
        Plot(
            "intensity",
            "Demand intensity: IOPS over average response time",
            "average response time",
            "ns",
            "IOPS",
            "1/s",
            tuple(art),
            log_x=True,
        ),
        Plot(
            "outstanding",
            "IOPS over total outstanding I/Os",
            "outstanding I/Os",
            "",
            "IOPS",
            "1/s",
            tuple(outstanding),
            log_x=True,
        ),
    ]


def _inside(steps: list[StepView]) -> Trace:
    """IOPS within steps, second by second where the engine gives that, else one point a step."""
    x: list[float] = []
    y: list[float] = []
    for sample in samples(steps):
        series = sample.step.measurement.series if sample.step.measurement else Series()
        began = sample.ends_s - measured(sample.step).runtime_s
        if series.time_s:
            x += [began + at for at in series.time_s]
            y += [read + write for read, write in zip(series.read_iops, series.write_iops, strict=True)]
        else:
            x.append(sample.ends_s)
            y.append(measured(sample.step).iops)
    return Trace("IOPS", tuple(x), tuple(y))
