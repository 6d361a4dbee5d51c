"""The whole latency distribution: every percentile, on an axis that gives the tail its room."""

from __future__ import annotations

from collections.abc import Sequence

from ..results.histogram import supported
from ..results.measurement import Latency
from ..results.run_file import StepView
from .chart_data import Block, Figure, keys_of, rounded
from .charts import DATA, distribution_chart
from .names import DIRECTIONS, NamedRun, group_keys, latency_of, step_keys
from .sections import Choice, Panel, Section

_PER_DECADE = 12
_DECADES = 7


def _percents() -> list[float]:
    """Give percentiles that are evenly spaced on the axis 1/(1-p), from 0 on."""
    tails = [10 ** (index / _PER_DECADE) for index in range(_PER_DECADE * _DECADES + 1)]
    return [100 * (1 - 1 / tail) for tail in tails]


PERCENTS = _percents()


def distribution_section(runs: Sequence[NamedRun]) -> Section | None:
    """Build the section, None without latencies. One run draws its steps, several runs one chosen step."""
    measured = [(run, key, step) for run in runs for key, step in step_keys(run.run)]
    single = len(runs) == 1
    steps = list(dict.fromkeys(key for _, key, _ in measured))
    texts = {f"s{steps.index(key)}": step.label for _, key, step in reversed(measured)}
    texts = {f"s{index}": texts[f"s{index}"] for index in range(len(steps))}
    keys = keys_of("step", list(texts.values())) if single else group_keys(runs)
    datasets: dict[str, list[Block]] = {}
    for run, key, step in measured:
        number = steps.index(key)
        color = keys[number].id if single else keys[run.group.index].id
        for direction in DIRECTIONS:
            latency = _latency(step, direction)
            if latency is not None and (block := _curve(latency, color, run.line, f"s{number}")) is not None:
                datasets.setdefault(f"distribution-{direction}", []).append(block)
    if not datasets:
        return None
    chosen = "" if single else _busiest(measured, steps)
    lines = len(texts) if single else len(runs)
    figures = [
        Figure(
            f"chart-{name}",
            DIRECTIONS[direction],
            f"{DIRECTIONS[direction]}: latency by percentile",
            distribution_chart(keys, chosen=chosen, lines=lines),
            {DATA: name},
            "x",
            "y",
            "percentile",
            "latency",
        )
        for direction in DIRECTIONS
        if (name := f"distribution-{direction}") in datasets
    ]
    return Section(
        "distribution",
        "Latency distribution",
        "Each line shows the latency that this share of the I/Os stayed below. It ends where fewer than ten samples lie"
        f" beyond.{f' The step is {texts[chosen]}.' if chosen and len(texts) == 1 else ''}",
        keys,
        (),
        [Panel("", figures)],
        datasets,
        Choice("Step", texts, chosen) if chosen and len(texts) > 1 else None,
    )


def _busiest(measured: Sequence[tuple[NamedRun, str, StepView]], steps: Sequence[str]) -> str:
    """Pick the step that most runs have, among those the one in the middle of the procedure."""
    count = {key: sum(1 for _, found, _ in measured if found == key) for key in steps}
    most = [key for key in steps if count[key] == max(count.values())]
    return f"s{steps.index(most[len(most) // 2])}"


def _latency(step: StepView, direction: str) -> Latency | None:
    found = None if step.measurement is None else latency_of(step.measurement, direction)
    return found if found is not None and found.histogram.bins else None


def _curve(latency: Latency, key: str, line: str, step: str) -> Block | None:
    """Give the percentiles that the samples support, one point where the latency changes."""
    percents = [percent for percent in PERCENTS if supported(latency.samples, percent)]
    found = [
        (rounded(100 / (100 - percent), 4), value)
        for percent, value in zip(percents, latency.percentiles(percents), strict=True)
        if value
    ]
    if not found:
        return None
    return Block(
        {"key": key, "run": line, "style": "", "step": step},
        {"x": [x for x, _ in found], "y": [rounded(y) for _, y in found]},
    )
