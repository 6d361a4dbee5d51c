"""A limits file says what it means or is refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.results.limits import check_limits, find_limits, limits_of, parse_bound, parse_limits, shipped_limits

HEAD = 'name = "n"\nrevision = "1"\nsource = "a datasheet"\n'
GOOD = (
    HEAD
    + """
[[limit]]
id = "one"
metric = "iops"
direction = "write"
where = { test = "iops", block_size = "4KiB", read_percent = 0 }
at_least = 30000
"""
)


def test_a_limit_is_read_with_its_units() -> None:
    limits = parse_limits(GOOD, "x")
    assert limits.limits[0].where == {"test": "iops", "block_size": 4096, "read_percent": 0}
    assert limits.limits[0].at_least == 30000
    assert limits_of({"limits": limits.text}) == limits
    assert limits_of({}) is None


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("8ms", "ns", 8e6),
        ("500MB/s", "B/s", 5e8),
        ("4KiB", "B", 4096),
        ("30s", "s", 30),
        (7, "ns", 7),
        ("1000", "1/s", 1000),
    ],
)
def test_bounds_are_read_in_base_units(value: object, unit: str, expected: float) -> None:
    assert parse_bound(value, unit) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "x: "),
        (HEAD, "limit"),
        (HEAD + "limit = []", "no limit"),
        (GOOD.replace('"iops"\ndirection', '"iobs"\ndirection'), "no metric 'iobs'"),
        (GOOD.replace('metric = "iops"', 'metric = "latency_p99.99999"'), "no metric 'latency_p99.99999'"),
        (GOOD.replace("at_least", "at_leest"), "no key 'at_leest'"),
        (GOOD.replace("at_least = 30000", ""), "no bound"),
        (GOOD.replace("at_least = 30000", "at_least = 5\nat_most = 4"), "nothing can meet that"),
        (GOOD.replace("at_least = 30000", "at_least = true"), "is no bound"),
        (GOOD.replace("30000", "nan"), "is no bound"),
        (GOOD.replace("30000", "inf"), "is no bound"),
        (GOOD.replace("30000", '"1e999"'), "is not a rate"),
        (GOOD.replace("where = { test", "where = 5 # { test"), "where"),
        ("reviison = 5\n" + GOOD, "Did you mean 'revision'?"),
        (GOOD.replace('metric = "iops"', 'metric = "bandwidth"').replace("30000", '"5 parsec"'), "no bandwidth"),
        (GOOD.replace('metric = "iops"', 'metric = "latency_mean"').replace("30000", '"5MB"'), "5MB"),
        (GOOD.replace('direction = "write"', 'direction = "device"'), "does not go with"),
        (GOOD.replace('direction = "write"', 'direction = "upwards"'), "upwards"),
        (GOOD.replace("30000", "30000\nmarginal = 2"), "marginal"),
        (GOOD + GOOD.removeprefix(HEAD), "used twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_limits(text, "x")
    assert words in f"{caught.value.problem} {caught.value.hint}"


def test_a_limit_for_what_is_not_measured_is_refused_before_the_first_write() -> None:
    limits = parse_limits(GOOD, "x")
    check_limits(limits, [{"test": "iops", "block_size": 4096, "read_percent": 0, "phase": "round"}])
    with pytest.raises(InputError, match="does not measure") as caught:
        check_limits(limits, [{"test": "iops", "block_size": 8192, "read_percent": 0}])
    assert caught.value.hint == "Of block_size there is: 8192."
    with pytest.raises(InputError) as caught:
        check_limits(limits, [{}])
    assert caught.value.hint == "No step has a test."


def test_the_phase_of_a_window_needs_no_step_of_its_own() -> None:
    limits = parse_limits(GOOD.replace('test = "iops"', 'test = "iops", phase = "window"'), "x")
    check_limits(limits, [{"test": "iops", "block_size": 4096, "read_percent": 0, "phase": "round"}])


def test_unknown_limits_are_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no limits 'nonsense'"):
        find_limits("nonsense")
    (tmp_path / "mine.toml").write_text(GOOD)
    assert find_limits(str(tmp_path / "mine.toml")).name == "n"
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError):
        find_limits(str(tmp_path / "binary.toml"))


@pytest.mark.parametrize("name", shipped_limits())
def test_the_shipped_limits_can_be_read(name: str) -> None:
    limits = find_limits(name)
    assert limits.name == name
    assert limits.source
    assert all(limit.clause for limit in limits.limits)
