"""What a verification came to, in words on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..results.verification import Verification

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_PATHS = 20


def verification_text(found: Verification, *, good: bool) -> RenderableType:
    """Say the answer in one line, then each question's."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    head = "verified" if good else "NOT VERIFIED"
    table.add_row(Text(head, "bold green" if good else "bold red"), Text(found.path))
    for question, answer, fine in answers(found):
        table.add_row(question, Text(answer, "" if fine else "red"))
    return table


def answers(found: Verification) -> Iterator[tuple[str, str, bool]]:
    """Yield question, answer and whether it is a good one."""
    yield "signature", _signature(found), found.signature not in ("invalid", "another key")
    if found.damaged:
        yield "file", f"damaged: {found.damaged}", False
    if found.content_matches is not None:
        fine = found.content_matches
        yield "bytes", "as signed" if fine else "not those that were signed: the file was changed afterwards", fine
    match found.digests:
        case "agree":
            yield "content", "every digest agrees", True
        case "differ":
            listed = [f"{change.path} {change.how}" for change in found.changed]
            more = f", and {len(listed) - _MOST_PATHS} more" if len(listed) > _MOST_PATHS else ""
            yield "content", "; ".join(listed[:_MOST_PATHS]) + more, False
        case "none" if not found.damaged:
            yield "content", "the file holds no digests: it was written by an earlier storbench", True
    if not found.damaged:
        if found.journal_kept:
            yield "journal", found.journal or "its chain is intact", not found.journal
            yield "steps", "; ".join(found.steps) or "what the journal says", not found.steps
        else:
            yield "journal", "none is kept: the run was imported, and there is nothing to compare its steps with", True
        yield "verdicts", "; ".join(found.verdicts) or "what the measurements give", not found.verdicts
        if found.statement:
            yield "statement", "; ".join(found.statement), False


def _signature(found: Verification) -> str:
    match found.signature:
        case "valid":
            return f"valid, by {found.signed_by}"
        case "valid, key not given":
            return f"valid, by {found.signed_by}; whether to trust that key is not known: name yours with --key"
        case "another key":
            return f"made with another key, {found.signed_by}, than the one that was asked for"
        case "invalid":
            return f"invalid: {found.signature_reason or found.damaged}"
        case _:
            return f"none: {found.signature_reason}"
