"""A TOML file as a workload: phases of jobs; a list in a job's field sweeps.

    name = "mixed"
    summary = "random reads, then a mix"
    source = "illustrative"            # where the numbers come from
    prefill = "auto"                   # auto, always, never: write what will be read, once, before

    [defaults]                         # job fields for all phases; each is a parameter: --set duration=30s
    block_size = "8KiB"
    duration = "5s"
    queue_depth = [1, 16]              # a list sweeps

    [[phase]]
    label = "reads"                    # optional
    read_fraction = 1.0

    [[phase]]
    kind = "idle"                      # measure (the default), precondition, idle, note
    duration = "1s"

    [[phase]]
    read_fraction = [0.7, 0.3]         # with queue_depth above: four steps
    repeat = 2                         # and all of them twice
    [[phase.beside]]                   # a job that runs at the same time; it takes the defaults' first values
    pattern = "sequential"
    read_fraction = 0.0

The fields are those of `Job`, with units as people type them. What a phase sets itself, `--set` does not change. Of
several sweeping fields, the one that is written last varies fastest, the defaults before the phase's own. A field of
the defaults that a phase must not have is unset with "none", such as the duration of a precondition that is one pass.
The file is data: `fio_options` takes only the options that an ordinary fio job file may pass on.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec

from ..common.errors import InputError, nearest
from ..common.parameters import parse_parameters
from ..devices.base import DeviceInfo
from .base import API_VERSION, Parameters
from .fio_options import check_all_passed
from .job import Job, SizeShare, default_label
from .phases import (
    MAX_STEPS,
    Prefill,
    Value,
    checked_plan,
    measured,
    prefill_steps,
    seeded,
    sweep,
    varying,
)
from .steps import Idle, Measure, Note, Plan, Precondition, Step, jobs_of

Kind = Literal["measure", "precondition", "idle", "note"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TOP = ("name", "summary", "source", "prefill", "defaults", "phase")
_JOB = get_type_hints(Job, include_extras=True)
_WHOLE = ("block_size_mix", "fio_options")
"""Fields that are lists or tables by themselves, and so do not sweep and are no parameters."""
_OWN = {
    "measure": ("kind", "label", "repeat", "beside", *_JOB),
    "precondition": ("kind", "label", "repeat", *_JOB),
    "idle": ("kind", "label", "duration"),
    "note": ("kind", "label"),
}

Fields = dict[str, Any]
"""Job fields by name: a tuple of values, or a whole for the fields of `_WHOLE`."""


class Phase(msgspec.Struct, frozen=True):
    """One `[[phase]]`, its values parsed."""

    where: str
    kind: Kind
    label: str
    repeat: int
    fields: Fields
    beside: tuple[Fields, ...] = ()


class TomlWorkload:
    """A workload read from TOML; `text` is all of it."""

    api_version = API_VERSION

    def __init__(
        self, name: str, summary: str, text: str, defaults: Fields, prefill: Prefill, phases: list[Phase]
    ) -> None:
        self.name = name
        self.summary = summary
        self.text = text
        self._defaults = defaults
        self._phases = phases
        self.parameters: type[Any] = _parameters_of(defaults, prefill)

    def plan(self, device: DeviceInfo, parameters: Any) -> Plan:
        """Yield the phases' steps; a blank target is filled first, unless the file has a precondition of its own."""
        steps = self.steps(parameters)
        measures = [step for step in steps if isinstance(step, Measure)]
        jobs = [job for step in measures for job in jobs_of(step)]
        own = any(isinstance(step, Precondition) for step in steps)
        before = [] if own and parameters.prefill == "auto" else prefill_steps(device, jobs, parameters.prefill, 1)
        return checked_plan(device, [*before, *steps])

    def steps(self, parameters: Any) -> list[Step]:
        """Give the steps of the file for some parameters. Raises `InputError` with the phase's path."""
        values = {name: getattr(parameters, name) for name in parameters.__struct_fields__ if name != "prefill"}
        shared = {**self._defaults, **values}
        planned = [(phase, point) for phase in self._phases for point in _points(phase, shared)]
        if len(planned) > MAX_STEPS:
            raise InputError(f"the file has {len(planned):,} steps, more than {MAX_STEPS:,}", hint="Split it.")
        labels = iter(varying([_named(phase, point) for phase, point in planned if phase.kind == "measure"]))
        return [
            _step(phase, point, shared, next(labels) if phase.kind == "measure" else {}, index)
            for index, (phase, point) in enumerate(planned)
        ]


