"""What CI services read: each format by a reader of its own, or against its published schema."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import junitparser
import numpy as np
import pytest

from storbench.common.errors import InputError
from storbench.reports.ci.answer import Answer, Line, answer_of_baseline, answer_of_pairs, answer_of_run
from storbench.reports.ci.formats import FORMATS, format_named
from storbench.reports.exports import export
from storbench.results.baseline import BaselineSamples, compare_to_baseline
from storbench.results.paired import PairedSamples, compare_pairs
from storbench.results.run_file import open_run

BENCHER_SCHEMA: dict[str, Any] = {  # https://bencher.dev/bmf.json, and the lengths of names that the page gives
    "$schema": "http://json-schema.org/draft-07/schema",
    "type": "object",
    "propertyNames": {"maxLength": 1024},
    "patternProperties": {
        ".+": {
            "type": "object",
            "propertyNames": {"maxLength": 64},
            "patternProperties": {
                ".+": {
                    "type": "object",
                    "properties": {name: {"type": "number"} for name in ("value", "lower_value", "upper_value")},
                    "required": ["value"],
                    "additionalProperties": False,
                }
            },
        }
    },
}


def pairs_answer(*, loss: float = 0.0, latency: float = 0.0) -> Answer:
    """An answer of ten pairs, in which B has `loss` fewer I/Os and `latency` more latency."""
    random = np.random.default_rng(3)
    rates, others = (tuple((1000 * factor * np.exp(random.normal(0, 0.01, 10))).tolist()) for factor in (1, 1 - loss))
    tails = [tuple((9e5 * f * np.exp(random.normal(0, 0.01, 10))).tolist()) for f in (1.0, 1 + latency)]
    samples = [
        PairedSamples("randread 4KiB qd1 read", "iops", rates, others, True, 0.02),
        PairedSamples("randread 4KiB qd1 read", "latency_p99", tails[0], tails[1], False, 0.05),
    ]
    title = 'randrw: "b" & <c>: 100% | * against\na'
    return answer_of_pairs(samples, compare_pairs(samples), title, "2026-11-26T07:00:00+00:00", "0123456789abcdef")


def open_answer() -> Answer:
    """An answer that is open for lack of a history, with remarks."""
    samples = [BaselineSamples("job", "iops", ((1.0,), (1.1,)), (1.0,), True, 0.02)]
    found = compare_to_baseline(samples)
    return answer_of_baseline(samples, found, "a title", ["a remark", "one\nmore"], "2026-11-26T07:00:00+00:00")


def rendered(name: str, answer: Answer) -> str:
    return format_named(name).render(answer).decode()


def test_junit_is_read_back_by_a_reader_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "junit.xml"
    path.write_text(rendered("junit", pairs_answer(loss=0.1)))

    (suite,) = junitparser.JUnitXml.fromfile(str(path))

    assert suite.name == 'randrw: "b" & <c>: 100% | * against\na'
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (2, 1, 0, 0)
    rate, tail = suite
    assert (rate.name, rate.classname) == ("randread 4KiB qd1 read iops", "storbench.ab")
    assert rate.result[0].type == "REGRESSED"
    assert rate.result[0].message.startswith("REGRESSED: -")
    assert tail.is_passed
    assert datetime.fromisoformat(suite.timestamp)


def test_in_junit_what_is_open_was_skipped_and_what_failed_is_an_error(tmp_path: Path) -> None:
    (suite,) = junitparser.JUnitXml.fromstring(format_named("junit").render(open_answer()))
    (case,) = suite
    assert case.is_skipped
    assert "do not show how much sessions differ" in case.result[0].message
    assert b"<system-out>a remark\none\nmore</system-out>" in format_named("junit").render(open_answer())

    failed = Answer("run", "t\x00\x1b", [Line("j", "iops", "1/s", True, 1.0)] * 2, ["the run\x07 ended ERROR"])
    (suite,) = junitparser.JUnitXml.fromstring(format_named("junit").render(failed))
    assert [case.name for case in suite] == ["run", "j iops", "j iops #2"]
    assert [case.is_error for case in suite] == [True, False, False]


def test_bencher_takes_it_by_its_own_schema() -> None:
    for answer in (
        pairs_answer(loss=0.1),
        open_answer(),
        Answer("run", "t", [Line("x" * 3000, "y" * 99, "1", True, 1)]),
    ):
        found = json.loads(rendered("bencher", answer))
        jsonschema.validate(found, BENCHER_SCHEMA)
    found = json.loads(rendered("bencher", pairs_answer(loss=0.1)))["randread 4KiB qd1 read"]
    assert set(found) == {"throughput", "latency-p99"}
    assert 800 < found["throughput"]["lower_value"] < found["throughput"]["value"] < found["throughput"]["upper_value"]


def test_steps_of_one_label_stay_apart() -> None:
    answer = Answer("run", "t", [Line("j", "iops", "1/s", True, 1.0), Line("j", "iops", "1/s", True, 2.0)])
    assert json.loads(rendered("bencher", answer)) == {
        "j": {"throughput": {"value": 1.0}}, "j #2": {"throughput": {"value": 2.0}}
    }  # fmt: skip
    names = [one["name"] for one in json.loads(rendered("github-benchmark-bigger", answer))]
    assert names == ["j iops", "j iops #2"] == rendered("otava", answer).splitlines()[0].split(",")[2:]


def test_github_action_benchmark_gets_what_its_custom_tools_read() -> None:
    # src/extract.ts takes name, value, unit, range and extra of each entry, and compares value as a number.
    bigger = json.loads(rendered("github-benchmark-bigger", pairs_answer(loss=0.1)))
    smaller = json.loads(rendered("github-benchmark-smaller", pairs_answer(loss=0.1)))
    for entry in (*bigger, *smaller):
        assert set(entry) <= {"name", "value", "unit", "range", "extra"}
        assert isinstance(entry["value"], float)
        assert all(isinstance(entry[key], str) for key in ("name", "unit", "range", "extra"))
    assert [entry["unit"] for entry in bigger] == ["1/s"]
    assert [entry["unit"] for entry in smaller] == ["ns"]


def test_otava_gets_a_row_with_a_time_a_commit_and_numbers() -> None:
    (row,) = csv.DictReader(rendered("otava", pairs_answer()).splitlines())
    assert datetime.fromisoformat(row["time"]).tzinfo
    assert row["commit"] == "0123456789abcdef"
    assert float(row["randread 4KiB qd1 read iops"]) == pytest.approx(1000, rel=0.02)


def test_annotations_are_one_line_each_and_the_gravest_come_first() -> None:
    answer = pairs_answer(loss=0.1, latency=-0.2)
    answer = Answer(answer.command, answer.title, [*open_answer().lines, *answer.lines], ["100 %\nfailed"])
    lines = rendered("github", answer).splitlines()
    assert lines[0] == "::error title=storbench ab::100 %25%0Afailed"
    assert [line.split(" ", 1)[0] for line in lines] == ["::error", "::error", "::warning", "::notice"]
    assert lines[1].startswith("::error title=storage%3A randread 4KiB qd1 read iops::REGRESSED: -")
    nothing = rendered("github", Answer("run", "a: b", []))
    assert nothing == "::notice title=storbench run::a: b: measured\n"


def test_markdown_says_the_answer_first_and_no_text_breaks_the_table() -> None:
    lines = rendered("markdown", pairs_answer(loss=0.1)).splitlines()
    assert lines[0] == "<!-- storbench ab -->"
    assert lines[1] == '### 🔴 REGRESSED: randrw: "b" & &lt;c&gt;: 100% \\| \\* against a'
    table = [line for line in lines if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {7}
    assert "| 🔴 REGRESSED | randread 4KiB qd1 read | iops | -" in table[2]
    assert lines[-1] == "Commit 0123456789ab"
    assert "- a remark" in rendered("markdown", open_answer())


def test_runs_are_exported_in_every_format(sample_runs: ModuleType, tmp_path: Path) -> None:
    provenance = {"environment_start": {"commit": "abc"}}
    path = sample_runs.write(
        tmp_path, "a", sample_runs.record("file:x", sample_runs.sweep_steps(9000)[:2], provenance=provenance)
    )
    with open_run(path) as run:
        answer = answer_of_run(run)
        contents = {one.name: export(run, one.name).decode() for one in FORMATS}
    assert answer.commit == "abc"
    assert {line.verdict for line in answer.lines} == {""}
    assert len(answer.lines) == 2 * 2 * 6
    (suite,) = junitparser.JUnitXml.fromstring(contents["junit"].encode())
    assert (suite.tests, suite.failures, suite.errors) == (24, 0, 0)
    jsonschema.validate(json.loads(contents["bencher"]), BENCHER_SCHEMA)
    (row,) = csv.DictReader(contents["otava"].splitlines())
    assert row["commit"] == "abc"
    assert len(row) == 26


def test_a_run_that_failed_is_no_success(sample_runs: ModuleType, tmp_path: Path) -> None:
    header = {"status": "ERROR", "reason": "no space", "verdict": "FAIL"}
    path = sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [], header=header))
    with open_run(path) as run:
        assert answer_of_run(run).failures == [
            "the run ended ERROR: no space", "the device is not within its limits: verdict FAIL"
        ]  # fmt: skip
        (suite,) = junitparser.JUnitXml.fromstring(export(run, "junit"))
        assert suite.errors == 2
        assert export(run, "github").startswith(b"::error title=storbench run::the run ended ERROR: no space\n")


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no CI format 'junitt'") as raised:
        format_named("junitt")
    assert "junit" in raised.value.hint
