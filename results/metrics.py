"""Which metrics a limit can be put on, and their units."""

from __future__ import annotations

from ..common.errors import InputError, nearest
from .measurement import PERCENTILES, percentile_name

LOAD_METRICS: dict[str, str] = {
    "ios": "1",
    "bytes": "B",
    "iops": "1/s",
    "bandwidth": "B/s",
    "samples": "1",
    **{f"latency_{name}": "ns" for name in ("mean", "min", "max", "stddev", *map(percentile_name, PERCENTILES))},
    "runtime": "s",
    "user_cpu": "%",
    "system_cpu": "%",
    "errors": "1",
    "rounds_to_steady_state": "1",
    "steady_state": "1",
    "recovery_time": "s",
    "recovery_ratio": "1",
}
"""Of a load or a test, by the name in the tidy table: its base unit."""

DEVICE_METRICS: dict[str, str] = {
    "capacity": "B",
    "temperature_max": "degree_Celsius",
    "write_amplification": "1",
    "energy_per_gib": "J",
    "iops_per_watt": "1",
    "power_mean": "W",
    "throttle_events": "1",
    "throttle_time": "s",
    "percentage_used": "%",
    "media_errors": "1",
    "purge_verified": "1",
}
"""Of the device, with the direction `device`."""

METRICS = LOAD_METRICS | DEVICE_METRICS

DIRECTIONS = ("read", "write", "trim", "sync", "all", "device")


def unit_of(metric: str) -> str:
    """Give a metric's base unit. Raises `InputError` for an unknown one, with the nearest."""
    try:
        return METRICS[metric]
    except KeyError:
        raise InputError(f"there is no metric '{metric}'", hint=nearest(metric, METRICS)) from None
