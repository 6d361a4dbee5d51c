"""What was found in a run of a specification, by the analysis that belongs to it."""

from __future__ import annotations

from .findings import Finding
from .pts import findings_of as pts_findings
from .run_file import Run
from .workload_findings import workload_findings


def findings_of(run: Run) -> list[Finding]:
    """Give the findings of a run; none for a run that follows no specification."""
    if "specification" not in run.recipe:
        return []
    name = str(run.recipe["specification"].get("name", ""))
    return pts_findings(run) if name.startswith("snia.") else workload_findings(run)
