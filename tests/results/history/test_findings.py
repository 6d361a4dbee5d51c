"""What a history tells: rows of the file, commits on both sides, and what a change means."""

from __future__ import annotations

import numpy as np
import pytest

from storbench.common.errors import InputError
from storbench.results.history import Point, Series, Settings, Table, findings_in


def series(metric: str, *, better: bool | None = True, rows: range = range(60), step: int = 40, gap: int = 0) -> Series:
    noise = 0.01 * np.random.default_rng(1).normal(size=60)
    points = [
        Point(row, 1.7e9 + row, f"commit{row}", float(1000 * np.exp(noise[row]) * (0.9 if row >= step else 1)))
        for row in rows if not gap or row % gap
    ]  # fmt: skip
    return Series(metric, tuple(points), higher_is_better=better, rows=60)


def table(*given: Series) -> Table:
    return Table(60, True, given)


@pytest.mark.parametrize(("better", "verdict"), [(True, "REGRESSED"), (False, "IMPROVED"), (None, "CHANGED")])
def test_what_a_change_means(better: bool | None, verdict: str) -> None:
    found = findings_in(table(series("iops", better=better)), Settings())
    (change,) = found.changes
    assert (change.verdict, change.index, change.commit) == (verdict, 40, "commit40")
    assert found.worse == ([change] if verdict == "REGRESSED" else [])
    assert found.recent(20) == found.worse
    assert found.recent(19) == []


def test_rows_are_those_of_the_file_where_some_have_no_value() -> None:
    (change,) = findings_in(table(series("iops", gap=3)), Settings()).changes
    assert change.index == 40
    assert change.commit == "commit40"
    first, last = change.rows
    assert first % 3
    assert first <= 40 <= last
    before = first - 1 if (first - 1) % 3 else first - 2
    assert change.commits == (f"commit{before}", f"commit{last}")


def test_only_the_last_rows_are_looked_at() -> None:
    assert findings_in(table(series("iops")), Settings(last=30)).changes[0].index == 40
    assert not findings_in(table(series("iops")), Settings(last=18)).changes


def test_levels_begin_at_each_change() -> None:
    (one,) = findings_in(table(series("iops")), Settings()).series
    (first, before), (second, after) = one.levels
    assert (first, second) == (0, 40)
    assert after / before == pytest.approx(0.9, rel=0.01)


def test_what_cannot_be_looked_at_is_named_beside_what_can() -> None:
    constant = Series("size", tuple(Point(row, row, "c", 5.0) for row in range(60)), rows=60)
    found = findings_in(table(constant, series("iops")), Settings())
    assert [(one.metric, one.reason) for one in found.skipped] == [
        ("size", "all values are the same, to the last digit")
    ]
    assert len(found.series) == 1


def test_where_nothing_can_be_looked_at_it_is_an_error() -> None:
    short = Series("iops", tuple(Point(row, row, "c", float(row + 1)) for row in range(5)), rows=5)
    with pytest.raises(InputError, match="iops: 5 values are too few"):
        findings_in(table(short), Settings())
