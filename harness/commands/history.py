"""`storbench history`: where did a metric change, from commit to commit?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from ...results.history import HistoryFindings, Table


def history(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file (time,commit,metrics).", show_default=False)],
    metric: Annotated[list[str], typer.Option("--metric", metavar="NAME", help="Only this one. Repeatable.")] = [],  # noqa: B006 - typer copies it
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
        typer.Option("--fail-within", min=1, metavar="ROWS", help="Exit with 1 where one for the worse is in these."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find the commits at which a metric changed, how much it changed, and how sure that is."""
    from ...reports.history import history_table
    from ...results.history import Settings, findings_in
    from .output import print_json, show

    table = _read(path, metric, higher, lower)
    found = findings_in(table, Settings(alarm_rate, floor, seed, last))
    if json:
        print_json({"file": str(path), **_facts(found)})
    else:
        show(history_table(found, path.name))
    if fail_within is not None and found.recent(fail_within):
        raise typer.Exit(1)


def _read(path: Path, metrics: list[str], higher: list[str], lower: list[str]) -> Table:
    import msgspec

    from ...common.errors import InputError, nearest
    from ...results.history.csv_file import read_csv
    from ...results.history.directions import directed

    table = read_csv(path)
    series = directed(table.series, higher, lower)
    names = {name for one in series for name in (one.name, one.metric)}
    for name in metrics:
        if name not in names:
            raise InputError(f"{path} has no metric '{name}'", hint=nearest(name, sorted(names)))
    if metrics:
        series = [one for one in series if {one.name, one.metric} & {*metrics}]
    return msgspec.structs.replace(table, series=tuple(series), skipped=() if metrics else table.skipped)


def _facts(found: HistoryFindings) -> dict[str, object]:
    import msgspec

    return {
        "rows": found.table.rows,
        "change_points": msgspec.to_builtins(found.changes),
        "smaller_changes": msgspec.to_builtins([one for series in found.series for one in series.smaller]),
        "series": [
            {
                "metric": one.series.name, "unit": one.series.unit, "higher_is_better": one.series.higher_is_better,
                "points": len(one.series.points), "level": one.levels[-1][1], "spread": one.spread,
                "correlation": one.correlation,
            }
            for one in found.series
        ],
        "skipped": msgspec.to_builtins(found.skipped),
        "remarks": found.table.remarks,
        "settings": msgspec.to_builtins(found.settings),
    }  # fmt: skip
