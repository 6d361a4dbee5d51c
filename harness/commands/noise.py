"""`storbench noise`: how noisy is this machine, and what can be found on it?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DestroyOption, GraceOption, JsonOption, SetOption, settings_of

if TYPE_CHECKING:
    from ..noise_sources import Source


def noise(
    command: Annotated[
        list[str],
        typer.Argument(metavar="[-- COMMAND...]", help="Run this while --tune holds, instead of measuring."),
    ] = [],  # noqa: B006 - typer copies it
    device: Annotated[
        str, typer.Option("-d", "--device", metavar="URL", help="Measure on it; without it, show what is noisy.")
    ] = "",
    workload: Annotated[
        str, typer.Option("-w", "--workload", help="What is measured. Default: random reads of 4 KiB, one at a time.")
    ] = "",
    set_: SetOption = [],  # noqa: B006 - typer copies it
    runs: Annotated[int, typer.Option("--runs", min=1, max=10_000, help="How many equal runs.")] = 20,
    files: Annotated[
        list[Path], typer.Option("--from", metavar="FILE.h5", help="Judge these equal runs instead. Repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    tune: Annotated[
        list[str],
        typer.Option(
            "--tune",
            metavar="SOURCE",
            help="Make it quiet meanwhile: governor, turbo, scheduler, readahead. Repeatable.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A new folder for the run files.")] = None,
    destroy: DestroyOption = [],  # noqa: B006 - typer copies it
    grace: GraceOption = "30s",
    json: JsonOption = False,
) -> None:
    """Measure equal runs and say which loss how many pairs find here; show and still the sources of noise.

    What --tune changes is changed back at the end, also when storbench is killed. Without a device, a command or
    --from, the sources of noise are shown as they are.
    """
    from ...common.errors import InputError
    from ..noise_sources import sources_of, tuned
    from ..signals import terminate_as_interrupt

    if sum(map(bool, (command, device, files))) > 1:
        raise InputError("a device, a command and --from are three different things", hint="Give one of them.")
    if command and not tune:
        raise InputError("a command is run while something is tuned", hint="For example: --tune governor -- COMMAND")
    if tune and not (command or device):
        raise InputError("--tune holds while something is measured", hint="Name a device with -d, or -- COMMAND.")
    if command:
        with terminate_as_interrupt(), tuned(tune):
            status = _run(command)
        raise typer.Exit(status)
    if files:
        _show(files, [], json)
    elif device:
        _measure(device, workload, set_, runs, tune, output, destroy, grace, json)
    else:
        _show([], sources_of(), json)


def _measure(
    device: str, workload: str, set_: list[str], runs: int, tune: list[str], output: Path | None, destroy: list[str],
    grace: str, json: bool,
) -> None:  # fmt: skip
    from ...common.units import parse_duration
    from ...devices.registry import resolve_device
    from ..noise import measure_runs
    from ..noise_sources import sources_of, tuned
    from ..session import Options, QuietObserver
    from ..signals import terminate_as_interrupt

    options = Options(output, destroy=frozenset(destroy), grace_s=parse_duration(grace))
    facts = resolve_device(device).facts()
    disk = str(facts.get("disk_name") or facts.get("name") or "") or None
    with terminate_as_interrupt(), tuned(tune, disk):
        # As they are while it is measured.
        sources = sources_of(disk)
        files = measure_runs(
            workload or None, device, settings_of(set_), runs, options, lambda run: QuietObserver(),
            lambda number: typer.echo(f"run {number} of {runs}", err=True),
        )  # fmt: skip
    _show(files, sources, json)


def _show(files: list[Path], sources: list[Source], json: bool) -> None:
    import msgspec

    from ...reports.noise import noise_tables, sources_table
    from ...results.noise import advice_of
    from ..noise import noise_of_files
    from .output import print_json, show

    found = noise_of_files(files) if files else []
    if json:
        listed = [
            {"name": one.name, "now": one.now, "quiet": one.quiet, "files": [str(file) for file in one.files]}
            for one in sources
        ]
        print_json({
            "noise": [msgspec.to_builtins(one) for one in found], "advice": advice_of(found), "sources": listed,
            "files": [str(path) for path in files],
        })  # fmt: skip
        return
    if found:
        show(noise_tables(found))
    if sources:
        show(sources_table([(one.name, one.now, one.quiet, one.why) for one in sources]))
    if files:
        typer.echo(files[0].parent)


def _run(command: list[str]) -> int:
    """Run a command to its end, on this terminal; give its exit status as a shell does."""
    import subprocess

    from ...common.errors import InputError

    try:
        status = subprocess.run(command, check=False).returncode
    except OSError as error:
        raise InputError(f"cannot run '{command[0]}': {error.strerror}") from None
    return status if status >= 0 else 128 - status
