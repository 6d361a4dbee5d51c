"""Purging a disk: the strongest way that the disk has and that reaches nothing else, then a look whether it worked."""

from __future__ import annotations

from collections.abc import Callable

from ..common.errors import MeasurementError
from .base import Purged
from .block_sysfs import size_of
from .nvme_sysfs import is_nvme
from .purge_ata import is_ata, security_erase
from .purge_checks import Regions, flush_buffers, read_regions
from .purge_discard import discard
from .purge_nvme import format_namespace, sanitize
from .purge_plan import Asking, Cleared, Disk, Outcome
from .tools import ask


def purge_disk(disk: Disk, ask_tool: Asking = ask) -> Purged:
    """Purge a disk that this process holds exclusively.

    Tries sanitize and format (NVMe) or the security erase (ATA), then a discard of all blocks; why a way was not taken
    is in `returned`. Raises `SafetyError` where the disk may not be destroyed after all, `MeasurementError` where a way
    was begun and failed.
    """
    disk.allowed()
    try:
        before = read_regions(disk.path, disk.size)
        reasons: list[str] = []
        for way in ways_of(disk):
            outcome = way(disk, ask_tool)
            if isinstance(outcome, Cleared):
                return _checked(disk, outcome, before, reasons)
            if outcome not in reasons:
                reasons.append(outcome)
    except OSError as error:
        raise MeasurementError(f"the purge of {disk.path} failed: {error.strerror}") from None
    return Purged("none", "; ".join(reasons), check="nothing was done")


def ways_of(disk: Disk) -> tuple[Callable[[Disk, Asking], Outcome], ...]:
    """Give the ways to purge a disk, the strongest first."""
    by_command: tuple[Callable[[Disk, Asking], Outcome], ...] = ()
    if is_nvme(disk.folder):
        by_command = (sanitize, format_namespace)
    elif is_ata(disk.folder):
        by_command = (security_erase,)
    return (*by_command, lambda one, asking: discard(one))


def _checked(disk: Disk, cleared: Cleared, before: Regions, reasons: list[str]) -> Purged:
    if size_of(disk.folder) != disk.size:
        raise MeasurementError(
            f"after '{cleared.method}' {disk.path} has {size_of(disk.folder):,} B, before it had {disk.size:,} B"
        )
    flush_buffers(disk.path)
    after = read_regions(disk.path, disk.size)
    total, kept = len(after.contents), before.kept(after)
    held = total - before.zero
    check = f"{after.zero} of {total} regions read as zeroes; {held} held data before"
    if kept:
        check += f", {kept} of them still hold it"
    if cleared.proof:
        check += f"; {cleared.proof}"
    verified: bool | None = after.zero == total
    if kept:
        verified = False
    elif not verified:
        # New contents: after a crypto erase or a discard a drive may answer with anything.
        verified = True if cleared.proof else None
    returned = "; ".join(filter(None, (cleared.returned, *(f"not taken: {reason}" for reason in reasons))))
    return Purged(cleared.method, returned, verified, check)
