"""The report in a real browser: what a reader would notice, and what nobody should have to."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from storbench.reports.html import report_html
from storbench.results.run_file import open_run

DRAWN = "document.documentElement.dataset.charts === 'drawn'"
HOSTILE = "file:/x</script><script>window.hacked=1</script><img src=x onerror=hacked=1>'\"\\"

MARKS = """(() => Object.fromEntries([...document.querySelectorAll('figure')].map((figure) => {
  const marks = '.mark-line path, .mark-symbol path, .mark-rule line, .mark-rect path';
  const drawn = (mark) => mark.closest('[class*=role-mark]') && (mark.getAttribute('d') || mark.tagName === 'line');
  return [figure.id, [...figure.querySelectorAll(marks)].filter(drawn).length];
})))()"""


def write_report(folder: Path, name: str, paths: list[Path]) -> str:
    with ExitStack() as stack:
        html = report_html([stack.enter_context(open_run(path)) for path in paths])
    target = folder / f"{name}.html"
    target.write_text(html, encoding="utf-8")
    return target.as_uri()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, sample_runs: ModuleType) -> str:
    """A report with everything: two devices, two block sizes, clients, one run that was aborted."""
    folder = tmp_path_factory.mktemp("report")
    paths = []
    for name, device, speed, status in (
        ("a", "file:/data/t.bin?size=256MiB", 12000, "COMPLETED"),
        ("b", "nbd:memory?size=256MiB", 7000, "ABORTED"),
    ):
        steps = sample_runs.sweep_steps(speed, sizes=(4096, 65536), seed=int(speed))
        steps += sample_runs.client_steps(int(speed), speed, first=len(steps))
        header = {"status": status, "reason": "" if status == "COMPLETED" else "ended by the user"}
        paths.append(sample_runs.write(folder, name, sample_runs.record(device, steps, header=header)))
    return write_report(folder, "report", paths)


def open_page(chromium: Any, address: str, **options: Any) -> None:
    chromium.open(address, **options)
    chromium.wait_for(DRAWN)


def plot(chromium: Any, figure: str) -> tuple[float, float, float, float]:
    """Bring a chart's plot into view and give its left, top, width and height."""
    found = chromium.evaluate(
        f"""(async () => {{
          const box = document.querySelector('#{figure} .root > g > .background');
          box.scrollIntoView({{block: 'center', behavior: 'instant'}});
          // Scrolling hides the tip, with the next frame.
          for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
          const {{left, top, width, height}} = box.getBoundingClientRect();
          return [left, top, width, height];
        }})()"""
    )
    left, top, width, height = found
    return left, top, width, height


def lines_of(chromium: Any, figure: str) -> list[str]:
    found: list[str] = chromium.evaluate(
        f"[...document.querySelectorAll('#{figure} .mark-line path')].map((p) => p.getAttribute('d'))"
    )
    return found


