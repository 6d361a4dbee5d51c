"""`storbench resume`: go on with an interrupted run."""

from __future__ import annotations

from .options import JsonOption, PdfOption, RunFolder, SignOption


def resume(folder: RunFolder, sign: SignOption = None, pdf: PdfOption = False, json: JsonOption = False) -> None:
    """Go on with an interrupted run at its first missing step; a certification gets its certificate."""
    from ..certification import check_pdf
    from ..progress import observer_for
    from ..session import resume as resume_run
    from ..signing import private_key
    from . import certify, run

    key = private_key(sign) if sign else None
    if pdf:
        check_pdf()
    finished = resume_run(folder, lambda planned: observer_for(planned, quiet=json), key)
    if finished.certify:
        certify.conclude([finished], pdf=pdf, json=json)
    else:
        run.conclude([finished], json)
