"""Which way is better: known from a name where it can be, and never guessed."""

from __future__ import annotations

import pytest

from storbench.common.errors import InputError
from storbench.results.history import Point, Series
from storbench.results.history.directions import directed, direction_of


@pytest.mark.parametrize(
    ("name", "unit", "better"),
    [
        ("iops", "", True), ("ops_sec", "", True), ("mb_sec", "", True), ("throughput", "", True),
        ("randread qd1 read iops", "", True), ("p99_iops", "", False),
        ("load_accepted", "", True), ("bw_mean", "KiB/s", True), ("p50_us", "", False), ("p99.9_us", "", False),
        ("clat_ns", "", False), ("duration", "", False), ("batch_p90", "", False), ("write", "ms", False),
        ("read", "MB/s", True), ("latency_p99", "", False),
        ("latency_at_full_rate", "", False), ("cpu_percent", "", None), ("size", "", None),
    ],
)  # fmt: skip
def test_names_tell(name: str, unit: str, better: bool | None) -> None:
    assert direction_of(name, unit) is better


def test_what_the_user_says_counts_more() -> None:
    series = [Series("cpu", (Point(0, 0.0, "a", 1.0),)), Series("iops", (), job="read")]
    assert [one.higher_is_better for one in directed(series, ["cpu"], ["read iops"])] == [True, False]
    with pytest.raises(InputError, match="no metric 'cpux'"):
        directed(series, ["cpux"], [])
    with pytest.raises(InputError, match="both"):
        directed(series, ["cpu"], ["cpu"])
