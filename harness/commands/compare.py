"""`storbench compare`: put runs side by side, or judge a new one by its history."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import ExportOption, IgnoreOption, JsonOption, RunFiles

BaselineOption = Annotated[
    list[Path],
    typer.Option(
        "--baseline", metavar="PATH", help="Judge FILE by these earlier runs: a run file or a folder. Repeatable."
    ),
]


def compare(
    files: RunFiles,
    baseline: BaselineOption = [],  # noqa: B006 - typer copies it
    ignore: IgnoreOption = [],  # noqa: B006 - typer copies it
    confidence: Annotated[
        float, typer.Option("--confidence", min=0.8, max=0.9999, help="With --baseline: of the whole call.")
    ] = 0.99,
    export: ExportOption = [],  # noqa: B006 - typer copies it
    json: JsonOption = False,
) -> None:
    """Align the steps of two or more runs; with repeats, give each ratio its confidence interval.

    With --baseline, say whether FILE, and its repeats, got slower than the earlier runs, and exit with 1 if so.
    """
    from ...common.errors import InputError
    from ...reports.terminal import comparison_table
    from ...results.comparison import compare_files
    from .output import print_json, show

    if baseline:
        _judge(files, baseline, ignore, confidence, export, json)
        return
    if ignore or export:
        option = "--ignore-difference" if ignore else "--export"
        raise InputError(f"{option} is for --baseline", hint="Without it nothing is judged, and nothing refused.")
    if len(files) < 2:
        raise InputError(
            "one run cannot be compared", hint="Name two or more run files, or what it is judged by with --baseline."
        )
    comparison = compare_files(files)
    if json:
        print_json(comparison)
    else:
        show(comparison_table(comparison))


def _judge(
    files: list[Path], baseline: list[Path], ignore: list[str], confidence: float, export: list[str], json: bool
) -> None:
    import msgspec

    from ...reports.baseline import baseline_table
    from ...results.baseline import compare_to_baseline
    from ...results.baseline_files import history_of
    from ..ci_exports import baseline_answer, wanted_exports, write_exports
    from .output import print_json, show

    exports = wanted_exports(export)
    history = history_of(files, baseline, ignore)
    found = compare_to_baseline(history.samples, confidence)
    if json:
        print_json({
            "sessions": [[str(path) for path in session] for session in history.files],
            "remarks": history.remarks,
            "verdicts": [msgspec.to_builtins(one) for one in found],
        })  # fmt: skip
    else:
        show(baseline_table(found, history.remarks))
    write_exports(exports, lambda: baseline_answer(files, history, found))
    if any(one.verdict == "REGRESSED" for one in found):
        raise typer.Exit(1)
