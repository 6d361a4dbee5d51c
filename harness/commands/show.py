"""`storbench show`: print what is in a run file."""

from __future__ import annotations

from .options import JsonOption, RunFiles


def show(files: RunFiles, json: JsonOption = False) -> None:
    """Print the results of one or more runs."""
    from ...reports.machine import run_json
    from ...reports.terminal import run_summary
    from ...results.run_file import open_run
    from .output import print_json
    from .output import show as print_rich

    facts = []
    for path in files:
        with open_run(path) as run:
            if json:
                facts.append(run_json(run))
            else:
                print_rich(run_summary(run))
    if json:
        print_json(facts[0] if len(facts) == 1 else facts)