def parse_toml_workload(text: str, where: str, name: str = "workload") -> TomlWorkload:
    """Read a TOML workload; `where` is what messages call the file, `name` counts where the file gives none.

    Raises `InputError` with the path of the key that is wrong and the nearest known one.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{where} is not TOML: {error}") from None
    try:
        workload = _read(document, text, name)
        # What contradicts itself shows now, not at the first run.
        workload.steps(workload.parameters())
    except InputError as error:
        raise InputError(f"{where}: {error.problem}", hint=error.hint) from None
    return workload


def _read(document: Mapping[str, Any], text: str, fallback: str) -> TomlWorkload:
    _refuse_unknown(document, _TOP, "")
    name = _string(document, "name", "", fallback)
    if not _NAME.fullmatch(name):
        raise InputError(f"name '{name}' is not a name", hint="Use letters, digits, '.', '_' and '-', up to 64.")
    prefill = document.get("prefill", "auto")
    if prefill not in get_args(Prefill):
        raise InputError(f"prefill '{prefill}' is not known", hint=nearest(str(prefill), get_args(Prefill)))
    defaults = _table(document.get("defaults", {}), "defaults")
    _refuse_unknown(defaults, _JOB, "defaults.")
    phases = document.get("phase", [])
    if not isinstance(phases, list) or not phases:
        raise InputError("there is no [[phase]]")
    read = [_read_phase(_table(phase, f"phase[{i}]"), f"phase[{i}]") for i, phase in enumerate(phases)]
    summary = _string(document, "summary", "", f"TOML workload of {len(read)} phases")
    _string(document, "source", "", "")
    return TomlWorkload(name, summary, text, read_fields(defaults, "defaults"), prefill, read)


def _read_phase(table: Mapping[str, Any], where: str) -> Phase:
    kind = table.get("kind", "measure")
    if kind not in _OWN:
        raise InputError(f"{where}.kind: '{kind}' is not known", hint=nearest(str(kind), _OWN))
    _refuse_unknown(table, _OWN[kind], f"{where}.")
    label = _string(table, "label", f"{where}.", "")
    repeat = table.get("repeat", 1)
    if not isinstance(repeat, int) or isinstance(repeat, bool) or not 1 <= repeat <= MAX_STEPS:
        raise InputError(f"{where}.repeat: {repeat!r} is not a count from 1 to {MAX_STEPS:,}")
    if kind == "note" and not label:
        raise InputError(f"{where}: a note needs a label")
    beside = table.get("beside", [])
    if not isinstance(beside, list):
        raise InputError(f"{where}.beside is not a list of tables", hint="Write [[phase.beside]].")
    fields = read_fields({name: value for name, value in table.items() if name in _JOB}, where)
    if kind == "idle" and (len(fields.get("duration", ())) != 1 or fields["duration"][0] is None):
        raise InputError(f"{where}: an idle phase needs one duration")
    return Phase(where, kind, label, repeat, fields, tuple(_read_beside(b, where, i) for i, b in enumerate(beside)))


def _read_beside(table: Any, where: str, index: int) -> Fields:
    place = f"{where}.beside[{index}]"
    _refuse_unknown(_table(table, place), _JOB, f"{place}.")
    fields = read_fields(table, place)
    for name, value in fields.items():
        if name not in _WHOLE and len(value) > 1:
            raise InputError(f"{place}.{name} is a list", hint="Only the phase's own fields sweep.")
    return fields


def read_fields(table: Mapping[str, Any], where: str) -> Fields:
    """Parse job fields with units; each becomes a tuple of values, a single value a tuple of one."""
    plain = {name: value for name, value in table.items() if name not in _WHOLE}
    kind = msgspec.defstruct("Fields", [(name, _listed(name)) for name in plain])
    parsed = parse_parameters(kind, plain, where)
    fields: Fields = {name: getattr(parsed, name) for name in plain}
    if "block_size_mix" in table:
        shares = table["block_size_mix"]
        place = f"{where}.block_size_mix"
        if not isinstance(shares, list):
            raise InputError(f"{place} is not a list", hint='Write [{size = "4KiB", percent = 100}].')
        fields["block_size_mix"] = tuple(
            parse_parameters(SizeShare, _table(share, f"{place}[{i}]"), f"{place}[{i}]")
            for i, share in enumerate(shares)
        )
    if "fio_options" in table:
        options = {name: str(value) for name, value in _table(table["fio_options"], f"{where}.fio_options").items()}
        check_all_passed(options)
        fields["fio_options"] = options
    return fields


def _listed(name: str) -> Any:
    hint: Any = _JOB[name]
    return Annotated[tuple[hint, ...], msgspec.Meta(min_length=1)]


def _parameters_of(defaults: Fields, prefill: Prefill) -> type[Any]:
    fields = [(name, _listed(name), value) for name, value in defaults.items() if name not in _WHOLE]
    return msgspec.defstruct(
        "TomlParameters", [*fields, ("prefill", Prefill, prefill)], bases=(Parameters,), frozen=True
    )


def _points(phase: Phase, shared: Fields) -> Iterable[Fields]:
    """Give the job fields of each step of a phase."""
    if phase.kind in ("idle", "note"):
        return [{name: value[0] for name, value in phase.fields.items()}]
    merged = {**shared, **phase.fields}
    whole = {name: value for name, value in merged.items() if name in _WHOLE}
    axes: dict[str, Sequence[object]] = {name: value for name, value in merged.items() if name not in _WHOLE}
    if phase.repeat > 1:
        axes = {"repeat": range(1, phase.repeat + 1), **axes}
    return [{**whole, **point} for point in sweep(axes)]


def _named(phase: Phase, point: Fields) -> Fields:
    """Give what may tell a measured step from the others: its phase's label and its fields."""
    named = {name: value for name, value in point.items() if name not in (*_WHOLE, "seed")}
    return {"phase": phase.label, **named} if phase.label else named


