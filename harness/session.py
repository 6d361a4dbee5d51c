"""A session: one command's worth of runs, all resolved and checked before the first of them touches anything."""

from __future__ import annotations

import fcntl
import os
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..common.errors import InputError, MeasurementError
from ..common.files import writable_folder
from ..common.parameters import parse_parameters
from ..devices.base import Device, DeviceInfo, Facts, Opening, Surviving
from ..devices.registry import device_kinds, resolve_device
from ..results.record import Campaign
from ..results.run_file import open_run
from ..workloads.base import Specified, Workload
from ..workloads.dry_run import DryRun, dry_run
from ..workloads.registry import Source, find_workload, source_of, workload_from_source, workloads
from .emulation import measure_floor
from .engines.base import Progress
from .engines.choice import engine_for, ioengines_for
from .environment import environment_facts, host_facts
from .journal import (
    JOURNAL_NAME,
    JOURNAL_VERSION,
    Journal,
    JournalContents,
    Sample,
    Start,
    StepEnds,
    Stop,
    read_journal,
)
from .naming import RUN_SUFFIX, output_names
from .runner import Ending, Observer, Setting, health_of, run_plan
from .seal import seal
from .signals import terminate_as_interrupt, uninterrupted
from .telemetry import Telemetry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey


class Options(msgspec.Struct, frozen=True):
    """How to run, apart from what."""

    output: Path | None = None
    repeat: int = 1
    destroy: frozenset[str] = frozenset()
    io_log: bool = False
    grace_s: float = 30.0
    limits: str = ""
    """The text of a limits file that the run is judged by when it is sealed."""
    certify: bool = False
    """Whether a certificate is written beside the run file."""


class PlannedRun(msgspec.Struct, frozen=True):
    """One run, resolved and checked; nothing has been touched yet."""

    workload: Workload
    parameters: Any
    url: str
    device: Device
    info: DeviceInfo
    rehearsal: DryRun
    output: Path
    campaign: Campaign
    options: Options

    @property
    def folder(self) -> Path:
        """Where its journal is while it runs."""
        return self.output.with_suffix(RUN_SUFFIX)


class Finished(msgspec.Struct, frozen=True):
    """How one run ended and where its file is."""

    path: Path
    device: str
    status: str
    reason: str = ""
    certify: bool = False
    verdict: str = "NOT_EVALUATED"


class QuietObserver:
    """An observer that looks away."""

    def step_begins(self, index: int, step: object) -> None:
        """Look away."""

    def progress(self, progress: Progress) -> None:
        """Look away."""

    def step_ends(self, index: int, step: object, outcome: object) -> None:
        """Look away."""

    def note(self, text: str) -> None:
        """Look away."""


ObserverFactory = Callable[[PlannedRun], Observer]


def prepare(
    workload: str | Workload, devices: Sequence[str], given: Mapping[str, object], options: Options
) -> list[PlannedRun]:
    """Resolve and check everything, in the order in which it will run. Raises `InputError`; touches nothing.

    With repeats, each repeat goes through the devices in a random order of its own.
    """
    found = find_workload(workload) if isinstance(workload, str) else workload
    parameters = parse_parameters(found.parameters, given, f"workload '{found.name}'")
    if not devices:
        raise InputError("no device given", hint="Name one with -d, such as -d 'file:t.bin?size=256MiB'.")
    if len(set(devices)) < len(devices):
        raise InputError("the same device is given twice", hint="Use --repeat to measure it several times.")
    resolved = []
    for url in devices:
        device = resolve_device(url)
        info = device.info()
        resolved.append((url, device, info, dry_run(found, info, parameters)))
    campaign = uuid.uuid4().hex[:12]
    shuffle = random.Random(campaign)  # noqa: S311 - an order of execution, not a secret
    planned: list[PlannedRun] = []
    names = output_names(found.name, [url for url, *_ in resolved], options.output, options.repeat)
    for repeat in range(options.repeat):
        order = list(range(len(resolved)))
        if options.repeat > 1:
            shuffle.shuffle(order)
        for position in order:
            url, device, info, rehearsal = resolved[position]
            place = Campaign(campaign, repeat + 1, options.repeat, len(planned) + 1)
            planned.append(
                PlannedRun(found, parameters, url, device, info, rehearsal, names[repeat][position], place, options)
            )
    for run in planned:
        _check(run)
    for folder in dict.fromkeys(run.output.parent for run in planned):
        writable_folder(folder)  # last: it makes a folder that is missing
    return planned


