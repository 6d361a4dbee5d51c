"""A plan as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...common.units import format_duration, format_size
from ...devices.base import DeviceInfo
from ...workloads.dry_run import DryRun

if TYPE_CHECKING:
    from rich.console import Group


def plan_table(workload: str, url: str, info: DeviceInfo, rehearsal: DryRun) -> Group:
    """Give the steps with their time and bytes, and the totals."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("step", justify="right")
    table.add_column("kind")
    table.add_column("what")
    table.add_column("time", justify="right")
    table.add_column("writes", justify="right")
    for number, step in enumerate(rehearsal.steps):
        written = f"{_about(step.bytes_guessed)}{format_size(step.bytes_written)}" if step.bytes_written else "–"
        seconds = f"{_about(step.seconds_guessed)}{format_duration(step.seconds)}"
        table.add_row(str(number), step.kind, step.label, seconds, written)
    verb = "is written" if rehearsal.writes else "is only read"
    about = f"The target has {format_size(info.size)} and {verb}"
    total = f"about {format_size(rehearsal.bytes_written)}" if rehearsal.bytes_written else "nothing"
    return Group(
        Text.assemble((workload, "bold"), " on ", (url, "bold")),
        table,
        Text(f"\n{about}; in all {format_duration(rehearsal.seconds)}, {total} written. Nothing was touched.\n"),
    )


def _about(guessed: bool) -> str:
    return "about " if guessed else ""
