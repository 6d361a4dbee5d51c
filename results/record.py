"""A whole run as values: what the harness hands over to be sealed into a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from .measurement import Measurement

if TYPE_CHECKING:
    from .io_log import IoLog

SCHEMA = 1
"""Version of the run file. Raised when a reader of the old one would misread the new; every old one stays readable."""

FORMAT = "storbench run"

VERDICTS = ("PASS", "MARGINAL", "FAIL", "NOT_EVALUATED")


class Campaign(msgspec.Struct, frozen=True):
    """Where a run stands among those that were started by one command."""

    id: str
    repeat: int = 1
    repeats: int = 1
    order: int = 1
    """The position in which it was executed, from 1."""


class RunHeader(msgspec.Struct, frozen=True):
    """What identifies a run and how it ended: the root attributes of the file."""

    run: str
    workload: str
    device: str
    status: str
    created: str
    """Start, ISO 8601 in UTC."""
    ended: str = ""
    verdict: str = "NOT_EVALUATED"
    reason: str = ""
    """Why the status is what it is, where it is not COMPLETED."""
    schema: int = SCHEMA
    storbench: str = ""
    engine: str = ""
    campaign: Campaign | None = None


class StepRecord(msgspec.Struct, frozen=True):
    """One executed step."""

    index: int
    kind: str
    label: str
    step: dict[str, Any]
    """The step as it was planned, with its job."""
    status: str
    started: float = 0.0
    """Unix time, seconds."""
    ended: float = 0.0
    error: str = ""
    measurement: Measurement | None = None
    job_file: str = ""
    raw: bytes = b""
    """The engine's own output, unaltered."""
    io_log: Callable[[], Iterable[IoLog]] | None = None
    facts: Mapping[str, str | int | float | bool | None] = {}
    """What the step found out besides a measurement."""

    @property
    def totals(self) -> Measurement | None:
        """The measurement, by the name that a step of a file has for its quick part."""
        return self.measurement

    @property
    def job(self) -> dict[str, Any]:
        """The job of the step, empty for a step without load."""
        return self.step.get("job") or {}

    @property
    def labels(self) -> dict[str, Any]:
        """What varies from step to step."""
        return self.step.get("labels") or {}


class RunRecord(msgspec.Struct, frozen=True):
    """Everything that goes into a run file."""

    header: RunHeader
    recipe: dict[str, Any]
    """Workload source, resolved parameters, device URL: enough to run it again."""
    provenance: dict[str, Any]
    """argv, host, plug-ins, and environment and device facts at start and end."""
    steps: list[StepRecord]
    notes: list[str] = []
    telemetry: Mapping[str, list[float]] = {}
    telemetry_units: Mapping[str, tuple[str, str]] = {}
    """Column to unit and long name."""
    journal: bytes = b""
