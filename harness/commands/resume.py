"""`storbench resume`: go on with an interrupted run."""

from __future__ import annotations

from .options import JsonOption, RunFolder


def resume(folder: RunFolder, json: JsonOption = False) -> None:
    """Go on with an interrupted run at its first missing step."""
    from ..progress import observer_for
    from ..session import resume as resume_run
    from .run import conclude

    conclude([resume_run(folder, lambda run: observer_for(run, quiet=json))], json)
