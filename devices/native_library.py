"""The device models in C: find the library that the installation built, make models, drive loads.

The C side is described in `native/core.h` and `native/load.h`; the structs here mirror it.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Self

import msgspec

from ..common.errors import InputError, MeasurementError
from ..common.packages import install_command

READ, WRITE, TRIM, FLUSH = range(4)
FOREVER = 2**64 - 1

_FOLDER = Path(__file__).parent / "native"
_ERROR_SIZE = 512
_LARGE = 16 << 20
"""Bytes of state from which on larger pages of memory are asked for."""


class FieldInfo(msgspec.Struct, frozen=True):
    """One parameter of a model, as its C source declares it."""

    unit: str
    """ns, B, B/s, J, J/B, W, or 1 for a count or a share."""
    least: float
    most: float
    initial: float | None
    """None where it must be set."""
    meaning: str


class CounterInfo(msgspec.Struct, frozen=True):
    """One counter of a model and its value."""

    unit: str
    meaning: str
    value: float
    state: bool
    """A state, such as wear; otherwise a total, of which a difference is what happened in between."""


class _Field(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("offset", ctypes.c_size_t),
        ("unit", ctypes.c_char_p),
        ("least", ctypes.c_double),
        ("most", ctypes.c_double),
        ("initial", ctypes.c_double),
        ("meaning", ctypes.c_char_p),
    )


class _CounterName(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("unit", ctypes.c_char_p),
        ("meaning", ctypes.c_char_p),
        ("state", ctypes.c_int),
    )


_POINTER, _SIZE, _INT, _U32, _U64 = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_uint32, ctypes.c_uint64
_TEXT = ctypes.c_char_p

_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "sb_kind_name": (_TEXT, (_INT, ctypes.POINTER(_TEXT))),
    "sb_config_new": (_POINTER, (_TEXT,)),
    "sb_config_free": (None, (_POINTER,)),
    "sb_config_set": (_INT, (_POINTER, _TEXT, ctypes.c_double)),
    "sb_config_check": (_INT, (_POINTER, _TEXT, _SIZE)),
    "sb_config_field": (_INT, (_POINTER, _INT, ctypes.POINTER(_Field))),
    "sb_size": (_SIZE, (_POINTER,)),
    "sb_init": (None, (_POINTER, _POINTER)),
    "sb_capacity": (_U64, (_POINTER,)),
    "sb_submit": (_U64, (_POINTER, _INT, _U64, _U64, _U64)),
    "sb_reset": (None, (_POINTER,)),
    "sb_counter": (_INT, (_POINTER, _INT, ctypes.POINTER(_CounterName), ctypes.POINTER(ctypes.c_double))),
    "sb_shared_size": (_SIZE, (_POINTER,)),
    "sb_shared_init": (None, (_POINTER, _POINTER)),
    "sb_shared_device": (_POINTER, (_POINTER,)),
    "sb_shared_lock": (None, (_POINTER,)),
    "sb_shared_unlock": (None, (_POINTER,)),
    "sb_shared_set_mode": (None, (_POINTER, _INT)),
    "sb_shared_set_time": (None, (_POINTER, _U64)),
    "sb_shared_time": (_U64, (_POINTER,)),
    "sb_shared_statistics": (None, (_POINTER, _INT, _POINTER)),
    "sb_shared_statistics_reset": (None, (_POINTER,)),
    "sb_shared_deaths": (_U64, (_POINTER,)),
    "sb_load_new": (_POINTER, (_POINTER, _U64, _U32)),
    "sb_load_free": (None, (_POINTER,)),
    "sb_load_client": (_INT, (_POINTER, _U32, _POINTER, _TEXT)),
    "sb_load_run": (_INT, (_POINTER, _U64, _U64)),
    "sb_load_now": (_U64, (_POINTER,)),
    "sb_load_totals": (_POINTER, (_POINTER, _U32)),
}


def built_file(name: str) -> Path | None:
    """Give a shared object that the installation built from C, None where it could not."""
    return next(iter(sorted(_FOLDER.glob(f"{name}.*so"))), None)


def needs_compiler(problem: str) -> MeasurementError:
    """Give the error for something that the installation could not build from C."""
    return MeasurementError(
        f"{problem}: there was no C compiler when storbench was installed",
        hint=f"Install one ({install_command('gcc', {'apt': 'gcc libc6-dev'})}) and install storbench again.",
    )


@cache
def library() -> ctypes.CDLL:
    """Load the models. Raises `MeasurementError` where they were not built."""
    path = built_file("models")
    if path is None:
        raise needs_compiler("the device models were not built")
    loaded = ctypes.CDLL(str(path))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded


def model_kinds() -> dict[str, str]:
    """Give the kinds of models and what each is."""
    found: dict[str, str] = {}
    summary = _TEXT()
    while name := library().sb_kind_name(len(found), ctypes.byref(summary)):
        found[name.decode()] = (summary.value or b"").decode()
    return found


@cache
def fields_of(kind: str) -> Mapping[str, FieldInfo]:
    """Give the parameters of a kind of model, those of the link in front of it included."""
    with _Config(kind) as config:
        return dict(config.fields())


class _Config:
    """The parameters of a model on the C side."""

    def __init__(self, kind: str) -> None:
        self.handle = library().sb_config_new(kind.encode())
        if not self.handle:
            raise InputError(f"there is no device model '{kind}'", hint=f"There are: {', '.join(model_kinds())}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        library().sb_config_free(self.handle)

    def fields(self) -> Iterator[tuple[str, FieldInfo]]:
        field = _Field()
        number = 0
        while library().sb_config_field(self.handle, number, ctypes.byref(field)) == 0:
            initial = None if field.initial != field.initial else field.initial
            yield (
                field.name.decode(),
                FieldInfo(field.unit.decode(), field.least, field.most, initial, field.meaning.decode()),
            )
            number += 1

    def fill(self, parameters: Mapping[str, float]) -> None:
        for name, value in parameters.items():
            status = library().sb_config_set(self.handle, name.encode(), value)
            if status == -1:
                raise InputError(f"the model has no parameter '{name}'")
            if status:
                known = dict(self.fields())[name]
                raise InputError(
                    f"{name} is {value:g} {known.unit}, it must lie between {known.least:g} and {known.most:g}"
                )
        error = ctypes.create_string_buffer(_ERROR_SIZE)
        if library().sb_config_check(self.handle, error, _ERROR_SIZE):
            raise InputError(error.value.decode())


@contextmanager
def configured(kind: str, parameters: Mapping[str, float]) -> Iterator[int]:
    """Give the C side's handle of checked parameters.

    Raises `InputError` with the reason for parameters that are unknown, out of bounds or contradict one another,
    `MeasurementError` where the models were not built.
    """
    with _Config(kind) as config:
        config.fill(parameters)
        yield config.handle


def counters_at(address: int) -> dict[str, CounterInfo]:
    """Give what the device at an address has counted since it was made."""
    found: dict[str, CounterInfo] = {}
    name, value = _CounterName(), ctypes.c_double()
    while library().sb_counter(address, len(found), ctypes.byref(name), ctypes.byref(value)) == 0:
        found[name.name.decode()] = CounterInfo(
            name.unit.decode(), name.meaning.decode(), value.value, bool(name.state)
        )
    return found


class Model:
    """One device in virtual time. Times in ns, sizes and offsets in bytes."""

    def __init__(self, kind: str, parameters: Mapping[str, float]) -> None:
        """Make it fresh out of the box. Raises as `configured` does, `MeasurementError` also where memory lacks."""
        with configured(kind, parameters) as handle:
            size = library().sb_size(handle)
            try:
                self._memory: mmap.mmap | None = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            except (OSError, ValueError):
                raise MeasurementError(
                    f"no memory for the model's {size:,} bytes", hint="Choose a smaller size."
                ) from None
            if size >= _LARGE:
                # A large device's map is read at random, and most of that time goes to finding the page of memory.
                with suppress(OSError):
                    self._memory.madvise(mmap.MADV_HUGEPAGE)
            view = ctypes.c_char.from_buffer(self._memory)
            self.address = ctypes.addressof(view)
            del view
            library().sb_init(self.address, handle)
        self.state_bytes = int(size)
        self.now = 0
        """The device's time."""

    @staticmethod
    def bytes_needed(kind: str, parameters: Mapping[str, float]) -> int:
        """Give the memory that a model takes. Raises `InputError` as making it does."""
        with configured(kind, parameters) as handle:
            return int(library().sb_size(handle))

    @property
    def capacity(self) -> int:
        """Bytes that a host can address."""
        return int(library().sb_capacity(self.address))

    def submit(self, operation: int, offset: int, length: int, time: int) -> int:
        """Give when the device has answered. Raises `ValueError` for what lies outside its capacity."""
        if offset < 0 or length < 0 or offset + length > self.capacity:
            raise ValueError(f"{offset} + {length} lies outside the capacity of {self.capacity}")
        return int(library().sb_submit(self.address, operation, offset, length, time))

    def counters(self) -> dict[str, CounterInfo]:
        """Give what the device has counted since it was made."""
        return counters_at(self.address)

    def reset(self) -> None:
        """Purge it: everything is trimmed, wear stays."""
        library().sb_reset(self.address)

    def state(self) -> bytes:
        """Give a copy of the whole state."""
        assert self._memory is not None
        return bytes(self._memory)

    def close(self) -> None:
        """Give the memory back."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
