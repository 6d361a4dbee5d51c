"""`storbench verify`: whether a run file is what it was when it was sealed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, RunFile


def verify(
    file: RunFile,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="NAME.pub", help="The key that it must be signed with.")
    ] = None,
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="An unsigned file fails. With --key it does anyhow.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check journal, digests, signature and verdicts of a run file, and say what was changed where."""
    import msgspec

    from ...reports.verification import verification_text
    from ...results.signature import load_public_key, raw_public_key
    from ..verified import verify_bounded
    from .output import print_json, show

    raw = raw_public_key(load_public_key(key)) if key else None
    found = verify_bounded(file, raw)
    signed = found.signature == "valid" or (key is None and found.signature == "valid, key not given")
    good = found.intact and (signed or (found.signature == "missing" and not (key or require_signature)))
    if json:
        print_json({"ok": good, **msgspec.to_builtins(found)})
    else:
        show(verification_text(found, good=good))
    if not good:
        raise typer.Exit(1)
