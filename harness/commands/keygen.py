"""`storbench keygen`: a key pair for signing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption


def keygen(
    name: Annotated[Path, typer.Argument(help="NAME.key, which signs, and NAME.pub, which verifies, are made.")],
    json: JsonOption = False,
) -> None:
    """Make a key pair for signing run files (Ed25519); a passphrase is taken from STORBENCH_PASSPHRASE."""
    from ..signing import write_key_pair
    from .output import print_json

    private, public, fingerprint = write_key_pair(name)
    if json:
        print_json({"private": str(private), "public": str(public), "fingerprint": fingerprint})
        return
    typer.echo(f"{private}  signs: keep it to yourself")
    typer.echo(f"{public}  verifies: give it to whom you give files")
    typer.echo(fingerprint)
