"""`storbench steady-state`: judge anybody's rounds by the specification's rule."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import JsonOption


def steady_state(
    file: Annotated[str, typer.Argument(help="One value a line, or named columns; - reads the standard input.")],
    rule: Annotated[str, typer.Option(help="pts-2.0 or pts-e-1.1.")] = "pts-2.0",
    column: Annotated[list[str] | None, typer.Option(help="Track this column only; can be given again.")] = None,
    json: JsonOption = False,
) -> None:
    """Say at which round the values of a test are in steady state, with each figure.

    All columns are tracked: each must be steady in the same window of five rounds. Nothing is rounded.
    """
    import msgspec

    from ...reports.steady_state import steady_state_summary
    from ...results.rounds_file import read_rounds
    from ...results.steady_state import rule_named
    from ...results.steady_state import steady_state as judged
    from .output import print_json, show

    asked = rule_named(rule)
    source = "the standard input" if file == "-" else file
    found = judged(read_rounds(_text_of(file), source, column or ()), asked)
    if json:
        print_json(msgspec.to_builtins(found))
    else:
        show(*steady_state_summary(found))


def _text_of(file: str) -> str:
    """Read a file of at most 16 MiB. Raises `InputError` where that cannot be done."""
    import sys
    from pathlib import Path

    from ...common.errors import InputError

    most = 16 << 20
    try:
        if file == "-":
            content = sys.stdin.buffer.read(most + 1)
        else:
            with Path(file).open("rb") as stream:
                content = stream.read(most + 1)
        if len(content) > most:
            raise InputError(f"{file} is larger than 16 MiB", hint="Give one value for each round.")
        return content.decode()
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not a text", hint="Give one value a line, or named columns.") from None
