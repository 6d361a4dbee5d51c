"""From fio's per-I/O logs to columns: text to numbers eight digits at a time, on all cores.

A line of a completion latency log is `time in ms, latency in ns, direction, block size, offset, priority`. All are
decimal but the priority: with `log_prio` it is `0x` and four hexadecimal digits, without it a decimal 0 or 1. Syncs are
not in it, nor what completed during the ramp; the time runs from the ramp's end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....common.errors import InputError, MeasurementError
from ....results.io_log import IoLog

_PIECE = 1 << 20
"""Bytes that are parsed at once. With fewer the threads wait for one another, with more the cores for their caches."""

_LINE = 4096
"""Bytes, far more than a line has."""

_PAD = 24
"""Bytes before the text, so that the three words that hold a number's digits are always there."""

_DIGITS = {"ddir": 1, "prio": 4}
"""How many digits a field may have, 18 where nothing is said: more may not fit in 64 bits."""

_COMMA, _NEWLINE, _SPACE, _ZERO, _X = b",\n 0x"

_KEEP = np.array([(1 << 64) - (1 << 8 * (8 - count)) for count in range(9)], np.uint64)
"""Masks that keep the last `count` bytes of a little-endian word."""

_FILL = ~_KEEP & np.uint64(0x3030303030303030)
"""The digit 0 in the bytes that the mask of the same place takes away."""

_UPPER, _SIXES, _THREES = np.array([0xF0F0F0F0F0F0F0F0, 0x0606060606060606, 0x3333333333333333], np.uint64)

_NO_PRIORITY = b"0x0000"
_NO_PRIORITY_WORD = np.uint64(int.from_bytes(_NO_PRIORITY, "little"))

_NONE = 255
_HEXADECIMAL = np.full(256, _NONE, np.uint8)
_HEXADECIMAL[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)

Text = NDArray[np.uint8]
Integers = NDArray[np.int64]


class _BrokenLine(Exception):
    """A line that is not fio's; `index` counts the lines of the piece from 0."""

    def __init__(self, index: int) -> None:
        self.index = index


def parse_io_log(path: Path, columns: Sequence[str], *, job: int) -> IoLog:
    """Read the log of one client, `job`, whose lines have `columns`, named as in `IO_LOG_COLUMNS`.

    A broken last line, as a killed fio leaves, is dropped and counted. Raises `MeasurementError` with the line's number
    where any other is broken, `InputError` where the file cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            parts, dropped = _parse_file(file.fileno(), columns)
    except OSError as error:
        raise InputError(f"fio's log {path} cannot be read: {error.strerror}") from error
    except _BrokenLine as broken:
        raise MeasurementError(
            f"{path}, line {broken.index + 1}: this is not a line of fio's per-I/O log",
            hint="Was the file changed, or the disk full? Without that line it can be read.",
        ) from None
    # Popped: never more than one column is there twice.
    joined = {name: np.concatenate([part.pop(name) for part in parts]) for name in columns}
    return IoLog(
        joined["time"],
        joined["value"],
        joined["ddir"],
        joined["bs"],
        joined["offset"],
        joined["prio"],
        np.broadcast_to(np.int32(job), joined["time"].shape),
        dropped,
    )


def _parse_file(file: int, columns: Sequence[str]) -> tuple[list[dict[str, NDArray[Any]]], int]:
    """Parse piece by piece. A broken line is numbered from the file's beginning."""
    *before, last = _pieces(file)
    parts: list[dict[str, NDArray[Any]]] = []
    try:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for part in pool.map(lambda piece: _parse(_read(file, *piece), columns), before):
                parts.append(part)  # noqa: PERF402  # The count of those before a broken line is needed.
        part, dropped = _parse_last(_read(file, *last), columns)
    except _BrokenLine as broken:
        raise _BrokenLine(broken.index + sum(len(part["time"]) for part in parts)) from None
    return [*parts, part], dropped


def _pieces(file: int) -> Iterator[tuple[int, int]]:
    """Cut the file at ends of lines: start and stop of each piece, at least one."""
    size = os.fstat(file).st_size
    stop = 0
    while True:
        start, stop = stop, min(stop + _PIECE, size)
        line = os.pread(file, _LINE, stop).find(b"\n")
        # Without an end the rest is no line: zeros where blocks were lost, for one.
        stop = stop + line + 1 if line >= 0 else size
        yield start, stop
        if stop >= size:
            return


def _read(file: int, start: int, stop: int) -> Text:
    text = np.zeros(_PAD + stop - start, np.uint8)
    count = os.preadv(file, [text[_PAD:].data], start)
    return text[: _PAD + count]


