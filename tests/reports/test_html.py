from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import time
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.harness.engines.fio.output import decode_document, jobs_of_document, measurement_of
from storbench.reports.chart_data import Block, bucket_edges, keys_of, reduce_column, rounded, rows_of
from storbench.reports.html import report_html
from storbench.reports.names import letters, name_runs
from storbench.reports.styles import DARK, DARK_BACKGROUND, LIGHT, LIGHT_BACKGROUND, contrast
from storbench.reports.sweep import choose_label, other_labels, points_of
from storbench.results.measurement import Direction, Latency, Measurement
from storbench.results.run_file import open_run

MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, scripts, styles, and the text that is shown."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.shown = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = tag
            (self.scripts if tag == "script" else self.styles).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            (self.scripts if self._inside == "script" else self.styles)[-1] += data
        else:
            self.shown += f" {data}"

    @property
    def text(self) -> str:
        return " ".join(self.shown.split())

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.elements if "id" in attributes]

    @property
    def data(self) -> dict[str, Any]:
        number = [tag for tag, _ in self.elements if tag == "script"]
        assert number
        document: dict[str, Any] = json.loads(self.scripts[0])
        return document

    def attribute(self, tag: str, name: str) -> list[str]:
        return [attributes[name] or "" for found, attributes in self.elements if found == tag and name in attributes]


def page_of(*paths: Path) -> Page:
    return Page(html_of(*paths))


def html_of(*paths: Path) -> str:
    with ExitStack() as stack:
        return report_html([stack.enter_context(open_run(path)) for path in paths])


@pytest.fixture
def two(tmp_path: Path, sample_runs: ModuleType) -> list[Path]:
    fast = sample_runs.record("file:/data/t.bin?size=256MiB", sample_runs.sweep_steps(12000))
    slow = sample_runs.record("nbd:memory?size=256MiB", sample_runs.sweep_steps(6000, seed=9))
    return [sample_runs.write(tmp_path, "fast", fast), sample_runs.write(tmp_path, "slow", slow)]


def test_a_report_has_every_section_that_its_runs_have_something_for(
    tmp_path: Path, two: list[Path], sample_runs: ModuleType
) -> None:
    clients = sample_runs.write(tmp_path, "clients", sample_runs.record("sim:flash", sample_runs.client_steps(3, 9000)))
    sections = ["overview", "sweep", "distribution", "series", "telemetry", "environment", "numbers", "recipe"]
    assert [i for i in page_of(*two).ids if i in {*sections, "fairness"}] == sections
    assert "fairness" in page_of(clients).ids


def test_a_run_that_measured_nothing_has_no_charts_and_says_why(tmp_path: Path, sample_runs: ModuleType) -> None:
    failed = sample_runs.step(0, "4KiB qd1", None, {}, {}, status="ERROR", error="fio: No space left on device")
    header = {"status": "ERROR", "reason": "the device is full"}
    bare = sample_runs.record("file:/data/t.bin", [failed], header=header)
    path = sample_runs.write(tmp_path, "bare", bare)
    page = page_of(path)
    assert not {"sweep", "distribution", "series", "fairness"} & set(page.ids)
    assert "A is not complete." in page.text
    assert "the device is full" in page.text
    assert "No space left on device" in page.text
    assert "0 of 1" in page.text


@pytest.mark.parametrize("status", ["ABORTED", "ERROR", "INTERRUPTED"])
def test_a_run_that_did_not_complete_has_a_banner(tmp_path: Path, sample_runs: ModuleType, status: str) -> None:
    run = sample_runs.record("file:/data/t.bin", sample_runs.sweep_steps(9000)[:2], header={"status": status})
    page = page_of(sample_runs.write(tmp_path, "run", run))
    assert f"ended as {status}" in page.text
    assert page.attribute("p", "role") == ["alert"]


def test_a_completed_run_has_no_banner_and_a_failed_verdict_has_one(tmp_path: Path, sample_runs: ModuleType) -> None:
    steps = sample_runs.sweep_steps(9000)[:2]
    fine = sample_runs.write(tmp_path, "fine", sample_runs.record("file:/a", steps))
    failing = sample_runs.write(tmp_path, "failing", sample_runs.record("file:/a", steps, header={"verdict": "FAIL"}))
    assert page_of(fine).attribute("p", "role") == []
    assert "does not meet its limits" in page_of(failing).text


