"""Purging an NVMe namespace: sanitize where nothing else lies in the drive, otherwise a format of this namespace alone.

Numbers are those of the NVM Express Base Specification 2.0 (Identify Controller, Sanitize, log 81h) and the NVM Command
Set Specification 1.0 (Identify Namespace, Format NVM).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..common.errors import MeasurementError, SafetyError
from ..common.system_files import read_text
from .health_json import document_of, inside, number
from .nvme_sysfs import controllers_of, namespace_of, namespaces_seen
from .purge_plan import Asking, Cleared, Disk, Outcome
from .tools import ask

_CRYPTO, _BLOCK = 0b01, 0b10
"""SANICAP: which sanitize operations there are."""
_ACTIONS = {_BLOCK: (2, "nvme sanitize, block erase"), _CRYPTO: (4, "nvme sanitize, crypto erase")}
_FORMAT, _MANAGEMENT = 0b0010, 0b1000
"""OACS: Format NVM, Namespace Management."""
_FORMATS_ALL, _ERASES_ALL = 0b01, 0b10
"""FNA: a format, or a secure erase, is of all namespaces."""
_MANY_CONTROLLERS = 0b10
"""CMIC."""
_DONE, _UNDER_WAY, _FAILED, _DONE_KEPT = 1, 2, 3, 4
"""SSTAT, bits 2:0."""
_ERASE_S = 4 * 3600.0
_UNKNOWN_S = 2**32 - 1
_SILENT = 30
"""How many times in a row a drive may be too busy to tell how far it is."""


class Drive(msgspec.Struct, frozen=True):
    """What matters for purging, of a controller and of the namespace."""

    controller: str
    namespace: int
    sanitizes: int
    """SANICAP."""
    formats: bool
    formats_all: bool
    """A format with secure erase would reach other namespaces."""
    others: str
    """Why there are, or may be, other namespaces in it; empty where there are none."""
    layout: tuple[str, ...]
    """The options of `nvme format` that keep block size, metadata and protection as they are."""


def sanitize(disk: Disk, ask_tool: Asking = ask, wait: Callable[[float], None] = time.sleep) -> Outcome:
    """Sanitize the whole drive, if this namespace is all that is in it, and wait until it says that it is done.

    Raises `MeasurementError` where it was begun and failed.
    """
    drive = look(disk, ask_tool)
    if isinstance(drive, str):
        return drive
    capable = next((one for one in _ACTIONS if drive.sanitizes & one), None)
    if capable is None:
        return "the drive cannot sanitize"
    if drive.others:
        return f"no sanitize, which would erase the whole drive: {drive.others}"
    action, method = _ACTIONS[capable]
    disk.allowed()
    started = ask_tool(["nvme", "sanitize", drive.controller, f"--sanact={action}"])
    if not started.ok:
        return started.problem
    status, text = _wait_for_sanitize(drive.controller, ask_tool, wait)
    if status not in (_DONE, _DONE_KEPT):
        raise MeasurementError(
            f"the sanitize of {disk.path} ended with the status {text}",
            hint=f"The drive refuses I/O until that is cleared: nvme sanitize {drive.controller} --sanact=1.",
        )
    return Cleared(method, started.out.strip(), f"sanitize log: {text}")


def format_namespace(disk: Disk, ask_tool: Asking = ask) -> Outcome:
    """Format this namespace with a secure erase of its user data, in the layout that it has."""
    drive = look(disk, ask_tool)
    if isinstance(drive, str):
        return drive
    if not drive.formats:
        return "the drive cannot format"
    if drive.formats_all and drive.others:
        return f"no format, which in this drive erases all namespaces: {drive.others}"
    command = ["nvme", "format", str(disk.path), f"--namespace-id={drive.namespace}", "--ses=1", *drive.layout]
    disk.allowed()
    # This process holds the device exclusively, which newer nvme-cli only overlooks when told to.
    answer = ask_tool([*command, "--force"], timeout_s=_ERASE_S)
    if not answer.ok and re.search(r"unrecognized|invalid option|unknown option", answer.problem):
        disk.allowed()
        answer = ask_tool(command, timeout_s=_ERASE_S)
    if answer.status is None and "did not answer" in answer.problem:
        raise MeasurementError(f"the format of {disk.path} did not end: {answer.problem}")
    if not answer.ok:
        return answer.problem
    return Cleared("nvme format, user data erase", answer.out.strip())


def look(disk: Disk, ask_tool: Asking = ask) -> Drive | str:
    """Ask controller and namespace what they can do; a sentence where that cannot be found out. Only reads."""
    controllers = controllers_of(disk.folder)
    namespace = namespace_of(disk.folder)
    if not controllers or namespace is None:
        return "the kernel does not tell the drive's controller and namespace"
    controller = f"/dev/{controllers[0].name}"
    check_same_drive(disk, controllers[0])
    identity = ask_tool(["nvme", "id-ctrl", controller, "--output-format=json"])
    layout = ask_tool(["nvme", "id-ns", controller, f"--namespace-id={namespace}", "--output-format=json"])
    for answer in (identity, layout):
        if not answer.ok:
            return answer.problem
    drive, space = document_of(identity.out), document_of(layout.out)
    if drive is None or space is None:
        return "what nvme said of the drive cannot be read"
    return Drive(
        controller,
        namespace,
        _bits(drive, "sanicap"),
        bool(_bits(drive, "oacs") & _FORMAT),
        bool(_bits(drive, "fna") & (_FORMATS_ALL | _ERASES_ALL)),
        other_namespaces(disk.folder, controller, namespace, drive, ask_tool),
        layout_options(space),
    )


def check_same_drive(disk: Disk, controller: Path) -> None:
    """Refuse a controller node that is not the one above this disk. Raises `SafetyError`."""
    node = disk.root / "dev" / controller.name
    try:
        found = node.stat().st_rdev
    except OSError:
        raise SafetyError(f"there is no {node}, which controls {disk.path}") from None
    if read_text(controller / "dev") != f"{os.major(found)}:{os.minor(found)}":
        raise SafetyError(f"{node} is not the controller of {disk.path}")


def other_namespaces(folder: Path, controller: str, own: int, identity: dict[str, Any], ask_tool: Asking) -> str:
    """Say why other namespaces are, or may be, in the drive; empty where it is sure that there are none."""
    if len(namespaces_seen(folder)) > 1:
        return "the kernel sees other namespaces in it"
    if number(identity.get("nn")) == 1:
        return ""
    managed = bool(_bits(identity, "oacs") & _MANAGEMENT)
    if not managed and _bits(identity, "cmic") & _MANY_CONTROLLERS:
        return "it has several controllers, whose namespaces cannot all be listed"
    # A namespace may be allocated and attached nowhere; only a drive with namespace management lists those.
    every = ["--all"] if managed else []
    listed = ask_tool(["nvme", "list-ns", controller, *every, "--output-format=json"])
    namespaces = _listed(document_of(listed.out)) if listed.ok else None
    if namespaces is None:
        return f"its namespaces could not be listed ({listed.problem or 'the answer cannot be read'})"
    if namespaces == {own}:
        return ""
    others = ", ".join(str(one) for one in sorted(namespaces - {own}))
    return f"it also holds the namespaces {others}" if others else "it does not list this namespace"


def layout_options(space: dict[str, Any]) -> tuple[str, ...]:
    """Give the options that keep a namespace's LBA format, metadata and protection (FLBAS, DPS)."""
    flbas, dps = _bits(space, "flbas"), _bits(space, "dps")
    lba_format = (flbas & 0xF) | (flbas >> 5 & 0x3) << 4
    options = [f"--lbaf={lba_format}"]
    if flbas & 0x10:
        options.append("--ms=1")
    if dps & 0x7:
        options += [f"--pi={dps & 0x7}", f"--pil={dps >> 3 & 1}"]
    return tuple(options)


