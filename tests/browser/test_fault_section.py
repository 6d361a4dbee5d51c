"""The fault section of the report in a real browser, of two devices on which faults really were."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from storbench.harness.cli import app
from storbench.reports.html import report_html
from storbench.reports.styles import contrast
from storbench.results.run_file import open_run

SHORT = ["only=hang,bit-flip,no-space", "baseline=1500ms", "duration=1500ms", "recovery=1500ms", "span=8MiB",
         "check_span=2MiB", "check_duration=500ms", "rate_iops=400"]  # fmt: skip
DRAWN = "document.documentElement.dataset.charts === 'drawn'"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("faults")
    settings = [word for one in SHORT for word in ("-s", one)]
    paths = []
    for name, url in (("mirror", "mirror:?size=16MiB"), ("single", "nbd:memory?size=16MiB")):
        paths.append(folder / f"{name}.h5")
        CliRunner().invoke(app, ["run", "faults.suite", "-d", url, *settings, "-o", str(paths[-1])])
        assert paths[-1].exists()
    return paths


def page(runs: list[Path]) -> str:
    with ExitStack() as stack:
        html = report_html([stack.enter_context(open_run(path)) for path in runs])
    target = runs[0].with_name(f"report{len(runs)}.html")
    target.write_text(html, encoding="utf-8")
    return target.as_uri()


def texts(chromium: Any, selector: str) -> list[str]:
    found: list[str] = chromium.evaluate(
        f"[...document.querySelectorAll('{selector}')].map((one) => one.textContent.trim())"
    )
    return found


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (400, False)])
def test_one_device_has_a_matrix_and_pictures_with_the_fault_shaded(
    chromium: Any, runs: list[Path], width: int, dark: bool
) -> None:
    chromium.open(page(runs[:1]), width=width, dark=dark)
    chromium.wait_for(DRAWN)
    assert chromium.problems() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert texts(chromium, "#faults tbody th") == ["no-space", "hang", "bit-flip"]
    heads = texts(chromium, "#faults thead th")
    assert heads == ["fault class", "verdict", *(f"I{number}" for number in range(1, 10)), "why not"]
    # Words stand left, also in the last column.
    assert (
        chromium.evaluate("getComputedStyle(document.querySelector('#faults tbody td:last-child')).textAlign") == "left"
    )
    assert len(texts(chromium, "#faults .pictures svg")) == 2
    assert chromium.evaluate("document.querySelectorAll('#faults .pictures svg rect.window').length") == 2
    colors = chromium.evaluate(
        """(() => {
          const of = (one, what) => getComputedStyle(document.querySelector(one))[what];
          return [of('#faults .pictures .tick', 'fill'), of('#faults .pictures figure', 'backgroundColor')];
        })()"""
    )
    text, background = ("#" + "".join(f"{int(part):02x}" for part in one[4:-1].split(",")) for one in colors)
    assert contrast(text, background) >= 4.5


def test_two_devices_stand_side_by_side(chromium: Any, runs: list[Path]) -> None:
    chromium.open(page(runs), width=1200)
    chromium.wait_for(DRAWN)
    assert texts(chromium, "#faults thead th") == [
        "fault class", "A", "A outage", "A recovery", "B", "B outage", "B recovery",
    ]  # fmt: skip
    row = texts(chromium, "#faults tbody tr:last-child > *")
    assert row[0] == "bit-flip"
    assert (row[1], row[4]) == ("PASS", "FAIL")


@pytest.mark.parametrize("width", [80, 120])
def test_two_devices_stand_side_by_side_on_a_terminal(
    runs: list[Path], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = CliRunner().invoke(app, ["compare", *map(str, runs)])
    assert done.exit_code == 0, done.output
    line = next(line for line in done.output.splitlines() if line.startswith("bit-flip"))
    assert "PASS" in line
    assert "FAIL" in line
    compared = CliRunner().invoke(app, ["compare", *map(str, runs), "--json"]).output
    assert '"bit-flip"' in compared
