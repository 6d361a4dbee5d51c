"""Is this machine fit to measure? Everything that is looked at, in the order in which it is shown.

The judging functions (`doctor_*.py`) take facts and return findings; only the functions that `examine` calls to get the
facts touch the machine, and they leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .doctor_activity import activity_findings, watch
from .doctor_folder import folder_findings, look_at
from .doctor_leftovers import leftover_finding
from .doctor_machine import machine_findings
from .doctor_programs import plugin_findings, program_findings, python_finding
from .environment import environment_facts, host_facts
from .finding import Finding
from .leftovers import find_leftovers

__all__ = ["Finding", "examine"]


def examine(
    paths: Sequence[Path] = (), broken: Sequence[tuple[str, str]] = (), root: Path = Path("/")
) -> list[Finding]:
    """Examine programs, machine, present load, and the folders `paths`; `broken` are plug-ins with the reason.

    Takes about half a second. `root` is where /proc, /sys and /etc are looked for.
    """
    host, environment = host_facts(root), environment_facts(root)
    return [
        python_finding(host),
        *program_findings(root),
        *plugin_findings(broken),
        *machine_findings(host, environment),
        leftover_finding(find_leftovers()),
        *activity_findings(watch()),
        *(finding for path in paths for finding in folder_findings(look_at(path, root))),
    ]
