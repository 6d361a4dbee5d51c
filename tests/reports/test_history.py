"""A history on a terminal and as a page: all that was found, legible at any width, and nothing of it can act."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

from storbench.reports.history import confirmation_lines, history_table, short_commit
from storbench.reports.history_page import MOST_CHARTS, MOST_POINTS, history_html
from storbench.results.history import (
    Confirmation,
    HistoryFindings,
    Point,
    Series,
    Settings,
    Skipped,
    Table,
    findings_in,
)

HOSTILE = "</script><img src=x onerror=alert(1)>"


def series(metric: str, *, rows: int = 60, loss: float = 0.1, better: bool | None = True, unit: str = "") -> Series:
    noise = 0.01 * np.random.default_rng(1).normal(size=rows)
    values = np.exp(noise) * 51_000
    values[rows // 2 :] *= 1 - loss
    points = [Point(row, 1.75e9 + 3600 * row, f"{row:040x}", float(value)) for row, value in enumerate(values)]
    return Series(metric, tuple(points), unit, better, rows=rows)


def found_in(*given: Series, skipped: tuple[Skipped, ...] = (), remarks: tuple[str, ...] = ()) -> HistoryFindings:
    return findings_in(Table(given[0].rows, True, given, skipped, remarks), Settings())


def drawn(found: HistoryFindings, width: int = 100) -> str:
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(history_table(found, "series.csv"))
    return stream.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_nothing_is_cut_at_any_width(width: int) -> None:
    text = drawn(found_in(series("read iops"), series("latency_p99", better=False), series("other", loss=0)), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for word in ("REGRESSED", "IMPROVED", "read iops", f"{30:040x}"[:10], "No change: other."):
        assert word in text


def test_changes_below_the_floor_stand_beside_the_others() -> None:
    assert "below the floor" in drawn(found_in(series("iops", loss=0.02)))


def test_what_was_left_out_is_said_and_how_to_say_what_is_better() -> None:
    text = drawn(found_in(series("size", better=None), skipped=(Skipped("branch", "no number"),), remarks=("Sorted",)))
    assert "Not looked at: branch: no number." in text
    assert "Sorted." in text
    assert "--higher-is-better METRIC" in text
    assert "No change in 1 series" in drawn(found_in(series("iops", loss=0)))


def test_hashes_are_shortened_and_versions_are_not() -> None:
    assert short_commit("0123456789abcdef0123456789abcdef01234567") == "0123456789"
    assert short_commit("release-2026.11.3-rc1") == "release-2026.11.3-rc1"


def test_confirmations_say_what_was_measured() -> None:
    one = Confirmation("read iops", 30, ("a" * 40, "b" * 40), False, "EQUIVALENT", 1.001, (0.998, 1.004), 10)
    (line,) = confirmation_lines([one])
    assert str(line) == (
        "NOT CONFIRMED  read iops: bbbbbbbbbb against aaaaaaaaaa +0.1 % (-0.2 to +0.4 %), "
        "EQUIVALENT in 10 interleaved pairs"
    )
    assert str(confirmation_lines([one], 2)[1]) == "2 older changes were not measured again."


def data_of(page: str) -> dict[str, dict[str, list[dict[str, object]]]]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match
    found: dict[str, dict[str, list[dict[str, object]]]] = json.loads(match[1])
    return found


def test_the_page_has_a_chart_for_each_metric_with_its_levels_and_changes() -> None:
    page = history_html(found_in(series("flat", loss=0), series("read iops", unit="1/s")), "series.csv")
    data = data_of(page)
    titles = [figure["title"] for figure in data["figures"]]  # type: ignore[index]
    # What changed comes first.
    assert titles == ["read iops, higher is better", "flat, higher is better"]
    levels = data["datasets"]["l0"][0]["columns"]
    assert levels["x"] == [-0.5, 29.5]  # type: ignore[index]
    assert levels["x2"] == [29.5, 59.5]  # type: ignore[index]
    assert data["datasets"]["c0"][0]["columns"]["color"] == ["REGRESSED"]  # type: ignore[index]
    assert len(data["datasets"]["v1"][0]["columns"]["y"]) == 60  # type: ignore[index]
    assert re.search(r"<td class=\"n\">5[01],\d{3}</td>", page)


def test_a_hostile_name_is_text() -> None:
    page = history_html(found_in(series(HOSTILE), skipped=(Skipped(HOSTILE, HOSTILE),), remarks=(HOSTILE,)), HOSTILE)
    assert HOSTILE not in page
    assert "default-src &#39;none&#39;" in page


def test_a_large_history_stays_a_page() -> None:
    long = history_html(found_in(series("iops", rows=4000)), "series.csv")
    assert f"the last {MOST_POINTS:,} rows" in long
    assert len(long) < 1_500_000
    many = found_in(*(series(f"metric {number}", rows=12, loss=0) for number in range(MOST_CHARTS + 3)))
    page = history_html(many, "series.csv")
    assert page.count("<figure") == MOST_CHARTS
    assert "3 metrics without a chart here had no change" in page
