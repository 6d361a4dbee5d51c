"""The one place that starts child processes.

Every child leads a session of its own, so that Ctrl-C reaches the harness only and the harness decides; and every child
is known to a guardian process that kills its whole group should the harness itself be killed, even with SIGKILL. The
child registers itself between fork and exec, so there is no moment in which it could be missed. Should the guardian be
killed as well, `storbench doctor` finds what is left by the mark in each child's environment and by the ledger.
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from . import guardian, ledger
from .ownership import VARIABLE, this_process

_SOCKET_PATH, _SOCKET_NAME = 107, 8
"""Bytes in the longest path of a socket (`sun_path` without its end), and those to keep for the socket's own name."""

_lock = threading.Lock()
_pipe: int | None = None
_guardian: subprocess.Popen[bytes] | None = None
_ledger: tuple[int, Path] | None = None


def _guardian_pipe() -> int:
    """Start the guardian at first use and give the descriptor that registers with it."""
    global _pipe, _guardian, _ledger  # noqa: PLW0603 - one guardian for the process, whoever asks first
    with _lock:
        if _pipe is None or _guardian is None or _guardian.poll() is not None:
            _ledger = _ledger or ledger.begin()
            reader, _pipe = os.pipe2(os.O_CLOEXEC)
            # -I and -S: nothing of the caller's Python settings, and a start in about 10 ms.
            _guardian = subprocess.Popen(
                [sys.executable, "-I", "-S", guardian.__file__, *([] if _ledger is None else [str(_ledger[1])])],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=_marked(None),
            )
            os.close(reader)
            atexit.register(_dismiss, _pipe, _guardian)
        return _pipe


def _dismiss(pipe: int, process: subprocess.Popen[bytes]) -> None:
    """End the guardian in peace; what is still registered is ended with it."""
    with suppress(OSError):
        os.close(pipe)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _marked(environment: Mapping[str, str] | None) -> dict[str, str]:
    """Give the environment of a child: ours, what is added, and the mark that says whose child it is."""
    return {**os.environ, **(environment or {}), VARIABLE: str(this_process())}


def _tell(verb: str, value: object) -> None:
    pipe, line = _guardian_pipe(), _line(verb, value)
    if _ledger is not None:
        # A full disk takes the ledger's use away, not the run: the guardian is told all the same.
        with suppress(OSError):
            os.write(_ledger[0], line)
    # One write of less than PIPE_BUF bytes is atomic, so lines of several processes never mix.
    os.write(pipe, line)


def _line(verb: str, value: object) -> bytes:
    return os.fsencode(f"{verb} " + str(value).replace("\n", "\0") + "\n")


def start(
    command: Sequence[str | os.PathLike[str]],
    *,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that cannot outlive this process. End it with `end`, always.

    Raises `FileNotFoundError` where the program is not there.
    """
    pipe = _guardian_pipe()

    def register() -> None:
        line = b"+group %d\n" % os.getpid()
        os.write(pipe, line)
        if _ledger is not None:
            with suppress(OSError):
                os.write(_ledger[0], line)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        cwd=cwd,
        env=_marked(environment),
        start_new_session=True,
        preexec_fn=register,  # noqa: PLW1509 - two writes, which are safe between fork and exec
    )


def end(process: subprocess.Popen[bytes], *, patience: float = 0.0) -> int:
    """Wait up to `patience` seconds, then kill the child's whole group; return its exit status."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    _tell("-group", process.pid)
    return status


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the child and all its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def output_of(command: Sequence[str], *, timeout: float = 10.0) -> str:
    """Run a short question such as `fio --version` and return what it printed.

    Raises `FileNotFoundError`, `subprocess.TimeoutExpired` or `subprocess.CalledProcessError`.
    """
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
        env=_marked(None),
    ).stdout


@contextmanager
def guarded_path(path: Path) -> Iterator[Path]:
    """Remove `path` when the block ends, and also when this process is killed inside it.

    A file, a folder with what is mounted in it, a control group or a named network namespace (`/run/netns/NAME`).
    """
    known = path.absolute()
    _tell("+path", known)
    try:
        yield path
    finally:
        # What could not be removed stays known: to the guardian, which tries again, and to the doctor.
        if guardian.remove(os.fspath(known)):
            _tell("-path", known)


@contextmanager
def guarded_word(path: Path) -> Iterator[None]:
    """Write the word that is in `path` back when the block ends, and also when this process is killed inside it.

    For a file of /sys whose content is one word, or one chosen word among several: `none [mq-deadline]`. Raises
    `OSError` where it cannot be read.
    """
    words = path.read_text().split()
    word = next((one.strip("[]") for one in words if one.startswith("[")), " ".join(words))
    if not word or " " in word:
        raise ValueError(f"{path} holds no word that could be written back")
    known = path.absolute()
    _tell("+keep", f"{word} {known}")
    try:
        yield
    finally:
        with path.open("r+") as file:
            file.write(word)
        _tell("-keep", known)


@contextmanager
def guarded_folder(prefix: str, *, inside: Path | None = None) -> Iterator[Path]:
    """Give a new private folder for scratch files; it goes away with the block or with this process.

    It is made in the folder for temporary files unless `inside` names another.
    """
    name = f"storbench-{prefix}-{secrets.token_hex(4)}"
    # Known to the guardian before it exists: a kill in between must not leave it.
    with guarded_path((inside or Path(tempfile.gettempdir())) / name) as folder:
        folder.mkdir(mode=0o700)
        yield folder


@contextmanager
def guarded_socket_folder(prefix: str) -> Iterator[Path]:
    """Give a new private folder as `guarded_folder` does, with a path that leaves room for the name of a socket.

    The kernel takes paths of 107 bytes for sockets, and a folder for temporary files may be longer than that.
    """
    usual = Path(tempfile.gettempdir())
    longest = len(os.fsencode(usual)) + len(f"/storbench-{prefix}-01234567/{'x' * _SOCKET_NAME}")
    with guarded_folder(prefix, inside=usual if longest <= _SOCKET_PATH else Path("/tmp")) as folder:  # noqa: S108
        yield folder


def wait_until(ready: Path, process: subprocess.Popen[bytes], *, timeout: float) -> bool:
    """Wait until `ready` exists; False when the process ended first or the time is over."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if ready.exists():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    return False