def execute(
    planned: Sequence[PlannedRun],
    observer_of: ObserverFactory = lambda run: QuietObserver(),
    key: PrivateKey | None = None,
) -> list[Finished]:
    """Execute runs one after the other; an aborted one ends the session, one that failed does not.

    With a `key` the files are signed.
    """
    finished: list[Finished] = []
    with terminate_as_interrupt():
        for run in planned:
            finished.append(_execute(run, observer_of(run), key))
            if finished[-1].status == "ABORTED":
                break
    return finished


def run(
    workload: str,
    devices: Sequence[str],
    given: Mapping[str, object],
    *,
    output: str | os.PathLike[str] | None = None,
    repeat: int = 1,
    destroy: Sequence[str] = (),
    io_log: bool = False,
) -> list[Path]:
    """Prepare and execute: the Python face of `storbench run`. Raises `MeasurementError` where a run failed."""
    options = Options(Path(output) if output else None, repeat, frozenset(destroy), io_log)
    finished = execute(prepare(workload, devices, given, options))
    for one in finished:
        if one.status != "COMPLETED":
            raise MeasurementError(
                f"the run on {one.path.name} ended {one.status}: {one.reason}",
                hint=f"What is complete is in {one.path}.",
            )
    return [one.path for one in finished]


def resume(
    folder: Path, observer_of: ObserverFactory = lambda run: QuietObserver(), key: PrivateKey | None = None
) -> Finished:
    """Go on with an interrupted run at its first missing step, and seal it, signed with the `key` if there is one.

    Raises `InputError` for a run that is still under way, has ended, or cannot be built again.
    """
    contents = read_journal(folder)
    planned = _planned_again(contents, folder)
    with _exclusive(folder), terminate_as_interrupt():
        if contents.stop is not None:
            return _finished(folder, planned, Ending(contents.stop.status, contents.stop.reason), key)
        with Journal.resume(folder) as journal:
            journal.note("the run was interrupted and is resumed here")
            ending = _run_on(planned, journal, observer_of(planned), contents.start, contents.outcomes())
        return _finished(folder, planned, ending, key)


def recover(folder: Path) -> Finished:
    """Seal what an interrupted run has, as INTERRUPTED, and remove what it left on the target."""
    contents = read_journal(folder)
    with _exclusive(folder):
        url = contents.start.recipe["device"]
        device = resolve_device(url)
        if isinstance(device, Surviving):
            device.discard(contents.start.run)
        path = seal(folder)
    stop = contents.stop
    return Finished(path, url, stop.status if stop else "INTERRUPTED", stop.reason if stop else "")


def prepare_again(recipe: Mapping[str, Any], device: str | None, options: Options) -> list[PlannedRun]:
    """Prepare the run that a result file describes, on its own device or on another one."""
    workload = workload_from_source(msgspec.convert(recipe["workload"], Source))
    options = msgspec.structs.replace(options, limits=options.limits or recipe.get("limits", ""))
    return prepare(workload, [device or recipe["device"]], recipe["parameters"], options)


def _planned_again(contents: JournalContents, folder: Path) -> PlannedRun:
    start = contents.start
    workload = workload_from_source(msgspec.convert(start.recipe["workload"], Source))
    parameters = msgspec.convert(start.recipe["parameters"], workload.parameters)
    # As it was at the start: the plan depends on it, and the target may exist by now.
    info = msgspec.convert(start.recipe["device_info"], DeviceInfo)
    options = msgspec.convert(start.recipe["options"], Options)
    device = resolve_device(start.recipe["device"])
    rehearsal = dry_run(workload, info, parameters)
    output = folder.parent / start.output
    return PlannedRun(
        workload, parameters, start.recipe["device"], device, info, rehearsal, output, start.campaign, options
    )


def _opening(run: PlannedRun, run_id: str, *, resuming: bool = False) -> Opening:
    plan = run.rehearsal
    return Opening(run_id, plan.writes, run.options.destroy, ioengines_for(run.info), resuming, plan.faults)


def _check(run: PlannedRun) -> None:
    if run.output.exists():
        raise InputError(f"{run.output} exists", hint="Results are never overwritten: name another with -o.")
    if run.folder.exists():
        raise InputError(
            f"{run.folder} is left of an interrupted run",
            hint=f"Go on with `storbench resume {run.folder}`, or keep what it has: `storbench recover {run.folder}`.",
        )
    run.device.check(_opening(run, ""))