def sanitize_state(text: str) -> tuple[int | None, str, float | None]:
    """Read `nvme sanitize-log -o json`: status, its words, and the seconds that a block erase is expected to take."""
    document = document_of(text) or {}
    log = next((one for one in document.values() if isinstance(one, dict)), document)
    sstat = inside(log, "sstat")
    words = [value for value in sstat.values() if isinstance(value, str)] if isinstance(sstat, dict) else []
    status = next((match for word in words if (match := re.match(r"\((\d)\)\s*(.*)", word))), None)
    expected = number(inside(log, "time_block_erase"))
    return (
        int(status[1]) if status else None,
        status[0] if status else "unknown",
        None if expected is None or expected >= _UNKNOWN_S else float(expected),
    )


def _wait_for_sanitize(controller: str, ask_tool: Asking, wait: Callable[[float], None]) -> tuple[int | None, str]:
    waited, silent = 0.0, 0
    longest = _ERASE_S
    while True:
        answer = ask_tool(["nvme", "sanitize-log", controller, "--output-format=json"])
        status, text, expected = sanitize_state(answer.out) if answer.ok else (None, answer.problem, None)
        longest = max(longest, 3 * (expected or 0))
        silent = silent + 1 if status is None else 0
        if status not in (None, _UNDER_WAY) or silent > _SILENT:
            return status, text
        if waited >= longest:
            return status, f"{text}, for {waited:g} s"
        wait(1.0)
        waited += 1.0


def _listed(document: dict[str, Any] | None) -> set[int] | None:
    """Give the namespaces of `nvme list-ns -o json`; None where there is no list."""
    lists = [value for value in (document or {}).values() if isinstance(value, list)]
    if not lists:
        return None
    found = [number(inside(one, "nsid") if isinstance(one, dict) else one) for one in lists[0]]
    return None if None in found else {int(one) for one in found if one}


def _bits(document: dict[str, Any], name: str) -> int:
    return int(number(document.get(name)) or 0)
