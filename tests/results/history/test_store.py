"""The store: runs go in once, series come out apart by what was measured on what, and other files are refused."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.harness.session import Options, execute, prepare
from storbench.results.history import Settings, findings_in
from storbench.results.history.store import VERSION, add_runs, is_store, read_store

OLD = Path(__file__).parents[2] / "data" / "history_version1.db"
Measure = Callable[..., Path]


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Measure:
    folder = tmp_path_factory.mktemp("runs")
    made: dict[tuple[str, str, int], Path] = {}

    def run(device: str = "sim:pcm-onyx?size=16MiB", duration: str = "20ms", number: int = 0) -> Path:
        key = (device, duration, number)
        if key not in made:
            given = {"duration": duration, "queue_depth": "1", "read_fraction": "1.0"}
            (finished,) = execute(prepare("randrw", [device], given, Options(folder / f"{len(made)}.h5")))
            made[key] = finished.path
        return made[key]

    return run


def test_runs_become_series_in_the_order_of_time(tmp_path: Path, measure: Measure) -> None:
    store = tmp_path / "history.db"
    runs = [measure(number=number) for number in range(3)]
    assert add_runs(store, [runs[1]], "b") == []
    assert add_runs(store, [runs[0]], "a") == []
    assert add_runs(store, [runs[2]], "c") == []
    assert is_store(store)
    table = read_store(store)
    assert table.rows == 3
    names = {series.name: series for series in table.series}
    iops = next(series for name, series in names.items() if name.endswith("read iops"))
    assert [point.commit for point in iops.points] == ["a", "b", "c"]
    assert iops.higher_is_better
    assert (iops.workload, iops.device, iops.rows) == ("randrw", "sim:pcm-onyx?size=16MiB", 3)
    assert any(series.metric == "latency_p50" and series.unit == "ns" for series in table.series)
    assert len(iops.host) == 12


def test_a_run_is_added_once(tmp_path: Path, measure: Measure) -> None:
    store = tmp_path / "history.db"
    add_runs(store, [measure()], "a")
    assert add_runs(store, [measure()], "other") == [f"{measure().name} is in the store already"]
    assert [point.commit for point in read_store(store).series[0].points] == ["a"]


def test_other_recipes_and_devices_are_other_series(tmp_path: Path, measure: Measure) -> None:
    store = tmp_path / "history.db"
    add_runs(store, [measure(), measure(duration="30ms"), measure("sim:pcm-onyx?size=32MiB")], "a")
    table = read_store(store)
    subjects = {(series.device, series.recipe) for series in table.series}
    assert len(subjects) == 3
    assert all(len(series.points) == 1 for series in table.series)


def test_without_a_commit_nothing_is_added(tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "history.db"
    with pytest.raises(InputError, match="does not say which commit") as raised:
        add_runs(store, [measure()])
    assert "--commit" in raised.value.hint
    assert not store.exists()
    monkeypatch.setenv("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
    add_runs(store, [measure(number=9)])
    assert read_store(store).series[0].points[0].commit == "0123456789abcdef0123456789abcdef01234567"


def test_all_runs_go_in_or_none(tmp_path: Path, measure: Measure) -> None:
    store = tmp_path / "history.db"
    add_runs(store, [measure()], "a")
    before = hashlib.sha256(store.read_bytes()).hexdigest()
    with pytest.raises(InputError):
        add_runs(store, [measure(number=1), tmp_path / "missing.h5"], "b")
    assert hashlib.sha256(store.read_bytes()).hexdigest() == before


def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, measure: Measure) -> None:
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as other:
        other.execute("create table run (id text)")
    other.close()
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"SQLite format 3\x00" + b"x" * 2000)
    newer = tmp_path / "newer.db"
    newer.write_bytes(OLD.read_bytes())
    with sqlite3.connect(newer) as changed:
        changed.execute(f"pragma user_version = {VERSION + 1}")
    changed.close()
    for path, words in ((foreign, "another program"), (garbage, "cannot be used"), (newer, "newer storbench")):
        before = path.read_bytes()
        for use in (lambda path=path: read_store(path), lambda path=path: add_runs(path, [measure()], "a")):
            with pytest.raises(InputError, match=words):
                use()
        assert path.read_bytes() == before
    with pytest.raises(InputError, match="there is no store"):
        read_store(tmp_path / "missing.db")
    with pytest.raises(InputError, match="is a folder"):
        read_store(tmp_path)


def test_a_store_of_the_first_version_is_read() -> None:
    table = read_store(OLD)
    assert table.rows == 24
    found = findings_in(table, Settings())
    (change,) = [one for one in found.changes if one.metric.endswith("read iops")]
    assert (change.index, change.commit, change.verdict) == (16, "v17", "REGRESSED")
    assert (change.workload, change.device) == ("randrw", "sim:pcm-onyx?size=16MiB")
