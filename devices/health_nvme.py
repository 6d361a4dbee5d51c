"""What NVMe's own logs say: the health log (02h), OCP's extended health log (C0h), two features.

Units are those of the NVM Express Base Specification 2.0, section 5.16.1.3 (SMART / Health Information), and of the OCP
Datacenter NVMe SSD Specification 2.0, section 4.8.6 (log C0h): data units are 1000 blocks of 512 bytes, temperatures
are in kelvin, media units are bytes.
"""

from __future__ import annotations

import re
from typing import Any

from .base import Facts, known_facts
from .health_json import number, scaled

DATA_UNIT = 512_000
"""Bytes; the counters are rounded up to it."""

_KELVIN = 273
"""The integer that nvme and smartctl subtract: the log itself has whole kelvins."""
_COLDEST_K, _HOTTEST_K = 200, 500


def smart_log_health(log: dict[str, Any]) -> Facts:
    """Give the facts of `nvme smart-log -o json`, of any version of nvme-cli since 1.6."""
    written = scaled(log.get("data_units_written"), DATA_UNIT)
    return known_facts(
        {
            "temperature": _celsius(log.get("temperature")),
            "host_written": written,
            "host_written_step": None if written is None else DATA_UNIT,
            "host_written_basis": None if written is None else "NVMe data units of 512,000 B",
            "host_read": scaled(log.get("data_units_read"), DATA_UNIT),
            "percentage_used": number(log.get("percent_used", log.get("percentage_used"))),
            "available_spare": number(log.get("avail_spare", log.get("available_spare"))),
            "critical_warning": number(log.get("critical_warning")),
            "media_errors": number(log.get("media_errors")),
            "unsafe_shutdowns": number(log.get("unsafe_shutdowns")),
            "power_on_hours": number(log.get("power_on_hours")),
            "power_cycles": number(log.get("power_cycles")),
            "throttle_events": _sum(log, "thm_temp1_trans_count", "thm_temp2_trans_count"),
            "throttle_time": _sum(log, "thm_temp1_total_time", "thm_temp2_total_time"),
            # In minutes.
            "hot_time": scaled(_sum(log, "warning_temp_time", "critical_comp_time"), 60),
        }
    )


def ocp_health(log: dict[str, Any]) -> Facts:
    """Give the facts of `nvme ocp smart-add-log -o json`, in each of the three ways in which nvme-cli has spelt it."""
    return known_facts(
        {
            "media_written": _wide(log, "physical media units written"),
            "media_read": _wide(log, "physical media units read"),
            # Of all mechanisms; those of the health log are only those that the host has set thresholds for.
            "throttle_events": _named(log, "number of thermal throttling events", "thermal throttling events"),
            "throttle_state": _named(log, "current throttling status"),
            "wear_max": _named(log, "max user data erase counts", "max user data erase count"),
            "wear_mean": _named(log, "nand avg erase count"),
            "free_blocks": _named(log, "percent free blocks"),
        }
    )


def feature_value(text: str) -> int | None:
    """Give the current value that `nvme get-feature` printed, as text or as JSON; None where it did not."""
    found = re.search(r"[Cc]urrent [Vv]alue[\"']?\s*:\s*\"?(?:0x)?([0-9a-fA-F]{1,8})\b", text)
    return int(found[1], 16) if found else None


def _celsius(kelvin: object) -> float | None:
    value = number(kelvin)
    return None if value is None or not _COLDEST_K <= value <= _HOTTEST_K else value - _KELVIN


def _sum(log: dict[str, Any], *names: str) -> int | float | None:
    values = [value for name in names if (value := number(log.get(name))) is not None]
    return sum(values) if values else None


def _named(log: dict[str, Any], *names: str) -> int | float | None:
    """Find a value whatever the case, and whether blanks are blanks or underscores."""
    plain = {str(key).lower().replace("_", " "): value for key, value in log.items()}
    return next((value for name in names if (value := number(plain.get(name))) is not None), None)


def _wide(log: dict[str, Any], name: str) -> int | float | None:
    """Give 128 bits that are one value, an object of two halves, or two values of their own."""
    whole = _named(log, name)
    if whole is not None:
        return whole
    high, low = _named(log, f"{name} hi"), _named(log, f"{name} lo")
    return None if high is None or low is None else high * 2**64 + low
