"""A run and a comparison on a terminal: the numbers that matter, laid out for its width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ..common.units import format_bandwidth, format_duration, format_latency, format_rate
from ..results.comparison import Comparison
from ..results.faults.analysis import fault_findings
from ..results.measurement import Clients, Latency, Measurement, jain_index
from ..results.run_file import Run, StepView
from .columns import Column, FirstFitting, Layout, StepName, layout_of, printable, stacked_layout, step_columns, text_of
from .emulated import device_columns, worn_steps
from .faults import faults_summary
from .names import label_phrase, label_value, name_runs
from .overview import used_directions
from .remarks import remarks_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

STATUS_STYLE = {"COMPLETED": "green", "ABORTED": "yellow", "INTERRUPTED": "yellow", "ERROR": "bold red"}
VERDICT_STYLE = {"PASS": "bold green", "MARGINAL": "bold yellow", "FAIL": "bold red"}

_PERCENTS = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
_CHOICES = (
    ("IOPS", "bandwidth", "mean", "p50", "p99", "p99.9", "max"),
    ("IOPS", "bandwidth", "mean", "p50", "p99", "p99.9"),
    ("IOPS", "bandwidth", "p50", "p99", "p99.9"),
    ("IOPS", "p50", "p99", "p99.9"),
    ("IOPS", "p50", "p99"),
    ("IOPS", "p99"),
)
"""Which numbers are shown: as many as fit."""
_ONE_LINE = 2
"""For so many of the choices, a step's name stands in its line; for the narrower ones above it."""
_LOAD = ("read_fraction", "block_size", "queue_depth", "jobs", "fsync_every", "rate_iops", "distribution")
"""Fields of a job that say what it is, where they are the same in all steps."""
_UNSAID = {"jobs": 1, "fsync_every": 0, "distribution": "uniform"}
"""Values that say nothing."""
_UNEVEN = 0.9
"""A Jain's index below it is pointed out."""


class _Line(msgspec.Struct, frozen=True):
    """One line of results: a step, counted from 0, and a direction, with its texts by heading."""

    step: int
    direction: str
    values: dict[str, str]


def run_summary(run: Run) -> RenderableType:
    """Show one run: what it was, how it ended, each step's rates and latencies, what one must know."""
    from rich.console import Group

    parts: list[RenderableType] = [_heading(run)]
    measured = [(step, step.measurement) for step in run.measured if step.measurement is not None]
    if measured:
        parts += ["", _results(measured)]
    # Clients that do different things have no reason to get the same.
    alike = [(s, m.clients) for s, m in measured if len(m.clients.name) > 1 and not s.step.get("beside")]
    if alike:
        parts += ["", _fairness(alike)]
    if worn := worn_steps(run):
        parts += ["", _device_work(worn)]
    if findings := fault_findings(run):
        parts += ["", *faults_summary(findings)]
    if remarks := list(_remarks(run)):
        parts += ["", _listed(remarks)]
    return Group(*parts, "")


def comparison_table(comparison: Comparison) -> RenderableType:
    """Show aligned steps side by side, with ratios to the first subject, then what cannot be compared."""
    from rich.console import Group

    from .comparison_view import ComparisonView, legend
    from .faults import compared_faults

    parts: list[RenderableType] = [legend(comparison)]
    if comparison.rows:
        parts += ["", ComparisonView(comparison), "", text_of(comparison.method, "dim")]
    if comparison.faults:
        parts += ["", compared_faults(comparison)]
    remarks = [(text, "yellow") for text in comparison.remarks]
    remarks += [(f"Not compared: {text}", "yellow") for text in comparison.unmatched]
    if remarks:
        parts += ["", _listed(remarks)]
    return Group(*parts, "")


def _heading(run: Run) -> Text:
    from rich.text import Text

    header = run.header
    text = Text.assemble(
        (printable(header.workload), "bold"), " on ", (printable(header.device), "bold"), "  ",
        (header.status, STATUS_STYLE.get(header.status, "bold")),
    )  # fmt: skip
    if header.verdict in VERDICT_STYLE:
        text.append(f"  {header.verdict}", style=VERDICT_STYLE[header.verdict])
    if header.reason:
        text.append(f"\n{printable(header.reason)}", style="red")
    for line in (_circumstances(run), _device(run), _common_load(run.measured)):
        if line:
            text.append("\n" + printable(" · ".join(line)), style="dim")
    return text


def _circumstances(run: Run) -> list[str]:
    header, took = run.header, ""
    begun = datetime.fromisoformat(header.created)
    if header.ended:
        seconds = (datetime.fromisoformat(header.ended) - begun).total_seconds()
        took = f"took {format_duration(seconds)}"
    host = _facts(run, "host").get("hostname", "")
    campaign = header.campaign
    repeat = f"repeat {campaign.repeat} of {campaign.repeats}" if campaign and campaign.repeats > 1 else ""
    when = begun.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return [str(fact) for fact in (header.engine, host, when, took, repeat, run.path.name) if fact]


def _device(run: Run) -> list[str]:
    """Say which drive, file system or server it was, as far as the run knows."""
    facts = _facts(run, "device_start")
    drive = [facts.get(name) or facts.get(f"disk_{name}") for name in ("model", "firmware")]
    system = facts.get("file_system")
    if system and (source := facts.get("mount_source")):
        system = f"{system} on {source}"
    return [str(fact) for fact in (*drive, facts.get("medium"), system, facts.get("server")) if fact]


def _facts(run: Run, group: str) -> dict[str, Any]:
    found = run.provenance.get(group)
    return found if isinstance(found, dict) else {}


