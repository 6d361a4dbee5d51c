"""The device's own evidence: what it counted, how warm it was, what it used; measured, or said to be not available."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from .run_file import Run, StepView

UNITS: dict[str, str] = {
    "temperature": "degree_Celsius", "host_written": "B", "host_read": "B", "media_written": "B", "media_read": "B",
    "percentage_used": "%", "available_spare": "%", "critical_warning": "1", "media_errors": "1",
    "unsafe_shutdowns": "1", "power_on_hours": "h", "power_cycles": "1", "throttle_events": "1", "throttle_time": "s",
    "throttle_state": "1", "hot_time": "s", "wear_mean": "1", "wear_max": "1", "free_blocks": "%", "energy": "J",
    "power_state": "1",
}  # fmt: skip
"""Health facts that are numbers, and their base units; the words are those of the devices."""

_AGREES_WITHIN = 0.01
_NOT_KNOWN = "the device does not tell"
_NOT_ENDED = "the run did not come to its end, so the device was not asked again"
_ANEW = "the run was interrupted, and the device's counters began anew"
_WENT_BACK = "the device's counter went back during the run"
_UNSURE = "some vendors"
"""Words of the basis of a counter whose unit is not sure."""


class Purging(msgspec.Struct, frozen=True):
    """One purge."""

    where: str
    """The test, and its part."""
    method: str
    returned: str
    verified: bool | None
    check: str


class Counter(msgspec.Struct, frozen=True):
    """One number or word that the device says of itself, at the start and at the end of the run."""

    name: str
    unit: str
    """Empty for a word."""
    start: float | str | bool | None
    end: float | str | bool | None


class Fill(msgspec.Struct, frozen=True):
    """Preconditioning: what was written, and what the device counted meanwhile."""

    where: str
    written: int
    counted: float | None
    answer: Literal["agrees", "disagrees", "not available"]
    basis: str


class Known(msgspec.Struct, frozen=True):
    """A number, or why there is none."""

    value: float | None
    reason: str = ""


class Evidence(msgspec.Struct, frozen=True):
    """All of it."""

    purges: tuple[Purging, ...]
    counters: tuple[Counter, ...]
    source: str
    """Who was asked."""
    unavailable: str
    """What could not be read, and why; empty where all could."""
    fills: tuple[Fill, ...]
    write_amplification: Known
    """Bytes that the medium wrote for each byte that the host wrote, over the run."""
    temperature: Known
    """The highest, in degrees Celsius."""
    temperature_series: tuple[tuple[float, float], ...]
    """Seconds and degrees Celsius."""
    throttling: Known
    """Times that the device slowed itself down during the run."""
    throttled_s: Known
    power: Known
    """Mean, in watts."""
    power_source: str
    ios_per_joule: Known
    """The same as IOPS per watt."""
    joules_per_gib: Known
    """Of data moved in either direction."""


def evidence_of(run: Run) -> Evidence:
    """Collect the evidence of a run from its file alone."""
    start, end = _start(run), _health(run, "health_end")
    telemetry = run.telemetry
    series = _temperatures(telemetry)
    energy, seconds, source = _energy(run, start, end)
    ios = sum(m.read.ios + m.write.ios for m in _measurements(run))
    moved = sum(m.read.bytes + m.write.bytes for m in _measurements(run))
    reason = "" if energy else source
    return Evidence(
        tuple(_purges(run)),
        tuple(_counters(start, end)),
        str(end.get("health_source") or start.get("health_source") or ""),
        str(end.get("health_unavailable") or start.get("health_unavailable") or ("" if end or start else _NOT_KNOWN)),
        tuple(_fills(run)),
        _amplification(start, end),
        _highest(series, start, end),
        series,
        _difference(start, end, "throttle_events"),
        _difference(start, end, "throttle_time"),
        Known(energy / seconds) if energy and seconds else Known(None, reason),
        source if energy else "",
        Known(ios / energy) if energy else Known(None, reason),
        Known(energy / (moved / 2**30)) if energy and moved else Known(None, reason),
    )


def _health(run: Run, name: str) -> dict[str, Any]:
    found = run.provenance.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _start(run: Run) -> dict[str, Any]:
    """Give what the device said first; of a resumed run, what it said around the first step that asked it.

    The counters of a device that is emulated in real time are made anew with it: what they said before an interruption
    is no start for what they say now.
    """
    if found := _health(run, "health_start"):
        return found
    if _emulated_in_real_time(run):
        return {}
    for step in run.steps:
        if before := {n.removesuffix("_before"): v for n, v in step.facts.items() if n.endswith("_before")}:
            return before
    return {}


def _emulated_in_real_time(run: Run) -> bool:
    return str(run.header.device).startswith(("emu:", "nbd:emu-"))


def _measurements(run: Run) -> Iterator[Any]:
    for step in run.steps:
        if step.totals is not None:
            yield step.totals


def _where(step: StepView) -> str:
    return " ".join(str(step.labels[name]) for name in ("test", "part") if name in step.labels) or step.label


def _purges(run: Run) -> Iterator[Purging]:
    for step in run.steps:
        if step.kind == "purge" and step.status == "COMPLETED":
            facts = step.facts
            verified = facts.get("purge_verified")
            yield Purging(
                _where(step), str(facts.get("purge_method", "")), str(facts.get("purge_returned", "")),
                verified if isinstance(verified, bool) else None, str(facts.get("purge_check", "")),
            )  # fmt: skip


def _counters(start: Mapping[str, Any], end: Mapping[str, Any]) -> Iterator[Counter]:
    hidden = ("health_source", "health_unavailable")
    for name in dict.fromkeys([*start, *end]):
        if name not in hidden and not name.endswith(("_step", "_basis")):
            yield Counter(name, UNITS.get(name, ""), start.get(name), end.get(name))


def _fills(run: Run) -> Iterator[Fill]:
    """Compare, for each test, what preconditioning wrote with what the device counted around each of its steps."""
    groups: dict[str, list[StepView]] = {}
    for step in run.steps:
        if step.labels.get("phase") == "wipc" and step.totals is not None:
            groups.setdefault(_where(step), []).append(step)
    shared = run.recipe.get("device_info", {}).get("scheme") == "file"
    for where, steps in groups.items():
        written = sum(step.totals.write.bytes for step in steps if step.totals)
        counts = [_counted(step.facts) for step in steps]
        if any(count is None for count in counts):
            why = str(steps[0].facts.get("health_unavailable_after", "") or _NOT_KNOWN)
            yield Fill(where, written, None, "not available", why)
            continue
        yield _compared(where, written, sum(count for count in counts if count is not None), steps, shared=shared)


def _compared(where: str, written: int, counted: float, steps: list[StepView], *, shared: bool) -> Fill:
    """Compare what was written with what was counted; a difference that has another reason is no disagreement."""
    basis = str(steps[0].facts.get("host_written_basis_after", ""))
    # A counter in large steps is off by up to one of them at each end.
    step_size = float(steps[0].facts.get("host_written_step_after") or 1)
    if abs(counted - written) <= _AGREES_WITHIN * written + 2 * step_size * len(steps):
        return Fill(where, written, counted, "agrees", basis)
    if _UNSURE in basis:
        return Fill(where, written, counted, "not available", basis)
    if shared and counted > written:
        why = f"{basis}; the disk below the file also counts what others write"
        return Fill(where, written, counted, "not available", why)
    return Fill(where, written, counted, "disagrees", basis)


def _counted(facts: Mapping[str, Any]) -> float | None:
    before, after = facts.get("host_written_before"), facts.get("host_written_after")
    return None if before is None or after is None else float(after) - float(before)


def _difference(start: Mapping[str, Any], end: Mapping[str, Any], name: str) -> Known:
    if name not in start or name not in end:
        if name in start:
            return Known(None, str(end.get("health_unavailable") or (_NOT_KNOWN if end else _NOT_ENDED)))
        return Known(None, _ANEW if name in end and not start else str(end.get("health_unavailable") or _NOT_KNOWN))
    counted = float(end[name]) - float(start[name])
    return Known(counted) if counted >= 0 else Known(None, _WENT_BACK)


def _amplification(start: Mapping[str, Any], end: Mapping[str, Any]) -> Known:
    host, media = _difference(start, end, "host_written"), _difference(start, end, "media_written")
    if host.value is None or media.value is None:
        return Known(None, media.reason or host.reason)
    return Known(media.value / host.value) if host.value else Known(None, "nothing was written")


def _temperatures(telemetry: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    values = telemetry.get("disk_temperature")
    if values is None:
        return ()
    times = telemetry["time_s"]
    known = np.isfinite(values)
    return tuple(zip(times[known].tolist(), values[known].tolist(), strict=True))


def _highest(series: tuple[tuple[float, float], ...], start: Mapping[str, Any], end: Mapping[str, Any]) -> Known:
    seen = [value for _, value in series]
    seen += [float(facts["temperature"]) for facts in (start, end) if facts.get("temperature") is not None]
    return Known(max(seen)) if seen else Known(None, str(end.get("health_unavailable") or _NOT_KNOWN))


def _energy(run: Run, start: Mapping[str, Any], end: Mapping[str, Any]) -> tuple[float | None, float, str]:
    """Give joules, the seconds in which they were used, and their source or the reason for none.

    Only what the device itself used counts: the energy of the processor says nothing of a drive.
    """
    seconds = sum(float(m.runtime_s) for m in _measurements(run))
    if end.get("energy"):
        if not start:
            return None, 0.0, _ANEW
        # A model that has used nothing yet does not tell its energy.
        return float(end["energy"]) - float(start.get("energy") or 0.0), seconds, "the device's model"
    watts, times = run.telemetry.get("disk_power"), run.telemetry.get("time_s")
    if watts is not None and times is not None:
        known = np.isfinite(watts) & _under_load(run, times)
        if known.sum() > 1:
            return float(np.mean(watts[known])) * seconds, seconds, "the drive's sensor"
    return None, 0.0, "no sensor of the device's power was found"


def _under_load(run: Run, times: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mark the samples that were taken during loads: neither pauses nor an interruption count.

    All of them where the steps have no times.
    """
    begun = datetime.fromisoformat(run.header.created).timestamp()
    spans = [(s.started - begun, s.ended - begun) for s in run.steps if s.totals is not None and s.ended > s.started]
    if not spans:
        return np.ones(len(times), np.bool_)
    marked = np.zeros(len(times), np.bool_)
    for first, last in spans:
        marked |= (times > first) & (times <= last)
    return marked