def _execute(run: PlannedRun, observer: Observer, key: PrivateKey | None) -> Finished:
    start = Start(
        JOURNAL_VERSION,
        uuid.uuid4().hex,
        time.time(),
        run.output.name,
        _recipe(run),
        {
            "argv": sys.argv,
            "host": host_facts(),
            "plugins": _plugins(),
            "environment_start": environment_facts(),
            "device_start": run.device.facts(),
        },
        engine_for(run.info).version(),
        run.campaign,
    )
    with Journal.begin(run.folder, start) as journal, _exclusive(run.folder):
        ending = _run_on(run, journal, observer, start, {})
    with uninterrupted():
        return _finished(run.folder, run, ending, key)


def _finished(folder: Path, run: PlannedRun, ending: Ending, key: PrivateKey | None) -> Finished:
    path = seal(folder, key)
    with open_run(path) as sealed:
        verdict = sealed.header.verdict
    return Finished(path, run.url, ending.status, ending.reason, run.options.certify, verdict)


def _run_on(
    run: PlannedRun, journal: Journal, observer: Observer, start: Start, past: Mapping[int, StepEnds]
) -> Ending:
    """Open the device, drive the plan, write the stop document."""
    opening = _opening(run, start.run, resuming=bool(past))
    device_end: dict[str, Any] = {}
    health: dict[str, Facts] = {}
    try:
        with run.device.open(opening) as target, _telemetry(journal, start.time, run.device.facts()):
            for text in target.notes:
                journal.note(text)
                observer.note(text)
            engine = engine_for(run.info)
            setting = Setting(
                engine, run.device, target, journal, run.folder, observer, not opening.write, run.options.io_log,
                run.options.grace_s, measure_floor(target, engine, run.folder),
            )  # fmt: skip
            # A model's past is repeated from its beginning; of anything else the start was before an interruption.
            health = {} if past and target.model is None else {"health_start": health_of(setting)}
            ending = run_plan(run.workload.plan(run.info, run.parameters), setting, past)
            device_end = dict(run.device.facts())
            health["health_end"] = health_of(setting)
    except (InputError, MeasurementError) as error:
        ending = Ending("ERROR", str(error))
    except KeyboardInterrupt:
        ending = Ending("ABORTED", "ended by the user")
    end = {"environment_end": environment_facts(), "device_end": device_end, **health}
    journal.append(Stop(time.time(), ending.status, ending.reason, end))
    return ending


def _recipe(run: PlannedRun) -> dict[str, Any]:
    return {
        "workload": msgspec.to_builtins(source_of(run.workload)),
        "parameters": msgspec.to_builtins(run.parameters),
        "device": run.url,
        "device_info": msgspec.to_builtins(run.info),
        "options": {"repeat": run.options.repeat, "io_log": run.options.io_log, "grace_s": run.options.grace_s,
                    "destroy": sorted(run.options.destroy), "certify": run.options.certify},
        **({"limits": run.options.limits} if run.options.limits else {}),
        **({"specification": msgspec.to_builtins(run.workload.specification(run.info, run.parameters))}
           if isinstance(run.workload, Specified) else {}),
    }  # fmt: skip


def _plugins() -> list[dict[str, str]]:
    listed = [(w.name, w.distribution, w.version) for w in workloads()]
    listed += [(d.name, d.distribution, d.version) for d in device_kinds()]
    return [
        {"name": name, "distribution": distribution, "version": version}
        for name, distribution, version in listed
        if distribution != "storbench"
    ]


@contextmanager
def _telemetry(journal: Journal, started: float, device: Facts) -> Iterator[None]:
    """Sample beside the run, in seconds since it `started` (Unix time), also after it was resumed."""
    disk = device.get("disk_name") or device.get("name")
    telemetry = Telemetry(time.monotonic() - (time.time() - started), disk=str(disk) if disk else None)
    telemetry.start(lambda values: journal.append(Sample(values), durable=False))
    try:
        yield
    finally:
        telemetry.stop()


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Hold the run's folder, so that a run under way cannot be resumed or recovered beside itself."""
    descriptor = os.open(folder / JOURNAL_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder} belongs to a run that is under way") from None
        yield
    finally:
        os.close(descriptor)