def _common_load(steps: Sequence[StepView]) -> list[str]:
    """Say what the jobs of all steps have in common: `random, 70% reads, 4KiB blocks`."""
    jobs = [step.job for step in steps]
    if not jobs or any(step.step.get("beside") for step in steps):
        return []
    common = {
        name: value for name, value in jobs[0].items() if all(name in job and job[name] == value for job in jobs[1:])
    }
    if common.get("block_size_mix"):
        common.pop("block_size", None)
    said = [str(common["pattern"])] if "pattern" in common else []
    said += [_phrase(name, common[name]) for name in _LOAD if common.get(name) not in (None, _UNSAID.get(name))]
    if common.get("duration"):
        said.append(f"{label_value('duration', common['duration'])} each")
    return said


def _phrase(name: str, value: Any) -> str:
    if name == "read_fraction" and value in (0, 1):
        return "reads only" if value else "writes only"
    if name == "distribution":
        kind, _, zones = str(value).partition(":")
        return kind if "/" in zones else str(value)  # the shares and sizes of zones are no few words
    return label_phrase(name, value)


def _results(measured: Sequence[tuple[StepView, Measurement]]) -> RenderableType:
    names = [StepName(step.label, step.labels, "red" if measurement.errors else "") for step, measurement in measured]
    lines = [line for number, (_, measurement) in enumerate(measured) for line in _lines(number, measurement)]
    rows = [line.step for line in lines]
    directions = Column("", [line.direction for line in lines], words=True)
    ways = step_columns(names, rows)
    layouts: list[Layout] = []
    for number, choice in enumerate(_CHOICES):
        numbers = [Column(heading, [line.values.get(heading, "") for line in lines]) for heading in choice]
        if number < _ONE_LINE:
            layouts += [layout_of([*way, directions, *numbers]) for way in ways]
        if number >= _ONE_LINE - 1:
            layouts.append(stacked_layout(names, rows, [directions, *numbers]))
    return FirstFitting(layouts)


def _lines(step: int, measurement: Measurement) -> Iterator[_Line]:
    for name, part in used_directions(measurement):
        rates = {"IOPS": format_rate(part.iops), "bandwidth": format_bandwidth(part.bandwidth)}
        yield _Line(step, name, rates | _latencies(part.latency))
    if measurement.sync.samples:
        yield _Line(step, "sync", _latencies(measurement.sync))


def _latencies(latency: Latency) -> dict[str, str]:
    if not latency.samples:
        return dict.fromkeys(("mean", *_PERCENTS, "max"), "–")
    values = zip(_PERCENTS, latency.percentiles(list(_PERCENTS.values())), strict=True)
    return {
        "mean": format_latency(latency.mean_ns),
        **{name: format_latency(value) for name, value in values},
        "max": format_latency(latency.max_ns),
    }


def _fairness(steps: Sequence[tuple[StepView, Clients]]) -> RenderableType:
    """Show how evenly the clients of each step were served, with the unlucky ones."""
    from rich.console import Group

    names = [StepName(step.label, step.labels) for step, _ in steps]
    clients = [found for _, found in steps]
    rates = [[r + w for r, w in zip(c.read_iops, c.write_iops, strict=True)] for c in clients]
    worst = {"read": [_worst(c.read_p99_ns) for c in clients], "write": [_worst(c.write_p99_ns) for c in clients]}
    told = all(f"{len(own)} client" in name.label for own, name in zip(rates, names, strict=True))
    count = [] if told else [Column("clients", [str(len(own)) for own in rates])]
    total = Column("total\nIOPS", [format_rate(sum(own)) for own in rates])
    jain = Column("Jain's\nindex", [_jain(own) for own in rates])
    slowest = Column("slowest\nclient", [format_rate(min(own)) for own in rates])
    fastest = Column("fastest\nclient", [format_rate(max(own)) for own in rates])
    tails = [Column(f"worst {name}\np99", texts) for name, texts in worst.items() if set(texts) != {"–"}]
    choices = (
        [*count, total, jain, slowest, fastest, *tails],
        [*count, jain, slowest, fastest, *tails],
        [*count, jain, slowest, *tails],
        [jain, slowest, *tails[:1]],
        [jain, slowest],
    )
    ways = step_columns(names, list(range(len(names))))
    layouts = [layout_of([*way, *choice]) for choice in choices for way in ways]
    said = "Jain's index is 1 where all clients get the same, and 1/n where one of n gets everything."
    return Group(FirstFitting(layouts), text_of(said, "dim"))


def _device_work(steps: Sequence[tuple[StepView, Measurement]]) -> RenderableType:
    """Show what an emulated device did in the steps that wrote."""
    names = [StepName(step.label, step.labels) for step, _ in steps]
    columns = [
        Column(title.replace(" ", "\n", 1), texts) for title, texts in device_columns([m.device for _, m in steps])
    ]
    ways = step_columns(names, list(range(len(names))))
    # The most telling ones come first: where the terminal is narrow the last ones are left out.
    layouts = [layout_of([*way, *columns[:count]]) for count in range(len(columns), 0, -1) for way in ways]
    return FirstFitting(layouts)


def _jain(rates: Sequence[float]) -> str | Text:
    index = jain_index(rates)
    return "–" if index is None else text_of(f"{index:.3f}", "yellow" if index < _UNEVEN else "")


def _worst(column: Sequence[int | None]) -> str:
    return format_latency(max((value for value in column if value is not None), default=None))


def _remarks(run: Run) -> Iterator[tuple[str, str]]:
    for remark in remarks_of(name_runs([run])):
        yield remark.text, "red" if remark.serious else "yellow"


def _listed(remarks: Sequence[tuple[str, str]]) -> RenderableType:
    """Set sentences below one another, each with a mark, its further lines indented."""
    from rich.table import Table

    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for text, style in remarks:
        table.add_row(text_of("!" if style == "red" else "·", style), text_of(text, style if style == "red" else ""))
    return table
