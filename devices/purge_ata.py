"""Purging an ATA disk: its security erase, through hdparm.

The erase needs a password, which the erase itself removes again: until then the disk is locked after a power failure by
`storbench`, which `hdparm --security-disable storbench` lifts.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from ..common.errors import MeasurementError
from ..common.system_files import read_text
from .purge_plan import Asking, Cleared, Disk, Outcome
from .tools import ask

PASSWORD = "storbench"  # noqa: S105 - no secret: it only has to be known to whoever must unlock the disk
_USER = ["hdparm", "--user-master", "u"]
_UNKNOWN_MINUTES = 12 * 60


class Security(msgspec.Struct, frozen=True):
    """The security feature set of a disk, as `hdparm -I` shows it."""

    supported: bool = False
    enabled: bool = False
    locked: bool = False
    frozen: bool = False
    minutes: int | None = None
    """That an erase is expected to take."""


def is_ata(disk: Path) -> bool:
    """Say whether a whole disk speaks ATA, as the kernel's SCSI layer shows it."""
    return read_text(disk / "device/vendor") == "ATA"


def security_of(text: str) -> Security:
    """Read the section Security of `hdparm -I`."""
    section = re.search(r"^Security:\s*\n((?:[ \t]+.*\n?)+)", text, re.MULTILINE)
    lines = [" ".join(line.split()) for line in section[1].splitlines()] if section else []
    minutes = next((match for line in lines if (match := re.match(r"(\d+)min for SECURITY ERASE UNIT", line))), None)
    # What does not hold has `not` in front of it.
    return Security(
        "supported" in lines,
        "enabled" in lines,
        "locked" in lines,
        "frozen" in lines,
        int(minutes[1]) if minutes else None,
    )


def security_erase(disk: Disk, ask_tool: Asking = ask) -> Outcome:
    """Set a password and erase, which removes it. Raises `MeasurementError` where the disk is left locked."""
    path = str(disk.path)
    before = ask_tool(["hdparm", "-I", path])
    if not before.ok:
        return before.problem
    security = security_of(before.out)
    if reason := refusal(security):
        return reason
    disk.allowed()
    password = ask_tool([*_USER, "--security-set-pass", PASSWORD, path])
    if not password.ok:
        return password.problem
    try:
        disk.allowed()
        minutes = security.minutes or _UNKNOWN_MINUTES
        erased = ask_tool([*_USER, "--security-erase", PASSWORD, path], timeout_s=60.0 * (2 * minutes + 10))
    except BaseException:
        _unlock(path, ask_tool)
        raise
    after = security_of(ask_tool(["hdparm", "-I", path]).out)
    if not erased.ok or after.enabled:
        _unlock(path, ask_tool)
        return erased.problem or "after the security erase the password was still there, so it was not completed"
    return Cleared("ATA security erase", erased.out.strip(), "its password is gone, as after a completed erase")


def refusal(security: Security) -> str:
    """Say why a disk cannot be erased; empty where it can."""
    if not security.supported:
        return "the disk has no security erase"
    if security.enabled or security.locked:
        return "the disk has a password already, so it cannot be erased with another"
    if security.frozen:
        return "its security is frozen by the firmware of this machine; a suspend and resume often lifts that"
    return ""


def _unlock(path: str, ask_tool: Asking) -> None:
    answer = ask_tool([*_USER, "--security-disable", PASSWORD, path])
    if not answer.ok:
        raise MeasurementError(
            f"the security erase of {path} failed, and its password could not be removed: {answer.problem}",
            hint=f"Remove it: hdparm --user-master u --security-disable {PASSWORD} {path}",
        )
