"""A digest of everything in a run file, by path, so that a change can be named.

What is hashed is what a reader sees: of a dataset its type, shape and values, of a group the names in it, of both their
attributes. How HDF5 stores them is not, so a file that was repacked still agrees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import msgspec
import numpy as np

DIGESTS = "digests"
"""Name of the dataset that holds them; it has no digest of its own."""
_VERSION = 1
"""Raised when the same content would get another digest; files of storbench 0.4 do not say it and have 1."""
_BLOCK = 1 << 20
"""Rows that are read at a time."""
_OF_HDF5 = frozenset({"DIMENSION_LIST", "REFERENCE_LIST"})
"""Attributes that are addresses inside the file: how HDF5 links dimensions, which are hashed as datasets."""


class Change(msgspec.Struct, frozen=True):
    """One path whose content is not what its digest says."""

    path: str
    how: str
    """changed, missing, or added."""


def digests_of(file: h5py.File) -> dict[str, str]:
    """Give the SHA-256 of every group and dataset, by path. Raises `OSError` or `KeyError` for a damaged file."""
    return {path: _digest(item) for path, item in _items(file) if path != f"/{DIGESTS}"}


def write_digests(file: h5py.File) -> None:
    """Keep the digests in the file; the last thing that is written."""
    text = msgspec.json.encode(digests_of(file)).decode()
    file.create_dataset(DIGESTS, data=text, dtype=h5py.string_dtype()).attrs["version"] = _VERSION


def read_digests(file: h5py.File) -> dict[str, str] | None:
    """Give the digests that the file holds, None where it has none. Raises `ValueError` for ones that make no sense."""
    if DIGESTS not in file:
        return None
    if (version := int(file[DIGESTS].attrs.get("version", 1))) != _VERSION:
        raise ValueError(f"its digests are of version {version}, which a newer storbench can check")
    return msgspec.json.decode(file[DIGESTS][()], type=dict[str, str])


def changes(stored: Mapping[str, str], found: Mapping[str, str]) -> list[Change]:
    """Name every path that differs."""
    differing = [Change(path, "changed") for path in stored if path in found and stored[path] != found[path]]
    missing = [Change(path, "missing") for path in stored if path not in found]
    added = [Change(path, "added") for path in found if path not in stored]
    return sorted([*differing, *missing, *added], key=lambda change: change.path)


def manifest_digest(digests: Mapping[str, str]) -> str:
    """Give one hash for all of them."""
    return hashlib.sha256(msgspec.json.encode(dict(digests), order="deterministic")).hexdigest()


def _items(file: h5py.File) -> Iterator[tuple[str, Any]]:
    yield "/", file
    pending = [("", file)]
    while pending:
        prefix, group = pending.pop()
        for name in group:
            item = group[name]
            yield f"{prefix}/{name}", item
            if isinstance(item, h5py.Group):
                pending.append((f"{prefix}/{name}", item))


def _digest(item: Any) -> str:
    state = hashlib.sha256()
    for name in sorted(item.attrs):
        if name not in _OF_HDF5:
            state.update(name.encode() + b"\0")
            _add(state, np.asarray(item.attrs[name]))
    if isinstance(item, h5py.Group):
        names = sorted(name for name in item if not (item.name == "/" and name == DIGESTS))
        state.update("\0".join(names).encode())
    elif item.shape:
        state.update(repr((item.dtype.str, item.shape)).encode())
        for start in range(0, item.shape[0], _BLOCK):
            _add(state, item[start : start + _BLOCK])
    elif item.shape == ():
        _add(state, np.asarray(item[()]))
    return state.hexdigest()


def _add(state: Any, values: Any) -> None:
    array = np.asarray(values)
    if array.dtype.hasobject or array.dtype.kind in "US":
        for value in array.ravel().tolist():
            data = value if isinstance(value, bytes) else str(value).encode()
            state.update(len(data).to_bytes(8, "little") + data)
    else:
        state.update(array.dtype.str.encode())
        state.update(np.ascontiguousarray(array).data)
