"""Verdicts follow from measurements and limits alone, and a limit that nothing measured is never a pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import h5py
import msgspec
import pytest

from storbench.results import completion
from storbench.results.judgement import Judgement, differences, judge, overall, read_verdicts
from storbench.results.limits import parse_limits
from storbench.results.record import RunRecord
from storbench.results.run_file import Run, open_run
from storbench.results.run_writer import write_run

HEAD = 'name = "n"\nrevision = "7"\nsource = "a datasheet"\n'
RATE = 20_000.0
"""IOPS of every made-up element."""


def limit(id_: str, **fields: object) -> str:
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items()]
    return "\n".join([f'\n[[limit]]\nid = "{id_}"', *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


WRITE_4K = {"test": "iops", "block_size": 4096, "read_percent": 0}


@pytest.fixture(scope="module")
def record(snia_runs: ModuleType) -> RunRecord:
    found = snia_runs.perform("snia.iops", snia_runs.device(1 << 40, scheme="sim", engine="model"), latency_ns=1e6)
    assert isinstance(found, RunRecord)
    return found


@pytest.fixture(scope="module")
def run(record: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    path = tmp_path_factory.mktemp("judged") / "a.h5"
    write_run(path, record)
    with open_run(path) as opened:
        yield opened


def judged(run: Run, text: str) -> Judgement:
    return judge(run, parse_limits(HEAD + text, "x"))


def test_each_bound_gives_its_verdict(run: Run) -> None:
    base = {"metric": "iops", "direction": "write", "where": WRITE_4K}
    text = (
        limit("met", **base, at_least=RATE)
        + limit("inside", **base, at_least=RATE / 2, marginal=0.5)
        + limit("near", **base, at_least=RATE * 0.97, marginal=0.05)
        + limit("missed", **base, at_least=RATE * 1.001)
        + limit("above", **base, at_most=RATE * 0.999)
        + limit("between", **base, at_least=RATE * 0.9, at_most=RATE * 1.1)
        + limit("elsewhere", **(base | {"where": {"test": "iops", "block_size": 12345}}), at_least=1)
        + limit("too-rare", metric="latency_p99.9999", direction="write", where=WRITE_4K, at_most="1s")
    )
    found = {one.id: one for one in judged(run, text).verdicts}
    assert {name: one.verdict for name, one in found.items()} == {
        "met": "PASS", "inside": "PASS", "near": "MARGINAL", "missed": "FAIL", "above": "FAIL", "between": "PASS",
        "elsewhere": "NOT_EVALUATED", "too-rare": "NOT_EVALUATED",
    }  # fmt: skip
    assert found["missed"].margin == pytest.approx(-0.001, rel=0.01)
    assert found["elsewhere"].reason == "nothing measured it"
    assert "too few" in found["too-rare"].reason


def test_the_window_s_average_is_judged_and_not_each_round(run: Run) -> None:
    found = judged(run, limit("a", metric="iops", direction="write", where=WRITE_4K, at_least=1))
    assert found.verdicts[0].count == 1
    by_round = {**WRITE_4K, "phase": "round"}
    found = judged(run, limit("a", metric="iops", direction="write", where=by_round, at_least=1))
    assert found.verdicts[0].count == 5


def test_a_bound_per_terabyte_grows_with_the_device(run: Run) -> None:
    terabytes = (1 << 40) / 1e12
    for factor, expected in ((0.999, "PASS"), (1.001, "FAIL")):
        text = limit(
            "a", metric="iops", direction="write", where=WRITE_4K, at_least=factor * RATE / terabytes, per_TB=True
        )
        found = judged(run, text).verdicts[0]
        assert found.verdict == expected
        assert found.at_least == pytest.approx(factor * RATE)


def test_the_worst_of_several_measurements_counts(run: Run) -> None:
    where = {"test": "iops", "read_percent": 0}
    found = judged(run, limit("a", metric="bandwidth", direction="write", where=where, at_least="11MB/s"))
    assert found.overall == "FAIL"
    assert found.verdicts[0].count == 8
    assert found.verdicts[0].value == pytest.approx(RATE * 512)
    assert "block_size 512" in found.verdicts[0].reason
    for aggregate, expected in (("max", RATE * (1 << 20)), ("min", RATE * 512)):
        text = limit("a", metric="bandwidth", direction="write", where=where, at_least=1, aggregate=aggregate)
        assert judged(run, text).verdicts[0].value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("bound", "verdict", "reason"),
    [("1ns", "FAIL", ""), ("1s", "NOT_EVALUATED", "in 1 of 2 measurements there were too few samples to say p99.9")],
)
def test_a_percentile_that_some_measurements_lack_is_no_pass(
    sample_runs: ModuleType, tmp_path: Path, bound: str, verdict: str, reason: str
) -> None:
    steps = [
        sample_runs.step(0, "long", sample_runs.measurement(1, 5000.0, samples=20_000), {"test": "mix"}, {}),
        sample_runs.step(1, "short", sample_runs.measurement(2, 5000.0, samples=2000), {"test": "mix"}, {}),
    ]
    write_run(tmp_path / "a.h5", sample_runs.record("file:/t.bin?size=1GiB", steps))
    with open_run(tmp_path / "a.h5") as run:
        text = limit("a", metric="latency_p99.9", direction="read", where={"test": "mix"}, at_most=bound)
        found = judged(run, text).verdicts[0]
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_bound_per_terabyte_needs_the_capacity(sample_runs: ModuleType, tmp_path: Path) -> None:
    steps = [sample_runs.step(0, "a", sample_runs.measurement(1, 5000.0), {}, {})]
    record = sample_runs.record("file:/t.bin?size=1GiB", steps)
    write_run(tmp_path / "a.h5", msgspec.structs.replace(record, recipe={}))
    with open_run(tmp_path / "a.h5") as run:
        found = judged(run, limit("a", metric="iops", direction="read", at_least=1, per_TB=True)).verdicts[0]
    assert (found.verdict, found.reason) == ("NOT_EVALUATED", "the device's capacity is not known")


def test_a_run_that_did_not_complete_is_not_judged(tmp_path: Path, record: RunRecord) -> None:
    broken = msgspec.structs.replace(record, header=msgspec.structs.replace(record.header, status="ABORTED"))
    write_run(tmp_path / "a.h5", broken)
    with open_run(tmp_path / "a.h5") as run:
        found = judged(run, limit("a", metric="iops", direction="write", where=WRITE_4K, at_least=1))
    assert (found.overall, found.verdicts[0].reason) == ("NOT_EVALUATED", "the run ended ABORTED")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["PASS", "PASS"], "PASS"),
        (["PASS", "MARGINAL"], "MARGINAL"),
        (["MARGINAL", "NOT_EVALUATED"], "NOT_EVALUATED"),
        (["NOT_EVALUATED", "FAIL"], "FAIL"),
        ([], "NOT_EVALUATED"),
    ],
)
def test_the_worst_verdict_is_the_whole_one(words: list[str], expected: str) -> None:
    assert overall(words) == expected  # type: ignore[arg-type]


def test_verdicts_are_kept_and_a_forged_one_shows(tmp_path: Path, record: RunRecord) -> None:
    text = HEAD + limit("a", metric="iops", direction="write", where=WRITE_4K, at_least=RATE * 2, clause="3.1")
    with_limits = msgspec.structs.replace(record, recipe={**record.recipe, "limits": text})
    path = tmp_path / "a.h5"
    write_run(path, with_limits, complete=lambda part: completion.complete(part, "a.h5"))
    with open_run(path) as run:
        assert run.header.verdict == "FAIL"
        stored = read_verdicts(run)
        anew = judge(run, parse_limits(text, "x"))
        assert stored == anew
        assert differences(stored, anew) == []
        assert differences(None, anew) == ["the file holds limits but no verdicts"]
    with h5py.File(path, "r+") as file:
        file["verdicts/verdict"][0] = "PASS"
        file["verdicts"].attrs["overall"] = "PASS"
    with open_run(path) as run:
        assert differences(read_verdicts(run), anew) == [
            "limit a: stored is verdict PASS instead of FAIL",
            "the overall verdict is stored as PASS instead of FAIL",
        ]
