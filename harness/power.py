"""What the machine shows of its own power: energy counters (RAPL, through powercap) and power meters (hwmon).

Kernel documentation: power/powercap/powercap, hwmon/sysfs-interface. Energy is in µJ and starts again at
`max_energy_range_uj`; reading it takes root since Linux 5.10, so that an ordinary user has no such columns.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ..common.system_files import read_int, read_text
from .counters import Counters, belongs_to, hardware_monitors

_MICRO = 1e-6
_SYSTEM_METERS = ("power_meter",)
"""hwmon drivers whose power is the whole machine's (ACPI 4.0 power meters). What other sensors measure, nobody knows
from the outside: a graphics card, a regulator, an expansion slot."""


class EnergyZone(msgspec.Struct, frozen=True):
    """One energy counter."""

    column: str
    file: Path
    range_uj: int | None
    """Where it starts again; None where the kernel does not say."""


class EnergyMeters:
    """The energy counters that this user may read: those of processor packages and of their memory."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = [zone for zone in _zones(root) if read_int(zone.file) is not None]

    @property
    def columns(self) -> set[str]:
        """What `watts` can give."""
        return {zone.column for zone in self._zones}

    def read(self) -> Counters:
        """Give each counter in µJ, by a name that no column has."""
        values = ((f"energy.{n}", read_int(zone.file)) for n, zone in enumerate(self._zones))
        return {name: float(value) for name, value in values if value is not None}

    def watts(self, before: Counters, after: Counters, seconds: float) -> Counters:
        """Give the mean power between two looks, by column; a column that a counter is missing for is left out."""
        totals: dict[str, float | None] = {}
        for number, zone in enumerate(self._zones):
            name = f"energy.{number}"
            used = energy_between(before.get(name), after.get(name), zone.range_uj)
            total = totals.get(zone.column, 0.0)
            totals[zone.column] = None if used is None or total is None else total + used
        return {column: used * _MICRO / seconds for column, used in totals.items() if used is not None}


def energy_between(before: float | None, after: float | None, range_uj: int | None) -> float | None:
    """Give the energy in µJ between two readings of a counter that starts again at its range, at most once."""
    if before is None or after is None:
        return None
    if after >= before:
        return after - before
    return None if range_uj is None else after + range_uj - before


def system_power_meters(root: Path = Path("/")) -> list[Path]:
    """Find the files that tell the whole machine's power in µW."""
    return [
        meter
        for name, folder in hardware_monitors(root)
        if name in _SYSTEM_METERS
        if (meter := _meter(folder)) is not None
    ]


def disk_power_meters(disk: str | None, root: Path = Path("/")) -> list[Path]:
    """Find the files that tell one disk's power in µW; none where no disk is chosen, since a sum would mean nothing."""
    return [
        meter
        for _, folder in hardware_monitors(root)
        if disk is not None and belongs_to(folder / "device", disk)
        if (meter := _meter(folder)) is not None
    ]


def watts_of(meters: list[Path]) -> float:
    """Give what power meters say together, in W. Raises `OSError` or `ValueError` where one does not answer."""
    return sum(int(meter.read_text()) for meter in meters) * _MICRO


def _meter(folder: Path) -> Path | None:
    """Give a monitor's first power reading, averaged where it can average."""
    return next((f for name in ("power1_average", "power1_input") if (f := folder / name).exists()), None)


def _zones(root: Path) -> list[EnergyZone]:
    zones = []
    for folder in sorted((root / "sys/class/powercap").glob("intel-rapl:*")):
        # AMD's processors show theirs under this name as well; `intel-rapl-mmio` would count the same ones twice.
        name = read_text(folder / "name") or ""
        depth = folder.name.count(":")
        column = (
            "cpu_power" if depth == 1 and re.match(r"package", name) else "memory_power" if name == "dram" else None
        )
        if column is not None:
            zones.append(EnergyZone(column, folder / "energy_uj", read_int(folder / "max_energy_range_uj")))
    return zones
