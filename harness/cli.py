"""The command line: which commands there are, and how errors become messages and exit statuses.

Exit status: 0 fine; 1 a verdict of FAIL or a regression; 2 wrong usage or input; 3 the measurement could not be made.
Commands import what they need when they run, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ..common.errors import StorbenchError
from .commands import (
    ab,
    certify,
    compare,
    demo,
    doctor,
    export,
    faults,
    history,
    import_fio,
    keygen,
    list_all,
    noise,
    plan,
    recover,
    report,
    rerun,
    resume,
    run,
    selftest,
    show,
    steady_state,
    verify,
)

app = typer.Typer(
    name="storbench",
    no_args_is_help=True,
    # Rich help costs 90 ms at every start; tables and progress use rich where it matters.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for name, command in (
    ("demo", demo.demo),
    ("doctor", doctor.doctor),
    ("list", list_all.list_all),
    ("plan", plan.plan),
    ("run", run.run),
    ("resume", resume.resume),
    ("recover", recover.recover),
    ("rerun", rerun.rerun),
    ("show", show.show),
    ("compare", compare.compare),
    ("ab", ab.ab),
    ("history", history.history),
    ("noise", noise.noise),
    ("report", report.report),
    ("export", export.export),
    ("import", import_fio.import_fio),
    ("certify", certify.certify),
    ("verify", verify.verify),
    ("keygen", keygen.keygen),
    ("steady-state", steady_state.steady_state),
):
    app.command(name)(command)


app.add_typer(faults.app, name="faults")
app.add_typer(selftest.app, name="selftest")


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"storbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Measure storage under concurrent load: every number in one HDF5 file, comparisons that can be trusted."""


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        app()
    except StorbenchError as error:
        typer.secho(f"storbench: {error.problem}", err=True, fg=typer.colors.RED)
        if error.hint:
            typer.echo(error.hint, err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        typer.echo("storbench: ended by the user", err=True)
        sys.exit(3)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