def test_every_chart_is_drawn_without_a_word_from_the_console_or_a_request(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    marks = chromium.evaluate(MARKS)
    assert len(marks) > 10
    assert [figure for figure, count in marks.items() if count == 0] == []
    assert chromium.problems() == []
    assert chromium.requests() == [address]


def test_what_leaves_the_page_is_seen_by_these_tests(chromium: Any, tmp_path: Path) -> None:
    page = tmp_path / "leaky.html"
    page.write_text("<!doctype html><img src='http://192.0.2.1/x.png'><script>console.error('seen')</script>")
    chromium.open(page.as_uri())
    assert chromium.requests() == [page.as_uri(), "http://192.0.2.1/x.png"]
    assert "seen" in chromium.problems()


def test_the_policy_stops_what_a_file_might_have_smuggled_in(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    chromium.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.hacked=1\">'); 0")
    refused = chromium.evaluate("fetch('http://192.0.2.1/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert chromium.evaluate("window.hacked === undefined")
    assert chromium.requests() == [address]
    assert any("Content Security Policy" in problem for problem in chromium.problems())
    assert chromium.evaluate("(() => { try { return eval('1') } catch { return 'refused' } })()") == "refused"


def test_pointing_at_any_chart_shows_the_values_of_its_lines(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    figures = chromium.evaluate("[...document.querySelectorAll('figure')].map((f) => f.id)")
    for figure in figures:
        left, top, width, height = plot(chromium, figure)
        shown = ""
        # A chart over time has gaps between its steps.
        for share in (0.3, 0.34, 0.38, 0.42):
            chromium.move_to(left + width * share, top + height / 2)
            shown = chromium.evaluate(
                "document.getElementById('tip').hidden ? '' : document.getElementById('tip').innerText"
            )
            if shown:
                break
        assert "file:/data/t.bin" in shown, figure
        assert re.search(r"\d", shown), figure
    chromium.move_to(2, 2)
    assert chromium.evaluate("document.getElementById('tip').hidden")


def test_the_value_at_the_pointer_is_the_one_in_the_file(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    left, top, _, height = plot(chromium, "sweep-rates-0")
    chromium.move_to(left + 12, top + height / 2)
    words = chromium.evaluate("document.getElementById('tip').innerText").split("\n")
    value = chromium.evaluate(
        "JSON.parse(document.getElementById('data').textContent).datasets['rates-0'][0].columns.y[0]"
    )
    assert words[0] == "queue depth 1"
    assert f"{value / 1000:.3g} K IOPS" in words


@pytest.mark.parametrize("width", [320, 360, 400])
def test_a_phone_needs_no_sideways_scrolling(chromium: Any, address: str, width: int) -> None:
    open_page(chromium, address, width=width, height=700)
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    wider = "(c) => c.firstElementChild.scrollWidth > c.clientWidth + 1"
    too_wide = chromium.evaluate(f"[...document.querySelectorAll('.chart')].filter({wider}).length")
    assert too_wide == 0
    assert chromium.problems() == []


def test_charts_follow_the_width_of_the_window(chromium: Any, address: str) -> None:
    open_page(chromium, address, width=1200)
    wide = plot(chromium, "series-iops")[2]
    chromium.resize(700, 900)
    chromium.wait_for(
        f"document.querySelector('#series-iops .background').getBoundingClientRect().width < {wide - 200}"
    )
    assert chromium.evaluate("document.documentElement.scrollWidth") <= 700


COLOURS = """(() => {
  const of = (selector, property) => getComputedStyle(document.querySelector(selector))[property];
  return [of('body', 'backgroundColor'), of('#sweep-rates-0 .mark-line path', 'stroke'),
    of('#sweep-rates-0 .role-axis-label text', 'fill'), of('#sweep .swatch', 'fill')];
})()"""


def test_dark_and_light_change_page_and_charts_also_while_the_page_is_open(chromium: Any, address: str) -> None:
    open_page(chromium, address, dark=False)
    light = chromium.evaluate(COLOURS)
    chromium.prefer(dark=True)
    dark = chromium.evaluate(COLOURS)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    assert light[1] == light[3]
    assert dark[1] == dark[3]
    chromium.prefer(dark=False)
    assert chromium.evaluate(COLOURS) == light


def test_ctrl_and_wheel_zoom_a_chart_and_the_plain_wheel_scrolls_the_page(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    left, top, width, height = plot(chromium, "sweep-latencies-0")
    before = lines_of(chromium, "sweep-latencies-0")
    place = chromium.evaluate("window.scrollY")
    chromium.wheel(left + width / 2, top + height / 2, -120)
    chromium.wait_for(f"window.scrollY !== {place}")
    assert lines_of(chromium, "sweep-latencies-0") == before
    left, top, width, height = plot(chromium, "sweep-latencies-0")
    chromium.wheel(left + width / 2, top + height / 2, -240, control=True)
    first = "document.querySelector('#sweep-latencies-0 .mark-line path').getAttribute('d')"
    chromium.wait_for(f"{first} !== {before[0]!r}")
    assert chromium.problems() == []


def test_charts_over_time_zoom_together(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    before = lines_of(chromium, "series-bandwidth")
    left, top, width, height = plot(chromium, "series-iops")
    chromium.wheel(left + width / 2, top + height / 2, -240, control=True)
    other = "document.querySelector('#series-bandwidth .mark-line path').getAttribute('d')"
    chromium.wait_for(f"{other} !== {before[0]!r}")
    assert chromium.problems() == []


def test_the_legend_switches_a_run_off_in_every_chart_and_on_again(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    before = lines_of(chromium, "sweep-rates-0")
    count = "document.querySelectorAll('#sweep-rates-0 .mark-line path').length"
    chromium.evaluate("document.querySelector('#sweep [data-switch=run1]').click()")
    chromium.wait_for(f"{count} === {len(before) - 1}")
    pressed = chromium.evaluate("[...document.querySelectorAll('[data-switch=run1]')].map((b) => b.ariaPressed)")
    assert set(pressed) == {"false"}
    assert len(pressed) > 2
    chromium.evaluate("document.querySelector('#series [data-switch=run1]').click()")
    chromium.wait_for(f"{count} === {len(before)}")


def test_another_step_can_be_chosen_for_the_distribution(chromium: Any, address: str) -> None:
    open_page(chromium, address)
    before = lines_of(chromium, "chart-distribution-read")
    chromium.evaluate(
        "(() => { const s = document.querySelector('#distribution select'); s.selectedIndex = 0;"
        " s.dispatchEvent(new Event('change')); })()"
    )
    line = "document.querySelector('#chart-distribution-read .mark-line path').getAttribute('d')"
    chromium.wait_for(f"{line} !== {before[0]!r}")


def test_names_that_look_like_markup_stay_text(chromium: Any, tmp_path: Path, sample_runs: ModuleType) -> None:
    measured = sample_runs.measurement(1, 9000, clients=3, notes=[HOSTILE])
    paths = []
    for number in range(2):
        steps = [
            sample_runs.step(i, f"{HOSTILE}{i}", measured, {"w": f"{HOSTILE}{i}"}, {"n": i}, job_file=HOSTILE)
            for i in range(2)
        ]
        run = sample_runs.record(f"{HOSTILE}{number}", steps, header={"workload": HOSTILE}, notes=[HOSTILE])
        paths.append(sample_runs.write(tmp_path, f"hostile{number}", run))
    page = write_report(tmp_path, "hostile", paths)
    open_page(chromium, page)
    left, top, width, height = plot(chromium, "sweep-rates-0")
    chromium.move_to(left + width / 4, top + height / 2)
    assert "window.hacked=1" in chromium.evaluate("document.getElementById('tip').innerText")
    assert chromium.evaluate("window.hacked === undefined && !document.querySelector('img')")
    assert [figure for figure, count in chromium.evaluate(MARKS).items() if count == 0] == []
    assert chromium.problems() == []
    assert chromium.requests() == [page]


def test_without_javascript_the_numbers_are_still_there(chromium: Any, address: str) -> None:
    chromium.open(address, script=False)
    text = chromium.evaluate("document.body.innerText")
    assert "The charts need JavaScript" in text
    assert "All numbers" in text
    assert chromium.problems() == []


def test_it_prints_on_a4_in_light_colours(chromium: Any, address: str, tmp_path: Path) -> None:
    open_page(chromium, address, dark=True)
    chromium.print_pdf(tmp_path / "report.pdf")
    boxes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", (tmp_path / "report.pdf").read_bytes()))
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
    chromium.command("Emulation.setEmulatedMedia", media="print")
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert chromium.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--text')") == "#1b1e23"


def test_twenty_runs_are_drawn(chromium: Any, tmp_path: Path, sample_runs: ModuleType) -> None:
    page = write_report(tmp_path, "many", sample_runs.many_repeats(tmp_path, 20, intervals=20))
    open_page(chromium, page)
    assert [figure for figure, count in chromium.evaluate(MARKS).items() if count == 0] == []
    assert chromium.problems() == []


@pytest.mark.parametrize(
    ("name", "width", "dark"), [("light", 1200, False), ("dark", 1200, True), ("narrow", 360, False)]
)
def test_screenshots_can_be_taken(
    chromium: Any, address: str, tmp_path: Path, name: str, width: int, dark: bool
) -> None:
    open_page(chromium, address, width=width, dark=dark)
    chromium.screenshot(tmp_path / f"{name}.png")
    assert (tmp_path / f"{name}.png").stat().st_size > 20_000
