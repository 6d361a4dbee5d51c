"""Every number of a run that a limit can be put on."""

from __future__ import annotations

from .analysis import findings_of
from .evidence import Evidence, Known, evidence_of
from .findings import Quantified
from .metrics import DEVICE_METRICS
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
    found = evidence_of(run)
    verified = [purge.verified for purge in found.purges]
    checked = all(one is not None for one in verified) and bool(verified)
    rows = {
        "capacity": Known(None if size is None else float(size), "" if size else "it is not known"),
        "temperature_max": found.temperature,
        "write_amplification": found.write_amplification,
        "energy_per_gib": found.joules_per_gib,
        "iops_per_watt": found.ios_per_joule,
        "power_mean": found.power,
        "throttle_events": found.throttling,
        "throttle_time": found.throttled_s,
        "purge_verified": Known(float(all(verified))) if checked else Known(None, "not every purge could be verified"),
        **{name: _last(found, name) for name in ("percentage_used", "media_errors")},
    }
    return [
        Quantified(metric, "device", known.value, DEVICE_METRICS[metric], {}, known.reason)
        for metric, known in rows.items()
    ]


def _last(found: Evidence, name: str) -> Known:
    value = next((counter.end for counter in found.counters if counter.name == name), None)
    return Known(float(value)) if isinstance(value, (int, float)) else Known(None, found.unavailable or "not known")
