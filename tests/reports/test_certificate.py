"""The certificate in each of its forms says what the run file holds, and nothing that it does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from storbench.common.errors import InputError
from storbench.reports.certificate.content import content_of
from storbench.reports.certificate.documents import (
    certificate_html,
    certificate_json,
    certificate_junit,
    certificate_pdf,
)
from storbench.reports.certificate.summary import certificate_summary, standing_of
from storbench.results import completion
from storbench.results.record import RunRecord
from storbench.results.run_file import Run, open_run
from storbench.results.run_writer import write_run

LIMITS = """
name = "mine"
revision = "3"
source = "a datasheet"
[[limit]]
id = "met"
clause = "1.1"
metric = "bandwidth"
direction = "write"
where = { test = "throughput", part = "1MiB" }
at_least = "1GB/s"
[[limit]]
id = "missed<b>"
clause = "1.2"
metric = "latency_mean"
direction = "write"
where = { test = "throughput", part = "1MiB" }
at_most = "1us"
[[limit]]
id = "unknown"
clause = "1.3"
metric = "temperature_max"
direction = "device"
at_most = 70
"""


def sealed(folder: Path, record: RunRecord, limits: str = "") -> Path:
    path = folder / "a.h5"
    recipe = {**record.recipe, **({"limits": limits} if limits else {})}
    write_run(
        path, msgspec.structs.replace(record, recipe=recipe), complete=lambda part: completion.complete(part, "a.h5")
    )
    return path


@pytest.fixture(scope="module")
def run(snia_runs: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    record = snia_runs.perform("snia.pts", snia_runs.device(256 << 20, scheme="sim", engine="model"),
                               latency_ns=2e6, tests="iops,throughput,latency")  # fmt: skip
    with open_run(sealed(tmp_path_factory.mktemp("certificate"), record, LIMITS)) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(run: Run) -> str:
    return certificate_html(run)


def test_the_head_line_says_verdict_class_and_that_no_hardware_was_measured(run: Run, page: str) -> None:
    content = content_of(run)
    assert content.headline == "FAIL · CONFORMANT · simulated device: no hardware was measured"
    head = page[: page.index("</header>")]
    assert all(word in head for word in ("FAIL", "CONFORMANT", "no hardware was measured", "Not signed"))
    assert content.headline in page[: page.index("</title>")]


def test_the_page_has_every_table_and_plot_of_every_finding(run: Run, page: str) -> None:
    findings = content_of(run).findings
    assert [finding.test for finding in findings] == ["iops", "throughput", "throughput", "latency"]
    plots = sum(len(finding.plots) for finding in findings)
    solids = sum(grid.columns_3d for finding in findings for grid in finding.grids)
    assert page.count("<svg") == plots + solids == page.count("</svg>")
    for finding in findings:
        assert f"<h2>{finding.title}</h2>" in page
        for grid in finding.grids:
            assert f"<h3>{grid.title}</h3>" in page
    assert page.count("20.0 K") >= 56
    for block in ("Run", "Test platform", "Device under test", "Set-up"):
        assert f"<h3>{block}</h3>" in page


def test_names_from_a_file_cannot_become_markup(page: str) -> None:
    assert "missed<b>" not in page
    assert "missed&lt;b&gt;" in page


def test_verdicts_have_bound_value_margin_and_reason(page: str) -> None:
    row = re.search(r"<tr><td>[^\n]*missed&lt;b&gt;.*", page)
    assert row
    assert all(text in row[0] for text in ("FAIL", "1.2", "≤ 1.00 us", "2.00 ms", "-199900.0 %"))
    row = re.search(r"<tr><td>[^\n]*>unknown<.*", page)
    assert row
    assert "NOT EVALUATED" in row[0]
    assert "the device does not tell" in row[0]


def test_what_is_not_known_says_so(page: str) -> None:
    assert re.search(r"<dt>serial number</dt><dd class=\"missing\">not available</dd>", page)
    assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_the_json_holds_what_the_page_shows(run: Run) -> None:
    document: dict[str, Any] = msgspec.json.decode(certificate_json(run))
    assert document["headline"].startswith("FAIL · CONFORMANT")
    assert [verdict["verdict"] for verdict in document["judgement"]["verdicts"]] == ["PASS", "FAIL", "NOT_EVALUATED"]
    iops = document["findings"][0]
    assert iops["steady"]["first_steady_round"] == 5
    assert [len(row) for row in iops["grids"][0]["values"]] == [7] * 8
    assert document["evidence"]["purges"][0]["verified"] is True


def test_the_junit_xml_has_a_case_for_each_answer(run: Run) -> None:
    root = ET.fromstring(certificate_junit(run))  # noqa: S314 - our own text
    limits, procedure = root.findall("testsuite")
    assert (limits.get("tests"), limits.get("failures"), limits.get("skipped")) == ("3", "1", "1")
    assert (procedure.get("failures"), procedure.get("skipped")) == ("0", "0")
    names = [case.get("name") for case in procedure.iter("testcase")]
    assert names == [
        "the run is not INVALID by SNIA SSS PTS-E", "IOPS", "Throughput 128KiB", "Throughput 1MiB", "Latency",
    ]  # fmt: skip
    for suite in (limits, procedure):
        assert int(suite.get("tests") or 0) == len(suite.findall("testcase"))


def test_the_terminal_and_programs_get_the_same(run: Run) -> None:
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(certificate_summary(run))
    text = capture.get()
    assert "FAIL · CONFORMANT · simulated device: no hardware was measured" in text
    assert "steady state reached at round 5" in text
    assert max(map(len, text.splitlines())) <= 80
    standing = standing_of(run)
    assert (standing["verdict"], standing["conformance"], standing["limits"]) == ("FAIL", "CONFORMANT", "mine")
    assert standing["steady_state"]["throughput 1MiB"] == 5


def test_an_adapted_run_and_one_that_is_never_steady_say_so(snia_runs: ModuleType, tmp_path: Path) -> None:
    def rising(labels: dict[str, Any], job: object) -> float:
        return 1000.0 * 1.2 ** float(labels.get("round", 1))

    record = snia_runs.perform("snia.throughput", snia_runs.device(1 << 30), rising, element=1.0)
    with open_run(sealed(tmp_path, record)) as run:
        page = certificate_html(run)
        content = content_of(run)
        junit = ET.fromstring(certificate_junit(run))  # noqa: S314 - our own text
    assert content.headline == "NOT JUDGED · ADAPTED"
    assert "This run must not be called conformant" in page
    assert "STEADY STATE NOT ACHIEVED within 25 rounds" in page
    assert "element" in page
    assert junit.find(".//failure") is not None


def test_a_certificate_prints_as_pdf(page: str) -> None:
    data = certificate_pdf(page)
    assert data.startswith(b"%PDF-")
    assert len(data) > 50_000


def test_a_run_of_no_specification_has_no_certificate(snia_runs: ModuleType, tmp_path: Path) -> None:
    record = snia_runs.perform("snia.latency", snia_runs.device(1 << 30))
    recipe = {name: value for name, value in record.recipe.items() if name != "specification"}
    path = sealed(tmp_path, msgspec.structs.replace(record, recipe=recipe))
    with open_run(path) as run, pytest.raises(InputError, match="nothing to certify"):
        certificate_html(run)
