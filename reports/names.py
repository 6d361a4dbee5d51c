"""Short names for runs, steps and labels, so that tables and charts can speak of them in few words."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ..common.units import format_duration, format_size
from ..results.measurement import Direction, Latency, Measurement
from ..results.run_file import Run, StepView
from ..results.subjects import short_device, told_apart
from .chart_data import Key, keys_of

DIRECTIONS = {"read": "Reads", "write": "Writes", "trim": "Trims", "sync": "Syncs"}

_TITLES = {
    "queue_depth": "queue depth",
    "block_size": "block size",
    "read_fraction": "share of reads",
    "fsync_every": "writes per sync",
    "rate_iops": "offered IOPS",
    "drive_writes": "drive writes",
}


class Group(msgspec.Struct, frozen=True):
    """Runs that repeat one another: same command, same device. They share a letter and a colour."""

    index: int
    tag: str
    name: str
    device: str
    extra: str
    size: int


class NamedRun(msgspec.Struct, frozen=True):
    """A run with the letter and the name that stand for it on the whole page."""

    run: Run
    tag: str
    device: str
    extra: str
    """What tells it from other runs on the same device; empty where device and letter alone do."""
    group: Group

    @property
    def name(self) -> str:
        """Letter, device and what else tells it apart: `A · file:/data/t.bin`."""
        return _joined(self.tag, self.device, self.extra)

    @property
    def line(self) -> str:
        """What tells its lines from others of the same colour: its name among repeats, otherwise nothing."""
        return self.name if self.group.size > 1 else ""


def name_runs(runs: Sequence[Run]) -> list[NamedRun]:
    """Give each run a letter, in the order given, and a name that no other has; repeats get a letter and a number."""
    members: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for index, run in enumerate(runs):
        campaign = run.header.campaign
        members[(campaign.id if campaign else f"#{index}", run.header.device)].append(run)
    more = told_apart([device for _, device in members], [str(own[0].path) for own in members.values()])
    groups = []
    for index, ((_, url), repeats) in enumerate(members.items()):
        device, tag = short_device(url), letters(index)
        extra = _joined(more[index], f"{len(repeats)} repeats" if len(repeats) > 1 else "")
        groups.append(Group(index, tag, _joined(tag, device, extra), device, extra, len(repeats)))
    of_run = {
        id(run): (group, n)
        for group, repeats in zip(groups, members.values(), strict=True)
        for n, run in enumerate(repeats, 1)
    }
    return [
        NamedRun(run, group.tag, group.device, group.extra, group)
        if group.size == 1
        else NamedRun(run, f"{group.tag}{number}", group.device, "", group)
        for run in runs
        for group, number in (of_run[id(run)],)
    ]


def groups_of(named: Sequence[NamedRun]) -> list[Group]:
    """Give the groups in the order of their letters."""
    return sorted({run.group.index: run.group for run in named}.values(), key=lambda group: group.index)


def group_keys(named: Sequence[NamedRun]) -> list[Key]:
    """Give each group its colour, the same all over the page; `run.group.index` is its place."""
    groups = groups_of(named)
    return keys_of("run", [group.name for group in groups], [group.tag for group in groups])


def letters(index: int) -> str:
    """Count in letters: 0 is A, 25 is Z, 26 is AA."""
    text = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def label_title(name: str) -> str:
    """Say the name of a label as people do: `queue_depth` is `queue depth`."""
    return _TITLES.get(name, name.replace("_", " "))


def label_value(name: str, value: object) -> str:
    """Show the value of a label with its unit: 4096 of `block_size` is `4KiB`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if name in ("block_size", "bytes", "span", "size"):
        return format_size(value)
    if name == "read_fraction":
        return f"{value * 100:g}%"
    if name in ("duration", "ramp"):
        return format_duration(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def label_phrase(name: str, value: object) -> str:
    """Say a label and its value in one phrase: `70% reads`, `4KiB blocks`, `16 jobs`."""
    text = label_value(name, value)
    if name == "read_fraction":
        return f"{text} reads"
    if name == "block_size":
        return f"{text} blocks"
    if name in ("jobs", "clients", "users"):
        return f"{text} {name if value != 1 else name.removesuffix('s')}"
    return f"{label_title(name)} {text}"


def latency_of(measurement: Measurement, direction: str) -> Latency | None:
    """Give the latency of a direction or of the syncs, None where there were none."""
    if direction == "sync":
        return measurement.sync if measurement.sync.samples else None
    part: Direction = getattr(measurement, direction)
    return part.latency if part.ios else None


def step_keys(run: Run) -> Iterator[tuple[str, StepView]]:
    """Yield the measured steps with a key that is the same for the same load in any run.

    The key is the job without its seed, and the jobs beside it; the second step of equal load in a run gets
    a key of its own.
    """
    seen: Counter[str] = Counter()
    for step in run.measured:
        jobs = [step.job, *(step.step.get("beside") or [])]
        key = json.dumps([_without_seed(job) for job in jobs], sort_keys=True)
        if not step.job:
            key = step.label
        seen[key] += 1
        yield f"{key}#{seen[key]}", step


def _without_seed(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name != "seed"}
