"""An ordinary fio job file as a workload.

Sections run together until one with `stonewall`, as in fio; each such phase is one measured step, its sections are
clients of the same measurement. The file says what is done, `-d` says to what: an option that names a target, touches a
file or starts a program is refused, and so is every option that storbench does not know. What only concerns fio's own
reporting is left out, with a note. `fio_options.toml` says which option is which.

    [global]
    ioengine=libaio        ; left out: the device says how it is reached
    rw=randrw
    rwmixread=70
    bs=4k
    runtime=30
    time_based
    [shallow]
    iodepth=1
    [deep]
    stonewall
    iodepth=32

Sizes and times are fio's (`fio_units`), so `4k` is 4096. Random jobs without `norandommap` visit each block once a
pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import msgspec

from ..common.errors import InputError
from ..devices.base import DeviceInfo
from .base import API_VERSION, Parameters
from .fio_job import Draft, jobs_of_section, kib_notes
from .fio_options import check_option, option_table
from .fio_reported import job_of_options
from .fio_sections import Section, parse_sections
from .job import Job
from .phases import Prefill, Value, checked_plan, prefill_steps, step_seed, varying
from .steps import Measure, Note, Plan, Step, jobs_of

__all__ = ["FioFile", "FioFileParameters", "job_of_options", "parse_fio_file"]

_AXES = ("pattern", "block_size", "read_fraction", "queue_depth", "jobs", "rate_iops", "fsync_every", "distribution")
_LABEL_NAMES = 3


class FioFileParameters(Parameters, frozen=True):
    """What the file itself cannot say."""

    prefill: Prefill = "auto"
    """Write what will be read once before: `auto` where the target is blank."""


class FioFile:
    """A workload read from a fio job file; `text` is all of it."""

    api_version = API_VERSION
    parameters: type[Any] = FioFileParameters

    def __init__(self, name: str, text: str, phases: Sequence[Sequence[Section]]) -> None:
        self.name = name
        self.text = text
        self.phases = phases
        count = sum(len(phase) for phase in phases)
        self.summary = f"fio job file: {_plural(count, 'section')} in {_plural(len(phases), 'phase')}"

    def plan(self, device: DeviceInfo, parameters: FioFileParameters) -> Plan:
        """Measure each phase; a blank target is filled first if anything is read. Raises `InputError`."""
        measures = self._measures(device.size)
        jobs = [job for step in measures for job in jobs_of(step)]
        notes: list[Step] = [Note(text) for text in self.notes()]
        return checked_plan(device, [*notes, *prefill_steps(device, jobs, parameters.prefill, 1), *measures])

    def _measures(self, device_size: int | None) -> list[Measure]:
        phases = [
            [_translated(section, device_size, index, place) for place, section in enumerate(phase)]
            for index, phase in enumerate(self.phases)
        ]
        names = [_phase_name(phase) for phase in self.phases]
        labels: list[dict[str, Value]] = [{} for _ in phases]
        if len(phases) > 1:
            labels = varying([{name: getattr(phase[0][0], name) for name in _AXES} for phase in phases])
        several = len(set(names)) > 1
        measures = []
        for name, label, phase in zip(names, labels, phases, strict=True):
            first, *beside = (job for jobs in phase for job in jobs)
            section: dict[str, Value] = {"section": name} if several else {}
            measures.append(Measure(name, first, tuple(beside), section | label))
        return measures

    def notes(self) -> list[str]:
        """Say in sentences which options were left out and why, and where fio's units surprise."""
        reasons: dict[str, list[str]] = {}
        surprising: list[str] = []
        for section in (section for phase in self.phases for section in phase):
            for name, value in section.options.items():
                reason = option_table().ignored.get(name)
                shown = f"{name}={value}" if value else name
                if reason and shown not in reasons.setdefault(reason, []):
                    reasons[reason].append(shown)
            surprising += [text for text in kib_notes(section.options) if text not in surprising]
        notes = [f"left out: {', '.join(names)} ({reason})" for reason, names in reasons.items()]
        if surprising:
            notes.append(f"fio takes a KiB for 1000 bytes here, and so does this run: {', '.join(surprising)}")
        return notes


def parse_fio_file(name: str, text: str, where: str = "") -> FioFile:
    """Read a fio job file. Raises `InputError` that names the file, the line and the option; nothing is opened.

    `where` is what messages call the file.
    """
    where = where or name
    try:
        sections = parse_sections(text, check_option)
    except InputError as error:
        raise InputError(f"{where}: {error.problem}", hint=error.hint) from None
    phases: list[list[Section]] = []
    for section in sections:
        _check(section, where)
        if not phases or Draft(section.options, None).flag("stonewall"):
            phases.append([])
        phases[-1].append(section)
    return FioFile(workload_name(name), text, phases)


def workload_name(text: str) -> str:
    """Give a name fit for a command line and a file from a path or a name: `a/b c.fio` is `b-c`."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", PurePath(text).stem).strip("-.")[:64]
    return name or "workload"


def _check(section: Section, where: str) -> None:
    try:
        Draft(section.options, None).flag("stonewall")
        for text in kib_notes({n: v for n, v in section.options.items() if n in ("bs", "bssplit", "kb_base")}):
            raise InputError(f"fio takes {text} for 1000 bytes a KiB", hint="Write 4k for 4096, or add kb_base=1000.")
        jobs = jobs_of_section(section.options, None)
        # Bounds stand at the job's fields and are only checked on conversion.
        for job in jobs:
            msgspec.convert(msgspec.to_builtins(job), Job)
    except InputError as error:
        raise InputError(f"{where}: [{section.name}]: {error.problem}", hint=error.hint) from None
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: [{section.name}]: {error}") from None


def _translated(section: Section, device_size: int | None, phase: int, place: int) -> tuple[Job, ...]:
    try:
        jobs = jobs_of_section(section.options, device_size)
    except InputError as error:
        raise InputError(f"[{section.name}]: {error.problem}", hint=error.hint) from None
    seed = jobs[0].seed if "randseed" in section.options else step_seed(1, phase, place)
    if len(jobs) == 1:
        return (msgspec.structs.replace(jobs[0], seed=seed),)
    return tuple(msgspec.structs.replace(job, seed=step_seed(seed, number)) for number, job in enumerate(jobs))


def _phase_name(phase: Sequence[Section]) -> str:
    names = [section.name for section in phase]
    more = len(names) - _LABEL_NAMES
    return " + ".join(names if more <= 1 else [*names[:_LABEL_NAMES], f"{more} more"])


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