def _parse_last(text: Text, columns: Sequence[str]) -> tuple[dict[str, NDArray[Any]], int]:
    """Parse a piece whose last line may be ragged; give also how many lines were dropped."""
    stops = [_PAD, *(np.flatnonzero(text == _NEWLINE) + 1).tolist()]
    if stops[-1] < len(text):
        return _parse(text[: stops[-1]], columns), 1
    try:
        return _parse(text, columns), 0
    except _BrokenLine as broken:
        if broken.index < len(stops) - 2:
            raise
        return _parse(text[: stops[-2]], columns), 1


def _parse(text: Text, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Turn whole lines into columns. Every byte is looked at: what is not exactly a line of fio's is broken."""
    ends = _separators(text, len(columns))
    starts = np.empty_like(ends)
    starts[0, :1] = _PAD
    starts[0, 1:] = ends[-1, :-1] + 1
    starts[1:] = ends[:-1] + 2
    bad = (text[ends[:-1] + 1] != _SPACE).any(axis=0)
    parsed: dict[str, NDArray[Any]] = {}
    for name, start, end in zip(columns, starts, ends, strict=True):
        if name == "prio":
            values, wrong = _priorities(text, start, end)
            parsed[name] = values.astype(np.uint16)
        else:
            values, wrong = _decimals(text, end, end - start, _DIGITS.get(name, 18))
            parsed[name] = values.astype(np.uint8 if name == "ddir" else np.int64, copy=False)
        bad |= wrong
    if bad.any():
        raise _BrokenLine(int(bad.argmax()))
    return parsed


def _separators(text: Text, count: int) -> Integers:
    """Give the places of the commas and newlines that end the fields, shape (fields, lines)."""
    places = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
    lines = len(places) // count
    ends = np.ascontiguousarray(places[: lines * count].reshape(lines, count).T)
    right = text[ends] == np.array([_COMMA] * (count - 1) + [_NEWLINE], np.uint8)[:, None]
    if not right.all():
        raise _BrokenLine(int(right.all(axis=0).argmin()))
    if len(text) > (ends[-1, -1] + 1 if lines else _PAD):
        raise _BrokenLine(lines)
    return ends


def _decimals(text: Text, end: Integers, length: Integers, most: int) -> tuple[Integers, NDArray[np.bool_]]:
    """Give the numbers that end before `end`, and which of them are none.

    Eight digits are one 64-bit word: their pairs, then pairs of pairs, are added up by three multiplications, and one
    comparison says whether all are digits (D. Lemire, Quickly parsing eight digits, 2018).
    """
    words = _words(text)
    values = np.zeros(len(end), np.uint64)
    wrong = np.zeros(len(end), np.uint64)
    longest = min(int(length.max(initial=0)), most)
    for done in range(0, longest, 8):
        count = (length - done).clip(0, 8)
        word = (words[end - (8 + done)] & _KEEP[count]) | _FILL[count]
        high = np.uint64(0xF0F0F0F0F0F0F0F0)
        wrong |= ((word & high) | (((word + np.uint64(0x0606060606060606)) & high) >> 4)) ^ np.uint64(
            0x3333333333333333
        )
        word = (word & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(10 << 8 | 1) >> 8
        word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(100 << 16 | 1) >> 16
        word = (word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(10000 << 32 | 1) >> 32
        values += word * np.uint64(10**done)
    return values.view(np.int64), (wrong != 0) | (length < 1) | (length > most)


def _priorities(text: Text, start: Integers, end: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Give the priorities, decimal or hexadecimal as each is written, and which of them are none."""
    length, most = end - start, _DIGITS["prio"]
    if (length == len(_NO_PRIORITY)).all() and (_words(text)[end - 8] >> 16 == _NO_PRIORITY_WORD).all():
        return np.zeros(len(end), np.int64), np.zeros(len(end), np.bool_)
    values, wrong = _decimals(text, end, length, most)
    marked = (text.take(start, mode="clip") == _ZERO) & (text.take(start + 1, mode="clip") == _X)
    length -= 2
    total = np.zeros(len(end), np.int64)
    bad = (length < 1) | (length > most)
    for place in range(most):
        digit = _HEXADECIMAL[text[end - 1 - place]]
        inside = place < length
        bad |= inside & (digit == _NONE)
        total += np.where(inside, digit.astype(np.int64) << 4 * place, 0)
    return np.where(marked, total, values), np.where(marked, bad, wrong)


def _words(text: Text) -> NDArray[np.uint64]:
    """Give the little-endian word that begins at each byte."""
    return np.ndarray((len(text) - 7,), "<u8", text.data, strides=(1,))
