"""The health of a disk: its own logs, through nvme and smartctl, put together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .base import Facts, known_facts
from .block_sysfs import whole_disk
from .health_json import document_of, storable
from .health_nvme import feature_value, ocp_health, smart_log_health
from .health_smartctl import smartctl_health, smartctl_problem
from .nvme_sysfs import controllers_of, is_nvme
from .tools import Answer, ask

Asking = Callable[[list[str]], Answer]
"""How a tool is asked; `tools.ask` unless a test answers."""

_POWER_MANAGEMENT, _VOLATILE_WRITE_CACHE = 2, 6
"""Features (NVM Express Base Specification 2.0, section 5.27.1)."""


def block_health(folder: Path, ask_tool: Asking = ask) -> Facts:
    """Give what a block device's disk says of itself, in the words of `HEALTH`; `folder` is its own in sysfs.

    Never raises: what could not be read is in `health_unavailable`, with the reason.
    """
    disk = whole_disk(folder)
    if not (disk / "device").exists():
        return {"health_unavailable": f"{disk.name} is no disk of its own, it lies on other devices"}
    inquiry = _Inquiry(ask_tool)
    found: Facts = {}
    if is_nvme(disk):
        found = _nvme(disk, inquiry)
    smart = inquiry.document(
        ["smartctl", "--json", "--all", "--log=devstat", "--get=wcache", f"/dev/{disk.name}"], any_status=True
    )
    if smart is not None:
        if problem := smartctl_problem(smart):
            inquiry.problems.append(problem)
        else:
            inquiry.sources.append("smartctl --all")
        found = {**smartctl_health(smart), **found}
    # The second source of an NVMe drive has nothing that the first one lacks.
    problems = inquiry.problems if not is_nvme(disk) or not found else _without_smartctl(inquiry.problems)
    told: Facts = {
        "health_source": ", ".join(inquiry.sources) or None,
        "health_unavailable": "; ".join(problems) or None,
    }
    return storable({**found, **known_facts(told)})


class _Inquiry:
    """Asks tools, and keeps which ones answered and which ones did not."""

    def __init__(self, ask_tool: Asking) -> None:
        self._ask = ask_tool
        self.sources: list[str] = []
        self.problems: list[str] = []

    def text(self, command: list[str]) -> str | None:
        answer = self._ask(command)
        if answer.ok:
            return answer.out
        self.problems.append(answer.problem)
        return None

    def document(self, command: list[str], *, any_status: bool = False) -> dict[str, Any] | None:
        """Give the JSON that a tool printed; with `any_status` also where it ended with an error."""
        answer = self._ask(command)
        if not answer.ok and not (any_status and answer.status is not None):
            self.problems.append(answer.problem)
            return None
        found = document_of(answer.out)
        if found is None:
            self.problems.append(answer.problem or f"{answer.program}: what it printed is not JSON")
        return found


def _nvme(disk: Path, inquiry: _Inquiry) -> Facts:
    controllers = controllers_of(disk)
    device = f"/dev/{controllers[0].name if controllers else disk.name}"
    log = inquiry.document(["nvme", "smart-log", device, "--output-format=json"])
    if log is None:
        return {}
    inquiry.sources.append("nvme smart-log")
    found = smart_log_health(log)
    extended = inquiry.document(["nvme", "ocp", "smart-add-log", device, "--output-format=json"])
    if extended is not None and (ocp := ocp_health(extended)):
        inquiry.sources.append("nvme ocp smart-add-log")
        found |= ocp
    cache = _feature(inquiry, device, _VOLATILE_WRITE_CACHE)
    found |= known_facts(
        {
            # Only a drive that has such a cache has the feature.
            "write_cache": None if cache is None else "enabled" if cache & 1 else "disabled",
            "power_state": _masked(_feature(inquiry, device, _POWER_MANAGEMENT), 0x1F),
        }
    )
    return found


def _feature(inquiry: _Inquiry, device: str, feature: int) -> int | None:
    quiet = _Inquiry(inquiry._ask)  # a drive may lack any feature, which is no problem of the inquiry
    text = quiet.text(["nvme", "get-feature", device, f"--feature-id={feature}"])
    return None if text is None else feature_value(text)


def _masked(value: int | None, mask: int) -> int | None:
    return None if value is None else value & mask


def _without_smartctl(problems: list[str]) -> list[str]:
    return [problem for problem in problems if not problem.startswith("smartctl")]
