"""`storbench selftest`: try the statistics on simulated machines, whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from ...results.selftest import Task
    from ..selftest import Pieces

app = typer.Typer(no_args_is_help=True, help="Try what decides, where the truth is known.")


@app.callback()
def _root() -> None:
    """Try what decides, where the truth is known."""


@app.command("statistics")
def statistics(
    comparisons: Annotated[int, typer.Option("--comparisons", help="How many are simulated of each kind.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all that is drawn.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", min=0, max=1024, help="Processes; 0 is one for each core.")] = 0,
    json: JsonOption = False,
) -> None:
    """Simulate comparisons and say how often the verdicts are wrong, and what they find; exit with 1 if too little.

    What judges is the code that judges real runs; only the runs are made up, so that the truth is known. The same seed
    gives the same figures, with any number of processes.
    """
    import msgspec

    from ...common.errors import Aborted
    from ...reports.selftest import selftest_table
    from ...results.selftest import checks_of, tasks_of
    from ..selftest import cores
    from ..signals import terminate_as_interrupt
    from .output import print_json, show

    tasks = tasks_of(comparisons)
    try:
        with terminate_as_interrupt():
            pieces = _simulated(tasks, comparisons, seed, jobs or cores())
    except KeyboardInterrupt:
        raise Aborted("ended by the user") from None
    checks = checks_of(pieces, seed)
    passed = all(one.passed is not False for one in checks)
    if json:
        print_json({
            "passed": passed, "seed": seed, "comparisons": comparisons,
            "checks": [msgspec.to_builtins(one) for one in checks],
        })  # fmt: skip
    else:
        show(selftest_table(checks))
    if not passed:
        raise typer.Exit(1)


def _simulated(tasks: list[Task], comparisons: int, seed: int, jobs: int) -> Pieces:
    """Simulate with a bar that moves, on a terminal; elsewhere in silence but for one line."""
    import sys

    from ..selftest import simulate_all

    if not sys.stderr.isatty():
        typer.echo(f"simulating {sum(task.comparisons for task in tasks)} comparisons", err=True)
        return simulate_all(tasks, comparisons, seed, jobs, lambda: None)
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("simulating"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("simulating", total=len(tasks))
        return simulate_all(tasks, comparisons, seed, jobs, lambda: progress.advance(bar))
