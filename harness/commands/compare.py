"""`storbench compare`: put runs side by side."""

from __future__ import annotations

from .options import JsonOption, RunFiles


def compare(files: RunFiles, json: JsonOption = False) -> None:
    """Align the steps of two or more runs; with repeats, give each ratio its confidence interval."""
    from ...common.errors import InputError
    from ...reports.terminal import comparison_table
    from ...results.comparison import compare_files
    from .output import print_json, show

    if len(files) < 2:
        raise InputError("one run cannot be compared", hint="Name two or more run files.")
    comparison = compare_files(files)
    if json:
        print_json(comparison)
    else:
        show(comparison_table(comparison))
