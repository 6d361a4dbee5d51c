"""`storbench run`: measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DestroyOption,
    DeviceOption,
    GraceOption,
    IoLogOption,
    JsonOption,
    OutputOption,
    RepeatOption,
    SetOption,
    settings_of,
)

if TYPE_CHECKING:
    from ..session import Finished, PlannedRun


def run(
    workload: Annotated[str, typer.Argument(help="A workload's name, a .toml workload or a fio job file.")],
    device: DeviceOption,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    output: OutputOption = None,
    repeat: RepeatOption = 1,
    destroy: DestroyOption = [],  # noqa: B006 - typer copies it
    io_log: IoLogOption = False,
    grace: GraceOption = "30s",
    json: JsonOption = False,
) -> None:
    """Run a workload on one or more devices; each run becomes one file."""
    from ...common.units import parse_duration
    from ..session import Options, prepare

    options = Options(output, repeat, frozenset(destroy), io_log, parse_duration(grace))
    carry_out(prepare(workload, device, settings_of(set_), options), json, device)


def carry_out(planned: list[PlannedRun], json: bool, devices: Sequence[str] = ()) -> None:
    """Execute prepared runs with live progress, print what came out, exit with the right status.

    They ran in a random order where there are repeats; they are shown in the order of `devices`.
    """
    from ..progress import observer_for
    from ..session import execute

    finished = execute(planned, lambda run: observer_for(run, quiet=json))
    conclude(sorted(finished, key=lambda one: devices.index(one.device)) if devices else finished, json)


def conclude(finished: list[Finished], json: bool) -> None:
    """Print where the runs are and what they say; exit with 3 unless all are COMPLETED, with 1 where one fails."""
    from ...reports.terminal import comparison_table, run_summary
    from ...results.comparison import compare_files
    from ...results.run_file import open_run
    from .output import print_json, show

    if json:
        fields = ("status", "reason", "verdict")
        print_json(
            {"runs": [{"path": str(one.path), **{name: getattr(one, name) for name in fields}} for one in finished]}
        )
    else:
        # Of repeats the comparison says more in less space.
        repeated = len(finished) > len({one.device for one in finished})
        for one in finished:
            if not repeated or one.status != "COMPLETED":
                with open_run(one.path) as opened:
                    show(run_summary(opened))
        complete = [one.path for one in finished if one.status == "COMPLETED"]
        if len(complete) > 1:
            show(comparison_table(compare_files(complete)))
        for one in finished:
            typer.echo(f"{one.status:9}  {one.path}")
    failed = [one for one in finished if one.status != "COMPLETED"]
    for one in failed:
        typer.secho(f"storbench: {one.path.name}: {one.status}: {one.reason}", err=True, fg=typer.colors.RED)
    if failed:
        raise typer.Exit(3)
    if any(one.verdict == "FAIL" for one in finished):
        raise typer.Exit(1)