HOSTILE = "file:/x</script><script>window.hacked=1</script><img src=x onerror=hacked=1>'\"{{7*7}}"


def hostile_run(sample_runs: ModuleType) -> Any:
    measured = sample_runs.measurement(1, 9000, clients=3, notes=[HOSTILE], errors={HOSTILE: 2})
    steps = [
        sample_runs.step(
            i, f"{HOSTILE}{i}", measured, {"what": HOSTILE, "n": i + 1}, {"block_size": 4096, "n": i}, job_file=HOSTILE
        )
        for i in range(2)
    ]
    return sample_runs.record(
        HOSTILE,
        steps,
        header={"workload": HOSTILE, "status": "ABORTED", "reason": HOSTILE, "engine": HOSTILE, "created": HOSTILE},
        notes=[HOSTILE],
        provenance={"host": {HOSTILE: HOSTILE}, "device_start": {"model": HOSTILE}, "device_end": {"model": "other"}},
    )


def test_text_from_a_file_is_never_markup(tmp_path: Path, two: list[Path], sample_runs: ModuleType) -> None:
    page = page_of(sample_runs.write(tmp_path, "hostile", hostile_run(sample_runs)), two[0])
    assert len(page.scripts) == 3
    assert not [tag for tag, _ in page.elements if tag == "img"]
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "window.hacked=1" in page.text
    assert page.data["figures"]


def test_the_policy_allows_these_scripts_and_this_style_and_no_network(two: list[Path]) -> None:
    page = page_of(*two)
    policy = dict(part.split(" ", 1) for part in page.attribute("meta", "content")[0].split("; "))
    assert policy["default-src"] == "'none'"
    assert set(policy["script-src"].split()) == {_hash(script) for script in page.scripts[1:]}
    assert policy["style-src"].split() == [_hash(page.styles[0])]
    assert policy["img-src"] == "data:"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_nothing_in_the_page_leads_out_of_it(two: list[Path]) -> None:
    page = page_of(*two)
    links = page.attribute("a", "href")
    assert {link.removeprefix("#") for link in links} <= set(page.ids)
    assert all(link.startswith("data:") for link in page.attribute("link", "href"))
    assert not [tag for tag, attributes in page.elements if {"src", "srcset", "action", "poster"} & set(attributes)]
    assert "@import" not in page.styles[0]
    assert "url(" not in page.styles[0]
    assert len(page.ids) == len(set(page.ids))


def test_the_same_runs_give_the_same_page(two: list[Path]) -> None:
    assert html_of(*two) == html_of(*two)


