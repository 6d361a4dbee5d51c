"""Every number of a run that a limit can be put on."""

from __future__ import annotations

from .findings import Quantified
from .pts import findings_of
from .run_file import Run
from .table import metrics_of


def quantities_of(run: Run) -> list[Quantified]:
    """Give the numbers of a run: those of its tests first, then those of each step, then the device's own."""
    found = [quantity for finding in findings_of(run) for quantity in finding.quantities]
    for step in run.measured:
        if step.totals is not None:
            labels = {**step.labels, "step": step.index, "label": step.label}
            found += [
                Quantified(metric, direction, float(value), unit, labels)
                for direction, metric, value, unit in metrics_of(step.totals)
            ]
    return [*found, *_device(run)]


def _device(run: Run) -> list[Quantified]:
    size = run.recipe.get("device_info", {}).get("size")
    return [
        Quantified("capacity", "device", None if size is None else float(size), "B", {}, "" if size else "not known")
    ]
