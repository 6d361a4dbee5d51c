"""`storbench history`: where did a metric change, from commit to commit?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DestroyOption, ExportOption, GraceOption, JsonOption, SetOption, settings_of

if TYPE_CHECKING:
    from ...results.history import Confirmation, FoundChange, HistoryFindings, Table
    from ..confirm import Rerun


def history(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV (time,commit,metrics), or a store of runs (.db).")],
    add: Annotated[
        list[Path], typer.Option("--add", metavar="RUN.h5", help="Add this run to the store first. Repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    commit: Annotated[
        str, typer.Option("--commit", help="With --add: what was measured, where no CI service says it.")
    ] = "",
    metric: Annotated[
        list[str], typer.Option("--metric", metavar="NAME", help="Look at this one only. Repeatable.")
    ] = [],  # noqa: B006
    higher: Annotated[
        list[str], typer.Option("--higher-is-better", metavar="METRIC", help="Where the name does not tell.")
    ] = [],  # noqa: B006
    lower: Annotated[
        list[str], typer.Option("--lower-is-better", metavar="METRIC", help="Where the name does not tell.")
    ] = [],  # noqa: B006
    floor: Annotated[float, typer.Option("--floor", help="The smallest relative change to raise.")] = 0.04,
    alarm_rate: Annotated[
        float, typer.Option("--alarm-rate", help="Of series without a change, the share that raises one.")
    ] = 0.02,
    last: Annotated[int | None, typer.Option("--last", min=1, metavar="ROWS", help="Look at these only.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random orders that chance is measured by.")] = 1,
    fail_within: Annotated[
        int | None,
        typer.Option("--fail-within", min=1, metavar="ROWS", help="Exit with 1 for a regression in the last ROWS."),
    ] = None,
    confirm: Annotated[
        str,
        typer.Option(
            "--confirm",
            metavar="COMMAND",
            help="Measure both sides of a change for the worse again; COMMAND brings the device to {commit}.",
        ),
    ] = "",
    workload: Annotated[str, typer.Option("-w", "--workload", help="With --confirm: what is measured.")] = "",
    device: Annotated[str, typer.Option("-d", "--device", metavar="URL", help="With --confirm: on what.")] = "",
    set_: SetOption = [],  # noqa: B006
    pairs: Annotated[int, typer.Option("--pairs", min=3, max=1000, help="With --confirm: of each change.")] = 10,
    destroy: DestroyOption = [],  # noqa: B006
    grace: GraceOption = "30s",
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Draw it as a page, too.")] = None,
    export: ExportOption = [],  # noqa: B006
    json: JsonOption = False,
) -> None:
    """Find the commits at which a metric changed, how much it changed, and how sure that is.

    With --fail-within or --confirm, exit with 1 for a change for the worse.
    """
    import msgspec

    from ...reports.ci.answer import answer_of_history
    from ...reports.history import confirmation_lines, history_table
    from ...results.history import Settings, findings_in
    from ..ci_exports import wanted_exports, write_exports
    from .output import print_json, show

    exports = wanted_exports(export)
    rerun = _rerun(confirm, workload, device, set_, pairs, destroy, grace)
    table, remarks = _read(path, add, commit)
    found = findings_in(_chosen(table, path, metric, higher, lower), Settings(alarm_rate, floor, seed, last))
    alarms = found.worse if fail_within is None else found.recent(fail_within)
    confirmations = _confirmed(alarms, rerun, quiet=json) if rerun else []
    if json:
        facts = {"file": str(path), **_facts(found), "notes": remarks}
        if rerun:
            facts["confirmations"] = [msgspec.to_builtins(one) for one in confirmations]
        print_json(facts)
    else:
        left = len(alarms) - len(confirmations) if rerun else 0
        show(history_table(found, path.name, remarks), *confirmation_lines(confirmations, left))
    if rerun:
        sure = {(one.metric, one.index) for one in confirmations if one.confirmed}
        alarms = [one for one in alarms if (one.metric, one.index) in sure]
    if html:
        from ...reports.history_page import history_html
        from .report import write_page

        typer.echo(write_page(html, history_html(found, path.name)), err=json)
    write_exports(exports, lambda: answer_of_history(found, alarms, path.name))
    if alarms and (fail_within is not None or rerun):
        raise typer.Exit(1)


def _rerun(
    command: str, workload: str, device: str, settings: list[str], pairs: int, destroy: list[str], grace: str
) -> Rerun | None:
    """Say how changes are confirmed, None where they are not. Raises `InputError` before anything is read."""
    from ...common.errors import InputError
    from ...common.units import parse_duration
    from ..confirm import Rerun, check_rerun
    from ..interleaved import new_folder
    from ..session import Options

    if not command:
        if workload or device or settings:
            raise InputError("-w, -d and -s are for --confirm", hint="Without it nothing is measured.")
        return None
    options = Options(destroy=frozenset(destroy), grace_s=parse_duration(grace))
    rerun = Rerun(command, workload, device, settings_of(settings), options, new_folder(None), pairs)
    check_rerun(rerun)
    return rerun


def _read(path: Path, add: list[Path], commit: str) -> tuple[Table, list[str]]:
    """Give what the file holds, after adding to it, and what is to be said about that."""
    from ...common.errors import InputError
    from ...results.history.csv_file import read_csv
    from ...results.history.store import add_runs, is_store, read_store

    if commit and not add:
        raise InputError("--commit is for --add", hint="It says what the runs that are added measured.")
    if is_store(path):
        remarks = add_runs(path, add, commit) if add else []
        return read_store(path), remarks
    if add:
        raise InputError(
            f"--add is for a store of runs, and {path} is none",
            hint="Name one that ends in .db, new or not; to a CSV a run adds itself: --export otava=FILE.csv",
        )
    return read_csv(path), []


def _chosen(table: Table, path: Path, metrics: list[str], higher: list[str], lower: list[str]) -> Table:
    """Keep the metrics that are named, and set which way is better."""
    import msgspec

    from ...common.errors import InputError, nearest
    from ...results.history.directions import directed

    series = directed(table.series, higher, lower)
    names = {name for one in series for name in (one.name, one.metric)}
    for name in metrics:
        if name not in names:
            raise InputError(f"{path} has no metric '{name}'", hint=nearest(name, sorted(names)))
    if metrics:
        series = [one for one in series if {one.name, one.metric} & {*metrics}]
    return msgspec.structs.replace(table, series=tuple(series), skipped=() if metrics else table.skipped)


def _confirmed(alarms: Sequence[FoundChange], rerun: Rerun, *, quiet: bool) -> list[Confirmation]:
    from ..confirm import confirmed
    from ..progress import observer_for

    return confirmed(
        alarms, rerun, lambda run: observer_for(run, quiet=quiet),
        lambda before, after, pair: typer.echo(f"{before} against {after}: pair {pair} of {rerun.pairs}", err=True),
    )  # fmt: skip


def _facts(found: HistoryFindings) -> dict[str, object]:
    import msgspec

    return {
        "rows": found.table.rows,
        "change_points": msgspec.to_builtins(found.changes),
        "smaller_changes": msgspec.to_builtins([one for series in found.series for one in series.smaller]),
        "series": [
            {
                "metric": one.series.name, "unit": one.series.unit, "higher_is_better": one.series.higher_is_better,
                "workload": one.series.workload, "device": one.series.device, "host": one.series.host,
                "points": len(one.series.points), "level": one.levels[-1][1], "spread": one.spread,
                "correlation": one.correlation,
            }
            for one in found.series
        ],
        "skipped": msgspec.to_builtins(found.skipped),
        "remarks": found.table.remarks,
        "settings": msgspec.to_builtins(found.settings),
    }  # fmt: skip