def test_twenty_runs_with_long_series_stay_below_three_megabytes(
    tmp_path: Path, sample_runs: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = sample_runs.many_repeats(tmp_path, 20, intervals=300)
    before = time.perf_counter()
    html = html_of(*paths)
    size = len(html.encode())
    with capsys.disabled():
        print(f"\nreport of 20 runs: {size / 1e6:.2f} MB in {time.perf_counter() - before:.1f} s")
    assert size <= MOST_BYTES
    page = Page(html)
    rows = sum(len(block["columns"]["x"]) for block in page.data["datasets"]["series"])
    assert rows <= 17_000
    assert "Long series are drawn in buckets" in page.text


def test_steps_with_the_same_job_stand_side_by_side_whatever_their_seeds(two: list[Path]) -> None:
    page = page_of(*two)
    assert "Side by side" in page.text
    assert "0.50×" in page.text
    assert "no counterpart" not in page.text


def test_repeats_share_a_letter_and_a_colour_and_are_summed_up_with_an_interval(
    tmp_path: Path, sample_runs: ModuleType
) -> None:
    page = page_of(*sample_runs.many_repeats(tmp_path, 6, intervals=3))
    assert {key["name"] for key in page.data["keys"].values()} == {
        "A · file:/data/t.bin · 3 repeats",
        "B · nbd:memory · 3 repeats",
    }
    assert "A3" in page.text
    assert "Values are geometric means over the runs of a subject" in page.text
    assert re.search(r"0\.\d\d×\s*0\.\d\d–0\.\d\d", page.text)
    lines = {block["fixed"]["run"] for block in page.data["datasets"]["rates-0"]}
    assert len(lines) == 6


def test_only_facts_that_differ_are_listed_and_changes_within_a_run_apart(two: list[Path]) -> None:
    page = page_of(*two)
    environment = page.text.split("Differences between the runs, at their start")[1].split("All numbers")[0]
    assert "device: model" in environment
    assert "kernel" not in environment
    assert "environment: turbo A true false" in environment
    assert "load_1min" not in environment  # it is never twice the same
    assert "governor" not in environment


def test_a_percentile_without_support_is_not_drawn_and_the_page_says_so(
    tmp_path: Path, sample_runs: ModuleType
) -> None:
    steps = [
        sample_runs.step(
            n, f"qd{n + 1}", sample_runs.measurement(n, 900, samples=2000), {"queue_depth": n + 1}, {"n": n}
        )
        for n in range(2)
    ]
    page = page_of(sample_runs.write(tmp_path, "few", sample_runs.record("file:/a", steps, notes=[])))
    assert {block["fixed"]["style"] for block in page.data["datasets"]["latencies-0"]} == {"p50", "p99"}
    assert "p99.9 is not shown for qd1, qd2: fewer than ten samples lie beyond." in page.text
    longest = max(x for block in page.data["datasets"]["distribution-read"] for x in block["columns"]["x"])
    assert longest <= 2000 / 10 * 1.01


def test_percentiles_of_an_import_without_bins_are_drawn_by_depth_but_not_as_a_distribution(
    tmp_path: Path, sample_runs: ModuleType
) -> None:
    latency = Latency(mean_ns=2e5, max_ns=1e6, reported={"p50": 100_000, "p99": 900_000}, reported_samples=5000)
    measured = Measurement("fio-2.99", 1.0, read=Direction(5000, 5000 * 4096, 1.0, 5000.0, 5000 * 4096.0, latency))
    steps = [sample_runs.step(n, f"step {n}", measured, {}, {"queue_depth": n + 1}) for n in range(3)]
    page = page_of(sample_runs.write(tmp_path, "old", sample_runs.record("file:/a", steps)))
    assert "distribution" not in page.ids
    assert "IOPS and latency by queue depth" in page.text
    assert [block["columns"]["y"] for block in page.data["datasets"]["latencies-0"]] == [[100_000] * 3, [900_000] * 3]


def test_sync_latencies_have_a_chart_of_their_own(tmp_path: Path, sample_runs: ModuleType) -> None:
    steps = [
        sample_runs.step(
            n, f"every {every}", sample_runs.measurement(n, 900, syncs=True), {"fsync_every": every}, {"n": n}
        )
        for n, every in enumerate((0, 1, 16))
    ]
    page = page_of(sample_runs.write(tmp_path, "syncs", sample_runs.record("file:/a", steps)))
    assert "Syncs: latency by percentile" in page.attribute("div", "aria-label")
    assert "Syncs: latency percentiles by writes per sync" in page.attribute("div", "aria-label")


def test_telemetry_that_never_moves_or_knows_nothing_is_not_drawn(tmp_path: Path, sample_runs: ModuleType) -> None:
    import msgspec

    run = sample_runs.record("file:/a", sample_runs.sweep_steps(900)[:2])
    seconds = len(run.telemetry["time_s"])
    telemetry = {**run.telemetry, "unknown": [float("nan")] * seconds, "half": [float("nan"), 1.0] * (seconds // 2)}
    run = msgspec.structs.replace(run, telemetry=telemetry)
    page = page_of(sample_runs.write(tmp_path, "run", run))
    drawn = [f["title"] for f in page.data["figures"] if f["id"].startswith("chart-telemetry")]
    assert drawn == ["cpu percent", "disk write bytes"]


def test_the_axis_is_the_numeric_label_with_most_values_and_aliases_of_it_are_no_combination(
    tmp_path: Path, sample_runs: ModuleType
) -> None:
    measured = sample_runs.measurement(1, 900, samples=100, intervals=2)
    steps = [
        sample_runs.step(
            0, "s", measured, {"clients": n, "jobs": n, "block_size": size, "mode": "x"}, {"n": n, "b": size}
        )
        for n in (1, 4, 16)
        for size in (4096, 8192)
    ]
    import msgspec

    steps = [msgspec.structs.replace(step, index=index) for index, step in enumerate(steps)]
    with open_run(sample_runs.write(tmp_path, "run", sample_runs.record("file:/a", steps))) as run:
        points = points_of(name_runs([run]))
        assert choose_label(points) == "clients"
        assert other_labels(points, "clients") == ["block_size"]


def test_steps_that_vary_in_nothing_numeric_stand_side_by_side(tmp_path: Path, sample_runs: ModuleType) -> None:
    steps = sample_runs.sweep_steps(900)[:1]
    paths = [sample_runs.write(tmp_path, n, sample_runs.record(f"file:/{n}", steps)) for n in "ab"]
    page = page_of(*paths)
    assert "IOPS and latency by step" in page.text
    assert {row["x"] for row in rows_in(page, "rates-0")} == {"randrw 4KiB qd1"}


def rows_in(page: Page, name: str) -> list[dict[str, Any]]:
    return rows_of([Block(block["fixed"], block["columns"]) for block in page.data["datasets"][name]])


def test_a_run_of_real_fio_is_drawn_with_fios_own_numbers(tmp_path: Path, sample_runs: ModuleType) -> None:
    steps = []
    for index, size in enumerate((4096, 16384)):
        options = f"--name=j --filename={tmp_path / 't.bin'} --size=4M --rw=randrw --ioengine=psync --bs={size}"
        command = f"fio {options} --numjobs=2 --time_based --runtime=0.4s --output-format=json+".split()
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        document = decode_document(done.stdout[done.stdout.index(b"{") :])
        measured = measurement_of(document, jobs_of_document(document))
        steps.append(sample_runs.step(index, f"bs {size}", measured, {"block_size": size}, {"block_size": size}))
    page = page_of(sample_runs.write(tmp_path, "real", sample_runs.record("file:/t.bin", steps)))
    rows = rows_in(page, "rates-0")
    assert [row["x"] for row in rows] == [4096, 16384]
    assert [row["y"] for row in rows] == [rounded(s.measurement.read.iops, 5) for s in steps]
    medians = [row["y"] for row in rows_in(page, "latencies-0") if row["style"] == "p50"]
    assert medians == [rounded(s.measurement.read.latency.percentile(50), 5) for s in steps]
    assert "fairness" in page.ids


@pytest.mark.parametrize(("colors", "background"), [(LIGHT, LIGHT_BACKGROUND), (DARK, DARK_BACKGROUND)])
def test_every_line_colour_stands_out_from_the_background(colors: tuple[str, ...], background: str) -> None:
    assert min(contrast(color, background) for color in colors) >= 3


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_report_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no run to report"):
        report_html([])


def test_letters_count_on_after_z_and_never_repeat() -> None:
    assert [letters(i) for i in (0, 25, 26, 27, 701, 702)] == ["A", "Z", "AA", "AB", "ZZ", "AAA"]
    assert len({letters(i) for i in range(2000)}) == 2000


def test_few_keys_get_shapes_and_colours_of_their_own_and_many_an_ordered_scale() -> None:
    few, many = keys_of("k", list("abcdefgh")), keys_of("k", [str(i) for i in range(20)])
    assert len({key.color for key in few}) == len({key.shape for key in few}) == 8
    assert many[0].color == "r0"
    assert many[-1].color == "r31"
    assert len({key.color for key in many}) == 20


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.integers(1, 60))
def test_buckets_keep_the_extremes_and_the_mean_of_what_they_hold(values: list[float], most: int) -> None:
    array = np.array(values)
    edges = bucket_edges(len(values), most)
    low, high, mean = (reduce_column(array, edges, how) for how in ("min", "max", "mean"))
    assert len(low) == min(most, len(values))
    assert min(v for v in low if v is not None) == min(values)
    assert max(v for v in high if v is not None) == max(values)
    sizes = np.diff(edges)
    weighted = sum(m * n for m, n in zip(mean, sizes.tolist(), strict=True) if m is not None)
    assert weighted == pytest.approx(sum(values), rel=1e-9, abs=1e-6)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(2, 6))
def test_rounding_keeps_the_leading_digits(value: float, digits: int) -> None:
    short = rounded(value, digits)
    assert short is not None
    assert float(short) == pytest.approx(value, rel=10 ** (1 - digits))


def test_a_missing_value_stays_missing() -> None:
    assert rounded(None) is None
    assert rounded(float("nan")) is None
    assert reduce_column(np.array([np.nan, np.nan, 2.0]), bucket_edges(3, 3), "mean") == [None, None, 2.0]
