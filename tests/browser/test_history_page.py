"""The page of a history in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storbench.reports.history_page import history_html
from storbench.results.history import Settings, findings_in
from storbench.results.history.csv_file import read_csv

DRAWN = "document.documentElement.dataset.charts === 'drawn'"
SERIES = Path(__file__).parents[1] / "data" / "ci" / "tigerbeetle.csv"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("history") / "history.html"
    target.write_text(history_html(findings_in(read_csv(SERIES), Settings()), SERIES.name), encoding="utf-8")
    return target.as_uri()


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (400, False)])
def test_every_chart_has_its_dots_levels_and_changes(chromium: Any, address: str, width: int, dark: bool) -> None:
    chromium.open(address, width=width, dark=dark)
    chromium.wait_for(DRAWN)
    assert chromium.problems() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") == width
    first = "#metric-0 [class*=role-mark]"
    assert chromium.evaluate(f"document.querySelectorAll('{first}.mark-symbol path').length") == 365
    # Two changes and four below the floor, and the levels between them.
    assert chromium.evaluate(f"document.querySelectorAll('{first}.mark-rect path').length") == 6
    assert chromium.evaluate(f"document.querySelectorAll('{first}.mark-rule line').length") == 6 + 7


def test_pointing_at_a_dot_tells_its_commit_and_value(chromium: Any, address: str) -> None:
    chromium.open(address)
    chromium.wait_for(DRAWN)
    left, top, width, height = chromium.evaluate(
        """(async () => {
          const box = document.querySelector('#metric-0 .root > g > .background');
          box.scrollIntoView({block: 'center', behavior: 'instant'});
          await new Promise((resolve) => setTimeout(resolve, 100));
          const at = box.getBoundingClientRect();
          return [at.left, at.top, at.width, at.height];
        })()"""
    )
    chromium.move_to(left + 0.5 * width, top + 0.5 * height)
    chromium.wait_for("!document.getElementById('tip').hidden")
    assert chromium.evaluate(
        "/^row 1\\d\\d: [0-9a-f]{10}, 2023-0\\d-\\d\\d/.test(document.querySelector('#tip p').textContent)"
    )


def test_without_scripts_the_changes_are_there(chromium: Any, address: str) -> None:
    chromium.open(address, script=False)
    assert chromium.evaluate("document.querySelectorAll('#overview tbody tr').length") > 2
