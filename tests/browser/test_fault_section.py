"""The fault section of the report in a real browser, of two devices on which faults really were."""

from __future__ import annotations

import json
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from storbench.harness.cli import app
from storbench.reports.html import report_html
from storbench.reports.styles import contrast
from storbench.reports.terminal import comparison_table, run_summary
from storbench.results.comparison import compare_files
from storbench.results.run_file import open_run

SHORT = ["only=server-restarted,hang,bit-flip", "baseline=1500ms", "duration=1500ms", "recovery=1500ms", "span=8MiB",
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
    target = runs[0].with_name(f"report-{'-'.join(path.stem for path in runs)}.html")
    target.write_text(html, encoding="utf-8")
    return target.as_uri()


def texts(chromium: Any, selector: str) -> list[str]:
    found: list[str] = chromium.evaluate(
        f"[...document.querySelectorAll('{selector}')].map((one) => one.textContent.trim())"
    )
    return found


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 400])
def test_one_device_has_a_matrix_and_pictures_with_the_fault_shaded(
    chromium: Any, runs: list[Path], width: int, dark: bool
) -> None:
    chromium.open(page(runs[:1]), width=width, dark=dark)
    chromium.wait_for(DRAWN)
    assert chromium.problems() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    assert texts(chromium, "#faults tbody th") == ["server-restarted", "hang", "bit-flip"]
    heads = texts(chromium, "#faults thead th")
    assert heads == ["fault class", "verdict", *(f"I{number}" for number in range(1, 10)), "why not"]
    # Words stand left, also in the last column.
    assert (
        chromium.evaluate("getComputedStyle(document.querySelector('#faults tbody td:last-child')).textAlign") == "left"
    )
    assert texts(chromium, "#faults .pictures figcaption") == ["IOPS", "Latency"]
    assert chromium.evaluate("document.querySelectorAll('#faults .pictures svg rect.window').length") == 2


def test_reasons_are_read_without_moving_the_matrix(chromium: Any, runs: list[Path]) -> None:
    chromium.open(page(runs[:1]), width=1000)
    chromium.wait_for(DRAWN)
    assert max(map(len, texts(chromium, "#faults tbody td:last-child"))) > 60
    assert chromium.evaluate(
        "(() => { const box = document.querySelector('#faults .scroll'); return box.scrollWidth <= box.clientWidth })()"
    )


LEGIBLE = """(() => {
  // What stands behind a text: the first box around it that is painted.
  const behind = (one) => {
    for (let box = one; box; box = box.parentElement) {
      const color = getComputedStyle(box).backgroundColor;
      if (!(box instanceof SVGElement) && color !== 'rgba(0, 0, 0, 0)') return color;
    }
  };
  const chosen = '#faults :is(h2, p, caption, th, td, summary, figcaption, svg.plot text)';
  return [...document.querySelectorAll(chosen)]
    .filter((one) => one.textContent.trim() && one.getClientRects().length)
    .map((one) => {
      const style = getComputedStyle(one), svg = one.closest('svg');
      const factor = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
      return [one.textContent.trim(), svg ? style.fill : style.color, behind(one), parseFloat(style.fontSize) * factor];
    });
})()"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 400])
def test_every_text_is_large_enough_and_stands_out(chromium: Any, runs: list[Path], width: int, dark: bool) -> None:
    chromium.open(page(runs), width=width, dark=dark)
    chromium.wait_for(DRAWN)
    chromium.evaluate("document.querySelectorAll('#faults details').forEach((one) => { one.open = true }); 0")
    found = chromium.evaluate(LEGIBLE)
    assert {"FAIL", "time", "median"} <= {text for text, *_ in found}
    # WCAG 2.1, 1.4.3.
    assert [one for one in found if contrast(hexadecimal(one[1]), hexadecimal(one[2])) < 4.5] == []
    assert [one for one in found if one[3] < 8.5] == []


def hexadecimal(color: str) -> str:
    """Give `#rrggbb` for `rgb(…)`."""
    assert color.startswith("rgb("), color
    return "#" + "".join(f"{int(part):02x}" for part in color[4:-1].split(","))


NAMES_APART = """[...document.querySelectorAll('#faults details[open] svg.plot')].map((svg) => {
  // Of the legend: names, and the strokes before them, which are the lines below the axis' name.
  const names = [...svg.querySelectorAll('text.key')].map((one) => one.getBoundingClientRect());
  const strokes = [...svg.querySelectorAll('line.line, line.guide')].map((one) => one.getBoundingClientRect());
  const page = svg.getBoundingClientRect();
  return names.every((name) => name.right <= page.right && strokes.every((stroke) =>
    stroke.top > name.bottom || stroke.bottom < name.top || stroke.left >= name.right || stroke.right <= name.left));
})"""


@pytest.mark.parametrize("width", [1200, 400])
def test_the_names_of_a_legend_do_not_run_into_one_another(chromium: Any, runs: list[Path], width: int) -> None:
    chromium.open(page(runs), width=width)
    chromium.wait_for(DRAWN)
    found = chromium.evaluate(NAMES_APART)
    assert found
    assert all(found)


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
def test_two_devices_stand_side_by_side_on_a_terminal(runs: list[Path], width: int) -> None:
    comparison = compare_files(runs)
    lines = printed(comparison_table(comparison), width)
    assert max(map(len, lines)) <= width
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.split()}
    assert rows["bit-flip"] == ["PASS", "–", "–", "FAIL", "–", "–"]
    assert rows["hang"][0] in ("PASS", "FAIL")
    assert "nothing to compare" not in " ".join(lines)
    assert "no counterpart" not in " ".join(lines)


def test_a_matrix_fits_into_80_columns(runs: list[Path]) -> None:
    with open_run(runs[1]) as run:
        lines = printed(run_summary(run), 80)
    (line,) = (line for line in lines if line.startswith("bit-flip") and len(line.split()) > 5)
    assert line.split() == ["bit-flip", "ok", "FAIL", "ok", "ok", *"·····", "FAIL"]


def test_the_comparison_of_fault_classes_is_in_the_json(runs: list[Path]) -> None:
    done = CliRunner().invoke(app, ["compare", *map(str, runs), "--json"])
    assert done.exit_code == 0, done.output
    found = {one["fault"]: one["outcomes"] for one in json.loads(done.output)["faults"]}
    assert [one["verdict"] for one in found["bit-flip"]] == ["PASS", "FAIL"]
    assert found["hang"][0]["outage_s"] > 1


def printed(part: Any, width: int) -> list[str]:
    file = StringIO()
    Console(file=file, width=width).print(part)
    return [line.rstrip() for line in file.getvalue().splitlines()]
