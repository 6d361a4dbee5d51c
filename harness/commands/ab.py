"""`storbench ab`: did it get slower? Two sides, interleaved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DestroyOption,
    DeviceOption,
    ExportOption,
    GraceOption,
    IgnoreOption,
    JsonOption,
    SetOption,
    settings_of,
)

if TYPE_CHECKING:
    from ..interleaved import Side


def ab(
    workload: Annotated[str, typer.Argument(help="A workload's name, a .toml workload or a fio job file.")],
    device: DeviceOption,
    set_: SetOption = [],  # noqa: B006 - typer copies it
    a: Annotated[list[str], typer.Option("--a", metavar="NAME=VALUE", help="A setting of A only. Repeatable.")] = [],  # noqa: B006
    b: Annotated[list[str], typer.Option("--b", metavar="NAME=VALUE", help="A setting of B only. Repeatable.")] = [],  # noqa: B006
    before_a: Annotated[str, typer.Option("--before-a", metavar="COMMAND", help="Run before each run of A.")] = "",
    before_b: Annotated[str, typer.Option("--before-b", metavar="COMMAND", help="Run before each run of B.")] = "",
    pairs: Annotated[
        int, typer.Option("--pairs", min=3, max=1000, help="How many pairs, the most with --until-decided.")
    ] = 10,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Stop as soon as no verdict is open; the error rate is kept.")
    ] = False,
    confidence: Annotated[float, typer.Option("--confidence", min=0.8, max=0.9999, help="Of the whole call.")] = 0.99,
    seed: Annotated[int, typer.Option("--seed", help="Of the order of the pairs.")] = 1,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A new folder for the run files.")] = None,
    ignore: IgnoreOption = [],  # noqa: B006 - typer copies it
    destroy: DestroyOption = [],  # noqa: B006 - typer copies it
    grace: GraceOption = "30s",
    export: ExportOption = [],  # noqa: B006 - typer copies it
    json: JsonOption = False,
) -> None:
    """Compare two devices, or two settings of one, in interleaved pairs; exit with 1 where B is slower.

    The first -d is A, the second B; with one -d both sides are on it.
    """
    import msgspec

    from ...common.errors import InputError
    from ...common.units import parse_duration
    from ...reports.paired import paired_table
    from ...results.paired import compare_pairs
    from ...results.sequential import compare_so_far, is_decided
    from ..ci_exports import pairs_answer, wanted_exports, write_exports
    from ..interleaved import Pair, Side, check_ignored, guard, measured_pairs, new_folder, samples_of
    from ..progress import observer_for
    from ..session import Options
    from .output import print_json, show

    exports = wanted_exports(export)
    check_ignored(ignore)
    if len(device) > 2:
        raise InputError("ab compares two sides", hint="Name one device or two with -d.")
    both = settings_of(set_)
    sides = (
        Side("A", device[0], {**both, **settings_of(a)}, before_a),
        Side("B", device[-1], {**both, **settings_of(b)}, before_b),
    )
    folder = new_folder(output)
    options = Options(destroy=frozenset(destroy), grace_s=parse_duration(grace))
    done: list[Pair] = []
    found = []
    running = measured_pairs(
        workload, sides, options, folder, pairs, seed, lambda run: observer_for(run, quiet=json),
        lambda number: typer.echo(f"pair {number} of {'at most ' if until_decided else ''}{pairs}", err=True),
    )  # fmt: skip
    for pair in running:
        done.append(pair)
        if len(done) == 1:
            guard(done, same_settings=not (a or b), ignored=ignore)
            if not samples_of(done):
                raise InputError("the sides have no step in common", hint="Give them the same number of steps.")
        if until_decided and len(done) >= 3:
            found = compare_so_far(samples_of(done), confidence)
            if is_decided(found):
                break
    guard(done, same_settings=not (a or b), ignored=ignore)
    samples = samples_of(done)
    found = compare_so_far(samples, confidence) if until_decided else compare_pairs(samples, confidence)
    if json:
        print_json({"pairs": len(done), "folder": str(folder), "order_seed": seed,
                    "verdicts": [msgspec.to_builtins(one) for one in found]})  # fmt: skip
    else:
        show(paired_table(found, *(_described(side, own) for side, own in zip(sides, (a, b), strict=True))))
        typer.echo(folder)
    write_exports(exports, lambda: pairs_answer(workload, sides, samples, found))
    if any(one.verdict == "REGRESSED" for one in found):
        raise typer.Exit(1)


def _described(side: Side, own: list[str]) -> str:
    """Say what a side is: its device, its own settings and its command."""
    return "  ".join([side.device, *own, *([f"after: {side.before}"] if side.before else [])])