def _step(phase: Phase, point: Fields, shared: Fields, labels: dict[str, Value], index: int) -> Step:
    match phase.kind:
        case "note":
            return Note(phase.label)
        case "idle":
            return Idle(phase.label or "idle", point["duration"])
    job = _job({name: value for name, value in point.items() if name != "repeat"}, phase.where)
    label = f"{phase.label}: {default_label(job)}" if phase.label else default_label(job)
    if phase.kind == "precondition":
        return seeded(Precondition(phase.label or label, job), job.seed, index)
    first = {name: value if name in _WHOLE else value[0] for name, value in shared.items()}
    beside = tuple(
        _job(first | {name: v if name in _WHOLE else v[0] for name, v in fields.items()}, f"{phase.where}.beside[{i}]")
        for i, fields in enumerate(phase.beside)
    )
    step = measured(job, {name: value for name, value in labels.items() if name != "phase"}, beside, label)
    return seeded(msgspec.structs.replace(step, labels=labels), job.seed, index)


def _job(fields: Fields, where: str) -> Job:
    try:
        return Job(**fields)
    except InputError as error:
        raise InputError(f"{where}: {error.problem}", hint=error.hint) from None


def _refuse_unknown(table: Mapping[str, Any], known: Iterable[str], path: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            raise InputError(f"unknown key '{path}{key}'", hint=nearest(key, names))


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is not a table")
    return value


def _string(table: Mapping[str, Any], key: str, path: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise InputError(f"{path}{key} is not a text")
    return value
