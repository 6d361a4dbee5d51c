"""A small store of histories: one SQLite file, in it a series for each workload, job, metric, device and machine.

    subject  what was measured on what: workload, recipe, device, host
    run      one run of a subject: when, at which commit
    value    one metric of one job of a run

Runs that are not of one recipe, device and machine are never in one series. The machine is known by a digest of the
facts that a speed depends on (`baseline_files.MACHINE`): a container's or a runner's name is not one of them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from ...common.errors import InputError
from ..baseline_files import MACHINE, samples_of_runs
from ..run_file import open_run, read_outline
from .series import Point, Series, Table

VERSION = 1
_APPLICATION = 0x53746F72
"""`Stor`, by which `file` and we know whose it is."""
_MAGIC = b"SQLite format 3\x00"
_SCHEMA = """
create table host (digest text primary key, facts text not null) strict;
create table subject (
    id integer primary key, workload text not null, recipe text not null, device text not null,
    host text not null references host, unique (workload, recipe, device, host)
) strict;
create table run (
    id text primary key, subject integer not null references subject, time real not null, revision text not null
) strict;
create table value (
    run text not null references run, job text not null, metric text not null, unit text not null,
    higher_is_better integer not null, value real not null, primary key (run, job, metric)
) strict;
"""
_DIGITS = 12


def is_store(path: Path) -> bool:
    """Say whether a file is a store, by its first bytes; one that is yet to be made, by its name."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return path.suffix in (".db", ".sqlite", ".sqlite3")


def add_runs(path: Path, files: Sequence[Path], commit: str = "") -> list[str]:
    """Add runs, all or none, making the store where there is none; gives what a reader must know.

    The commit is the one that the run file has from its CI service, unless it is given. A run that is there already is
    left as it is. Raises `InputError` for a run without a commit, one that did not complete, and for what is no store.
    """
    remarks = []
    new = [_read(file, commit) for file in files]
    with _opened(path, write=True) as store:
        for one in new:
            if store.execute("select 1 from run where id = ?", (one.run,)).fetchone():
                remarks.append(f"{one.file.name} is in the store already")
            else:
                _insert(store, one)
    return remarks


def read_store(path: Path) -> Table:
    """Give all series, each in the order of time. Raises `InputError` for what is no store or has no runs."""
    with _opened(path) as store:
        runs = int(store.execute("select count(*) from run").fetchone()[0])
        series = [one for subject in store.execute(_SUBJECTS).fetchall() for one in _series(store, subject)]
    if not series:
        raise InputError(f"{path} has no runs", hint="Add some: storbench history STORE --add RUN.h5")
    return Table(runs, True, tuple(series))


_SUBJECTS = "select id, workload, recipe, device, host from subject order by id"


class _NewRun(msgspec.Struct, frozen=True):
    """What of a run goes into the store."""

    file: Path
    run: str
    workload: str
    recipe: str
    device: str
    host: str
    facts: str
    time: float
    commit: str
    values: list[tuple[str, str, str, bool, float]]


def _read(file: Path, commit: str) -> _NewRun:
    samples = samples_of_runs([file])
    outline, _ = read_outline(file)
    if not commit:
        with open_run(file) as run:
            commit = run.commit
    if not commit:
        raise InputError(
            f"{file} does not say which commit it measured: there was no CI service that told",
            hint="Say it: --commit $(git rev-parse HEAD)",
        )
    facts = msgspec.json.encode({name: outline.facts[name] for name in MACHINE if name in outline.facts}).decode()
    header = outline.header
    values = [
        (one.job, one.metric, "ns" if one.metric.startswith("latency") else "1/s", one.higher_is_better,
         one.candidate[0])
        for one in samples
    ]  # fmt: skip
    return _NewRun(
        file, header.run, header.workload, outline.recipe, header.device,
        hashlib.sha256(facts.encode()).hexdigest()[:_DIGITS], facts,
        datetime.fromisoformat(header.created).timestamp(), commit, values,
    )  # fmt: skip


def _insert(store: sqlite3.Connection, new: _NewRun) -> None:
    store.execute("insert or ignore into host values (?, ?)", (new.host, new.facts))
    subject = (new.workload, new.recipe, new.device, new.host)
    store.execute("insert or ignore into subject (workload, recipe, device, host) values (?, ?, ?, ?)", subject)
    (number,) = store.execute(
        "select id from subject where (workload, recipe, device, host) = (?, ?, ?, ?)", subject
    ).fetchone()
    store.execute("insert into run values (?, ?, ?, ?)", (new.run, number, new.time, new.commit))
    store.executemany("insert into value values (?, ?, ?, ?, ?, ?)", [(new.run, *row) for row in new.values])


def _series(store: sqlite3.Connection, subject: tuple[int, str, str, str, str]) -> Iterator[Series]:
    number, workload, recipe, device, host = subject
    runs = store.execute(
        "select id, time, revision from run where subject = ? order by time, id", (number,)
    ).fetchall()  # fmt: skip
    places = {run: (row, time, commit) for row, (run, time, commit) in enumerate(runs)}
    names = store.execute(
        "select job, metric, unit, higher_is_better from value join run on run = id where subject = ? "
        "group by job, metric, unit, higher_is_better order by min(value.rowid)", (number,),
    ).fetchall()  # fmt: skip
    for job, metric, unit, higher in names:
        values = store.execute(
            "select run, value from value join run on run = id where subject = ? and (job, metric, unit) = (?, ?, ?)",
            (number, job, metric, unit),
        ).fetchall()
        points = sorted((Point(*places[run], value) for run, value in values), key=lambda point: point.row)
        yield Series(
            metric, tuple(points), unit, bool(higher), job, workload, recipe[:_DIGITS], device, host, len(runs)
        )


@contextmanager
def _opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a store for one transaction; where it fails, nothing has changed."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a store", hint="Name a file, such as history.db.")
    fresh = not path.exists()
    if fresh and not write:
        raise InputError(
            f"there is no store {path}", hint="Make it by adding a run: storbench history STORE --add RUN.h5"
        )
    if fresh and not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}")
    store = None
    try:
        store = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if write else 'ro'}", uri=True, timeout=10, isolation_level=None
        )
        store.execute("begin immediate" if write else "begin")
        if fresh:
            for statement in _SCHEMA.split(";"):
                store.execute(statement)
            store.execute(f"pragma application_id = {_APPLICATION}")
            store.execute(f"pragma user_version = {VERSION}")
        _check_version(store, path)
        yield store
        store.execute("commit")
    except sqlite3.Error as error:
        raise InputError(f"{path} cannot be used as a store: {error}") from None
    finally:
        if store is not None:
            store.close()


def _check_version(store: sqlite3.Connection, path: Path) -> None:
    (application,), (version,) = (
        store.execute(f"pragma {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise InputError(f"{path} is a database of another program, not a store of storbench")
    if version > VERSION:
        raise InputError(f"{path} was written by a newer storbench", hint="Update storbench.")
