"""What makes measurements noisy and can be changed: shown, and set for as long as something is measured.

Each source is one kind of file in /sys. Whoever sets it registers first with the guardian what to write back, so that
the old values return when the block ends, and also when storbench is killed in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from ..common.errors import InputError, nearest
from ..common.processes import guarded_word
from ..common.system_files import read_text
from ..devices.block_sysfs import whole_disk

_CPU = "sys/devices/system/cpu"


class Source(msgspec.Struct, frozen=True):
    """One source of noise, as it is on this machine."""

    name: str
    why: str
    files: tuple[Path, ...]
    """The files in /sys; empty where this machine does not show it."""
    now: str
    """What they say; several different values have commas between."""
    quiet: str
    """What is written to make it quiet; empty where it cannot be."""
    changes_the_load: bool = False
    """Whether what is measured is another thing with it, so that it is set only by name."""

    @property
    def is_quiet(self) -> bool:
        """Whether it is as quiet as it can be made."""
        return self.now == self.quiet


NAMES = ("governor", "turbo", "scheduler", "readahead")


def sources_of(disk: str | None = None, root: Path = Path("/")) -> list[Source]:
    """Give the sources, those of `disk` (its name in /sys/block) among them where one is given."""
    return [_governor(root), _turbo(root), _scheduler(disk, root), _readahead(disk, root)]


@contextmanager
def tuned(names: Sequence[str], disk: str | None = None, root: Path = Path("/")) -> Iterator[list[Source]]:
    """Make sources quiet inside the block; give them as they were.

    Raises `InputError` for an unknown name, one that this machine does not have, and one that must not be written,
    before anything is changed.
    """
    known = {source.name: source for source in sources_of(disk, root)}
    wanted = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise InputError(f"there is no source of noise '{name}'", hint=nearest(name, known))
        source = known[name]
        if not source.files or not source.quiet:
            raise InputError(f"{name} cannot be set here: this machine does not have it", hint=_elsewhere(name, disk))
        if not source.is_quiet:
            wanted.append(source)
    for file in (file for source in wanted for file in source.files):
        if not _writable(file):
            raise InputError(f"{file} must not be written", hint="Setting this takes root.")
    with ExitStack() as stack:
        for source in wanted:
            for file in source.files:
                stack.enter_context(_set(file, source.quiet))
        yield list(known.values())


@contextmanager
def _set(file: Path, value: str) -> Iterator[None]:
    with guarded_word(file):
        try:
            with file.open("r+") as opened:
                opened.write(value)
        except OSError as error:
            raise InputError(f"{file} does not take '{value}': {error.strerror}") from None
        yield


def _current(file: Path) -> str:
    """Give the value that a file has, of a switch such as `[none] mq-deadline` the chosen one."""
    text = read_text(file) or ""
    match = re.search(r"\[([^\]]+)\]", text)
    return match[1] if match else text


def _writable(file: Path) -> bool:
    try:
        with file.open("r+"):
            return True
    except OSError:
        return False


def _governor(root: Path) -> Source:
    files = tuple(sorted((root / _CPU).glob("cpufreq/policy*/scaling_governor")))
    offered = [read_text(file.with_name("scaling_available_governors")) or "" for file in files]
    quiet = "performance" if files and all("performance" in one.split() for one in offered) else ""
    why = "the processor's clock follows the load, with a delay"
    return Source("governor", why, files, _joined(files), quiet)


def _turbo(root: Path) -> Source:
    why = "the clock depends on temperature and on what the other cores do"
    for name, quiet in (("intel_pstate/no_turbo", "1"), ("cpufreq/boost", "0")):
        file = root / _CPU / name
        if read_text(file) is not None:
            return Source("turbo", why, (file,), _joined([file]), quiet)
    return Source("turbo", why, (), "", "")


def _scheduler(disk: str | None, root: Path) -> Source:
    file = _queue(disk, root) / "scheduler"
    files = (file,) if disk and read_text(file) else ()
    quiet = "none" if files and "none" in re.split(r"[\s\[\]]+", read_text(file) or "") else ""
    return Source("scheduler", "it reorders and delays I/Os", files, _joined(files), quiet, changes_the_load=True)


def _readahead(disk: str | None, root: Path) -> Source:
    file = _queue(disk, root) / "read_ahead_kb"
    files = (file,) if disk and read_text(file) else ()
    why = "reads through the page cache bring more than they ask for"
    return Source("readahead", why, files, _joined(files), "0" if files else "", changes_the_load=True)


def _queue(disk: str | None, root: Path) -> Path:
    """Give the folder with a disk's queue; a partition has that of its disk."""
    return whole_disk((root / "sys/class/block" / (disk or "none")).resolve()) / "queue"


def _joined(files: Sequence[Path]) -> str:
    return ", ".join(sorted({_current(file) for file in files}))


def _elsewhere(name: str, disk: str | None) -> str:
    if name in ("scheduler", "readahead") and disk is None:
        return "It belongs to a disk: name the device that is on one with -d."
    return "Virtual machines and containers often do not show it: set it on the host."
