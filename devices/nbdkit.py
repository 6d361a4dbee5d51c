"""An NBD server of our own: nbdkit on a private Unix socket, for as long as a device is open."""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from ..common.units import Count, Duration, Size, format_duration
from .base import Facts

_READY_S = 15.0
_BURST_S = 0.05
_MICROSECOND_DELAYS = (1, 40)
"""The nbdkit whose delay filter takes microseconds; before, whole milliseconds only."""


class ServerParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every server of our own can be given."""

    rate: Size | None = None
    """Bytes per second that the link lets through."""
    delay: Duration | None = None
    """Added to each read and each write."""
    threads: Count = 16
    """Requests that the server works on at the same time, per connection."""


class NbdkitProbe(msgspec.Struct, frozen=True):
    """The nbdkit that is here."""

    path: str
    version: tuple[int, int]
    text: str


@cache
def probe_nbdkit() -> NbdkitProbe:
    """Look at nbdkit. Raises `MeasurementError` where it is absent or does not answer."""
    path = shutil.which("nbdkit")
    if path is None:
        raise MeasurementError(
            "nbdkit is not installed; it serves nbd:memory and nbd:file",
            hint=f"Install it: {install_command('nbdkit')}. Nothing was touched.",
        )
    try:
        said = processes.output_of([path, "--version"]).strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise MeasurementError(f"{path} --version does not answer: {error}") from None
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None:
        raise MeasurementError(f"{path} tells no version: {said!r}")
    return NbdkitProbe(path, (int(found[1]), int(found[2])), said)


def filters_of(parameters: ServerParameters) -> tuple[list[str], list[str]]:
    """Give the filters and their settings. Raises `InputError` for a delay that this nbdkit cannot make."""
    filters, settings = [], []
    if parameters.delay is not None:
        # Nearest to the client: a slow link delays what the limited one behind it lets through.
        filters.append("--filter=delay")
        text = delay_text(parameters.delay, probe_nbdkit())
        settings += [f"rdelay={text}", f"wdelay={text}"]
    if parameters.rate is not None:
        filters.append("--filter=rate")
        # The filter counts bits, and would let two seconds' worth through at once before it begins.
        settings += [f"rate={parameters.rate * 8}", f"burstiness={_BURST_S}"]
    return filters, settings


def delay_text(seconds: float, server: NbdkitProbe) -> str:
    """Give a delay as nbdkit wants it. Raises `InputError` for one that it cannot make."""
    microseconds = round(seconds * 1e6)
    if microseconds and microseconds % 1000 == 0:
        return f"{microseconds // 1000}ms"
    if server.version >= _MICROSECOND_DELAYS and microseconds:
        return f"{microseconds}us"
    raise InputError(
        f"{server.text} delays by whole milliseconds only, not by {format_duration(seconds)}",
        hint=f"Use delay={max(1, math.ceil(seconds * 1000))}ms, or nbdkit 1.40 or newer.",
    )


def server_facts(parameters: ServerParameters) -> Facts:
    """Say which server it is and how it is set."""
    return {
        "server": probe_nbdkit().text,
        "server_threads": parameters.threads,
        "server_rate": parameters.rate,
        "server_delay_s": parameters.delay,
    }


@contextmanager
def nbdkit(plugin: Sequence[str], parameters: ServerParameters, *, read_only: bool) -> Iterator[str]:
    """Serve a plug-in (`["memory", "1073741824"]`) and give the NBD URI of the server.

    The server ends with the block, and with this process. Raises `MeasurementError` where it does not start, and when
    the block ends well although the server has died meanwhile.
    """
    with processes.guarded_socket_folder("nbd") as folder:
        socket, words = folder / "socket", folder / "stderr"
        # The thread that is here outlives the block, so the server may end with it.
        listening = ["--exit-with-parent", "--unix", str(socket)]
        process = launch(plugin, parameters, listening, folder / "pid", words, read_only=read_only)
        try:
            yield f"nbd+unix:///?socket={socket}"
            if process.poll() is not None:
                raise MeasurementError(
                    f"the NBD server ended during the run ({how_it_ended(process.returncode)}){said(words)}",
                    hint="What was measured after that moment is missing.",
                )
        finally:
            processes.signal_group(process, signal.SIGTERM)
            # A client that is still connected keeps nbdkit alive, answering errors: it is not waited for.
            processes.end(process, patience=1.0)


def launch(
    plugin: Sequence[str], parameters: ServerParameters, listening: Sequence[str], ready: Path, words: Path,
    *, read_only: bool, before: Sequence[str] = (),
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start an nbdkit in the foreground and give it when it can be connected to.

    `listening` are the options that say where; `ready` is a file that it makes then, `words` gets its errors. `before`
    is what the command begins with, such as entering a namespace. Raises `MeasurementError` where it does not start.
    """
    filters, settings = filters_of(parameters)
    command = [*before, probe_nbdkit().path, "--foreground", "--newstyle", *listening]
    command += ["--pidfile", str(ready), "--threads", str(parameters.threads)]
    command += [*(["--readonly"] if read_only else []), *filters, *plugin, *settings]
    with words.open("wb") as stderr:
        process = processes.start(command, stderr=stderr)
    try:
        if not processes.wait_until(ready, process, timeout=_READY_S):
            raise MeasurementError(f"nbdkit did not start{said(words)}", hint=f"The command: {' '.join(command)}")
    except BaseException:
        processes.end(process)
        raise
    return process


def how_it_ended(status: int) -> str:
    """Say an exit status in words."""
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"


def said(words: Path) -> str:
    """Give the last lines of what a server said, each on a line of its own."""
    lines = words.read_text(errors="replace").splitlines() if words.exists() else []
    return "".join(f"\n  {line}" for line in lines[-6:])
