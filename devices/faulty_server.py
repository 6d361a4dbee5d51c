"""One NBD server of our own that can be made to fail while it runs: nbdkit with `native/nbdkit_faulty.c` on one image.

What the server does wrong by itself is switched on and off in its control block; what happens to it, such as being
killed, is done from here.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..common import processes
from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command
from .base import Facts, Fault
from .faulty_control import KINDS, ControlBlock
from .faulty_medium import Flip, flip_back, flip_bits, frozen
from .faulty_rules import numbers_of, parameters_of, rule_of
from .native_library import built_file, needs_compiler
from .nbdkit import ServerParameters, how_it_ended, launch, said

CACHES: Mapping[str, str] = {
    "none": "what is written is in the image at once",
    "writeback": "a volatile write cache; a flush makes it durable",
    "unsafe": "a volatile write cache that acknowledges flushes and does nothing",
    "writethrough": "each write is durable before it is acknowledged",
}
_VOLATILE = ("writeback", "unsafe")
_DOWN = ("kill", "power-cut")
_AT_REST = ("bit-flip", "truncate")
_NEED_WRITES = (
    *_AT_REST,
    *(kind for kind in KINDS if kind not in ("slow", "error", "wrong-errno", "unconfined-error")),
)
_PATIENCE_S, _WRITE_BACK_S = 1.0, 30.0


class FaultyServer:
    """One server on one image. Faults may be begun and ended from any thread."""

    def __init__(
        self, image: Path, folder: Path, name: str, *, cache: str = "none", parameters: ServerParameters,
        read_only: bool = False, command: tuple[str, ...] = (), address: tuple[str, int] | None = None,
    ) -> None:  # fmt: skip
        """Prepare to serve `image` under `name`, which names its files in `folder`, too; nothing is started.

        `command` is what the server's command begins with; `address` is where it listens instead of on a Unix socket.
        """
        if cache not in CACHES:
            raise InputError(f"'{cache}' is no write cache", hint=f"One of: {', '.join(CACHES)}.")
        self._image, self._folder, self._name = image, folder, name
        self._cache, self._parameters, self._read_only = cache, parameters, read_only
        self._before, self._address = command, address
        self._socket = folder / name
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: ControlBlock | None = None
        self._down: set[str] = set()
        self._hangs = False
        self._flips: list[Flip] = []
        self._shrunk = False
        host = "" if address is None else f"[{address[0]}]" if ":" in address[0] else address[0]
        self.uri = f"nbd+unix:///?socket={self._socket}" if address is None else f"nbd://{host}:{address[1]}"
        self.size = image.stat().st_size
        """Bytes that it serves."""

    def start(self) -> None:
        """Start it, or start it again where it listened before. Raises `MeasurementError` where that fails."""
        with self._lock:
            if self._control is None:
                self._control = ControlBlock(self._file("control"), self.size)
            ready = self._file("pid")
            ready.unlink(missing_ok=True)
            if self._address is None:
                # One that was killed left its socket.
                self._socket.unlink(missing_ok=True)
                listening = ["--unix", str(self._socket)]
            else:
                listening = ["--ipaddr", self._address[0], "--port", str(self._address[1])]
            plugin = [str(faulty_plugin()), f"file={self._image}", f"control={self._file('control')}"]
            plugin += [f"cache={self._cache}", f"write={0 if self._read_only else 1}"]
            self._process = launch(
                plugin, self._parameters, listening, ready, self._file("stderr"),
                read_only=self._read_only, before=self._before,
            )  # fmt: skip
            self._hangs = False
            self._down.clear()

    def stop(self) -> None:
        """Undo all faults and end it; what an orderly end makes durable is. Never raises."""
        with self._lock:
            if self._control is not None:
                for kind in KINDS:
                    self._control.switch_off(kind)
                # Before the server ends: what it still has to write may lie in the part that was gone.
                with suppress(OSError):
                    self._grow_back()
            if self._process is not None:
                processes.signal_group(self._process, signal.SIGCONT)
                processes.signal_group(self._process, signal.SIGTERM)
                # A client that is still connected keeps nbdkit alive, answering errors: it is not waited for, unless
                # there is something to write.
                patience = _WRITE_BACK_S if self._cache in _VOLATILE and self._unsettled() else _PATIENCE_S
                processes.end(self._process, patience=patience)
                self._process = None
            if self._control is not None:
                with suppress(OSError):
                    self._flip_back()
                self._control.close()
                self._control = None
                with suppress(OSError):
                    self._file("control").unlink()
            self._down.clear()
            self._hangs = False

    def alive(self) -> bool:
        """Say whether its process is there; one that hangs is."""
        process = self._process
        return process is not None and process.poll() is None

    def check(self) -> None:
        """Raise `MeasurementError` where it ended although nobody had it killed."""
        with self._lock:
            if self._process is not None and not self._down and self._process.poll() is not None:
                raise MeasurementError(
                    f"the NBD server '{self._name}' ended during the run "
                    f"({how_it_ended(self._process.returncode)}){said(self._file('stderr'))}",
                    hint="What was measured after that moment is missing.",
                )

    def faults(self) -> dict[str, str]:
        """Name the kinds of fault that it can have; each with an empty text, or why it cannot have it."""
        return faults_of(self._cache, read_only=self._read_only)

    def inject(self, fault: Fault) -> Facts:
        """Begin a fault. Raises `InputError` for one that it cannot have, `MeasurementError` where that fails."""
        reason = self.faults().get(fault.kind, "there is no such fault")
        if reason:
            raise InputError(f"the fault '{fault.kind}' cannot be made here: {reason}")
        with self._lock:
            if fault.kind in KINDS:
                rule, facts = rule_of(fault, self.size)
                self._block().switch_on(fault.kind, rule)
                return facts
            if fault.kind in _DOWN:
                parameters_of(fault, ("resync",))
                return self._kill(fault.kind)
            if fault.kind == "hang":
                parameters_of(fault, ())
                return self._hang()
            try:
                return self._flip(fault) if fault.kind == "bit-flip" else self._shrink(fault)
            except OSError as error:
                raise MeasurementError(f"{self._image} could not be damaged: {error.strerror}") from None

    def heal(self, fault: Fault) -> Facts:
        """End a fault; one that is not there needs nothing. Raises `MeasurementError` where that fails."""
        with self._lock:
            if fault.kind in KINDS:
                if not self._block().switch_off(fault.kind):
                    return {}
                return {"fault_injected": self._block().injected(fault.kind)}
            if fault.kind in _DOWN:
                return self._restart(fault.kind)
            if fault.kind == "hang":
                return self._go_on()
            try:
                return self._flip_back() if fault.kind == "bit-flip" else self._grow_back()
            except OSError as error:
                raise MeasurementError(f"{self._image} could not be mended: {error.strerror}") from None

    def requests(self) -> Facts:
        """Give how many requests came and how many were answered with an error, by operation."""
        with self._lock:
            block = self._block()
            facts: Facts = {f"server_requests_{name}": count for name, count in block.requests().items()}
            return facts | {f"server_errors_{name}": count for name, count in block.failed().items()}

    def _kill(self, kind: str) -> Facts:
        process = self._running()
        lost = self._unsettled()
        self._down.add(kind)
        processes.end(process)
        return {"unsettled_bytes_lost": lost} if self._cache in _VOLATILE else {}

    def _restart(self, kind: str) -> Facts:
        self._down.discard(kind)
        if self._down or self.alive() or self._process is None:
            return {}
        began = time.monotonic()
        self.start()
        return {"restart_s": time.monotonic() - began}

    def _hang(self) -> Facts:
        processes.signal_group(self._running(), signal.SIGSTOP)
        self._hangs = True
        return {}

    def _go_on(self) -> Facts:
        if self._hangs and self._process is not None:
            processes.signal_group(self._process, signal.SIGCONT)
        self._hangs = False
        return {}

    def _flip(self, fault: Fault) -> Facts:
        given = numbers_of(fault, {"count": 8, "block_size": 4096, "seed": 1, "offset": 0, "length": 0})
        size = given["block_size"]
        region = given["offset"], min(given["length"] or self.size, self.size - given["offset"])
        with frozen(self._process):
            flips = flip_bits(self._image, given["count"], size, given["seed"], region)
        self._flips += flips
        where = ",".join(str(flip.at // size) for flip in flips)
        return {"flipped_blocks": where, "flipped_bits": len(flips), "flipped_block_size": size}

    def _flip_back(self) -> Facts:
        if not self._flips:
            return {}
        flips, self._flips = self._flips, []
        with frozen(self._process):
            undone = flip_back(self._image, flips)
        return {"flipped_back": undone, "flipped_written_since": len(flips) - undone}

    def _shrink(self, fault: Fault) -> Facts:
        length = numbers_of(fault, {"length": self.size // 2})["length"]
        if length >= self.size:
            raise InputError(f"the medium has {self.size:,} bytes, it cannot shrink to {length:,}")
        # The server first: it would make the image longer again.
        self._block().set_medium(length)
        self._shrunk = True
        os.truncate(self._image, length)
        return {"medium_size": length, "medium_lost": self.size - length}

    def _grow_back(self) -> Facts:
        if not self._shrunk:
            return {}
        os.truncate(self._image, self.size)
        self._block().set_medium(self.size)
        self._shrunk = False
        return {"medium_size": self.size}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise MeasurementError(f"the NBD server '{self._name}' was not started")
        return self._process

    def _block(self) -> ControlBlock:
        if self._control is None:
            raise MeasurementError(f"the NBD server '{self._name}' was not started")
        return self._control

    def _unsettled(self) -> int:
        return 0 if self._control is None else self._control.unsettled()

    def _file(self, what: str) -> Path:
        return self._folder / f"{self._name}.{what}"


def faults_of(cache: str, *, read_only: bool = False) -> dict[str, str]:
    """Name the kinds of fault of a server with such a cache; each with an empty text, or why it cannot have it."""
    known = dict.fromkeys((*_DOWN, "hang", *_AT_REST, *KINDS), "")
    if cache == "unsafe":
        known["lying-flush"] = known["reordered-flush"] = "with cache=unsafe no flush does anything anyway"
    elif cache not in _VOLATILE:
        known["lying-flush"] = known["reordered-flush"] = (
            f"with cache={cache} there is no volatile cache that a flush would empty; use cache=writeback"
        )
    if read_only:
        known |= dict.fromkeys(_NEED_WRITES, "the target is opened for reading only")
    return known


def faulty_plugin() -> Path:
    """Give nbdkit's plug-in. Raises `MeasurementError` where it was not built."""
    path = built_file("nbdkit_faulty")
    if path is not None:
        return path
    if built_file("models") is None:
        raise needs_compiler("the server that can be made to fail was not built")
    header = install_command("nbdkit's header", {"apt": "nbdkit-plugin-dev"})
    raise MeasurementError(
        "the server that can be made to fail was not built: nbdkit's header was not there when storbench was installed",
        hint=f"Install it ({header}) and install storbench again.",
    )
