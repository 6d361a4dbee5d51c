"""What smartctl says of NVMe, ATA and SCSI disks (`smartctl --json`), as far as its meaning is sure.

ATA's attributes are the vendors' own: smartctl's database names them, and only a name that carries its unit, or a log
that a standard defines (Device Statistics, ACS-4 section 9.5), is taken for a number of bytes. Normalised attributes
such as 177, 231 and 233 mean different things from vendor to vendor and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .base import Facts, known_facts
from .health_json import inside, number, scaled
from .health_nvme import smart_log_health

_OPEN_FAILED = 0b11
"""smartctl(8), exit status bits 0 and 1: the command line was wrong, or the device could not be opened."""

_UNITS = {
    "32MIB": 32 << 20, "GIB": 1 << 30, "1GIB": 1 << 30, "MIB": 1 << 20, "1MIB": 1 << 20, "64GB": 64 * 10**9,
    "GB": 10**9,
}  # fmt: skip
_SURE_NAME = re.compile(
    r"(?P<what>Host|Lifetime|Total|NAND)_(?P<way>Writes|Reads)_?(?P<unit>" + "|".join(_UNITS) + ")", re.IGNORECASE
)
_WRITTEN_ID, _READ_ID = 241, 242
_FACTOR_NOTE = "taken as logical sectors; some vendors count in other units"


def smartctl_health(document: dict[str, Any]) -> Facts:
    """Give the facts of one `smartctl --json --all` document."""
    log = inside(document, "nvme_smart_health_information_log")
    nvme = dict(log) if isinstance(log, dict) else {}
    # smartctl gives degrees Celsius here, unlike nvme.
    nvme.pop("temperature", None)
    passed = inside(document, "smart_status", "passed")
    cache = inside(document, "write_cache", "enabled")
    found: Facts = {
        "temperature": _temperature(document),
        "power_on_hours": number(inside(document, "power_on_time", "hours")),
        "power_cycles": number(document.get("power_cycle_count")),
        "percentage_used": number(inside(document, "endurance_used", "current_percent")),
        "available_spare": number(inside(document, "spare_available", "current_percent")),
        "self_assessment": {True: "PASSED", False: "FAILED"}.get(passed) if isinstance(passed, bool) else None,
        "write_cache": {True: "enabled", False: "disabled"}.get(cache) if isinstance(cache, bool) else None,
        "link_speed": _text(inside(document, "interface_speed", "current", "string")),
    }
    return {**_scsi(document), **_ata(document), **known_facts(found), **smart_log_health(nvme)}


def smartctl_problem(document: dict[str, Any]) -> str:
    """Say what smartctl could not do; empty where it read the device, whatever the health it found."""
    status = number(inside(document, "smartctl", "exit_status"))
    if status is not None and not int(status) & _OPEN_FAILED:
        return ""
    messages = inside(document, "smartctl", "messages")
    said = [str(text) for one in (messages if isinstance(messages, list) else ()) if (text := inside(one, "string"))]
    return "smartctl: " + ("; ".join(said)[:300] or "it could not open the device")


def _temperature(document: dict[str, Any]) -> int | float | None:
    current = number(inside(document, "temperature", "current"))
    # 0 stands for a SAS drive that keeps its temperature in the environmental reports only.
    return current or number(inside(document, "scsi_environmental_reports", "temperature_1", "current"))


def _ata(document: dict[str, Any]) -> Facts:
    sector = number(document.get("logical_block_size")) or 512
    statistics = dict(_statistics(document))
    attributes = list(_attributes(document))
    found: Facts = {
        "percentage_used": statistics.get("Percentage Used Endurance Indicator"),
        "media_errors": statistics.get("Number of Reported Uncorrectable Errors"),
        "host_read": scaled(statistics.get("Logical Sectors Read"), sector),
    }
    if (written := statistics.get("Logical Sectors Written")) is not None:
        found |= _written(written * sector, sector, f"device statistics, logical sectors of {sector:g} B")
        return known_facts(found)
    for number_, name, raw in attributes:
        match = _SURE_NAME.fullmatch(name)
        if match is None:
            continue
        unit = _UNITS[match["unit"].upper()]
        if match["what"].upper() == "NAND":
            found["media_written" if match["way"].lower() == "writes" else "media_read"] = raw * unit
        elif match["way"].lower() == "writes":
            found |= _written(raw * unit, unit, f"attribute {number_} {name}")
        else:
            found["host_read"] = raw * unit
    for number_, name, raw in attributes:
        if number_ == _WRITTEN_ID and name == "Total_LBAs_Written" and "host_written" not in found:
            found |= _written(raw * sector, sector, f"attribute {number_} {name}, {_FACTOR_NOTE}")
        if number_ == _READ_ID and name == "Total_LBAs_Read" and found["host_read"] is None:
            found["host_read"] = raw * sector
    return known_facts(found)


def _written(value: float, step: float, basis: str) -> Facts:
    return {"host_written": value, "host_written_step": step, "host_written_basis": basis}


def _statistics(document: dict[str, Any]) -> Iterator[tuple[str, int | float]]:
    """Give the entries of ATA's Device Statistics that are valid."""
    pages = inside(document, "ata_device_statistics", "pages")
    for page in pages if isinstance(pages, list) else ():
        table = inside(page, "table")
        for entry in table if isinstance(table, list) else ():
            value = number(inside(entry, "value"))
            if value is not None and inside(entry, "flags", "valid") is not False:
                yield str(inside(entry, "name")), value


def _attributes(document: dict[str, Any]) -> Iterator[tuple[int, str, int | float]]:
    """Give number, name and raw value of each of ATA's attributes."""
    table = inside(document, "ata_smart_attributes", "table")
    for entry in table if isinstance(table, list) else ():
        which, raw = number(inside(entry, "id")), number(inside(entry, "raw", "value"))
        if which is not None and raw is not None:
            yield int(which), str(inside(entry, "name")), raw


def _scsi(document: dict[str, Any]) -> Facts:
    """Give what SCSI's error counter log says; its gigabytes have three decimals."""
    written = scaled(inside(document, "scsi_error_counter_log", "write", "gigabytes_processed"), 10**9)
    read = scaled(inside(document, "scsi_error_counter_log", "read", "gigabytes_processed"), 10**9)
    found: Facts = {
        "host_read": read,
        "percentage_used": number(document.get("scsi_percentage_used_endurance_indicator")),
    }
    if written is not None:
        found |= _written(written, 10**6, "SCSI error counters, in thousandths of a gigabyte")
    return known_facts(found)


def _text(value: object) -> str | None:
    return value[:100] if isinstance(value, str) and value else None
