"""Sizes, durations and rates as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.common.units import (
    format_bandwidth,
    format_change,
    format_duration,
    format_rate,
    format_size,
    parse_duration,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "count"),
    [("4KiB", 4096), ("1GB", 10**9), ("512", 512), ("512B", 512), ("1.5MiB", 1572864), (" 2 GiB ", 2 << 30)],
)
def test_a_size_is_read_in_bytes(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["4k", "4K", "4kb", "four", "", "4 Ki B", "4XiB", "1.0001B", "KiB"])
def test_a_size_with_a_wrong_or_ambiguous_unit_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError):
        parse_size(text)


def test_the_refusal_shows_how_to_write_it() -> None:
    with pytest.raises(InputError, match=r"'4k' is not a size(.|\n)*4KiB"):
        parse_size("4k")


@given(st.integers(1, 1 << 50))
def test_a_shown_size_is_within_its_four_digits(count: int) -> None:
    assert parse_size_loosely(format_size(count)) == pytest.approx(count, rel=5e-4)


def parse_size_loosely(text: str) -> float:
    number = text.rstrip("BiKMGTP")
    return float(number) * parse_size("1" + text.removeprefix(number))


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("200us", 2e-4), ("5min", 300), ("1.5h", 5400), ("10ms", 0.01), ("0", 0)]
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["30", "2m", "s", "2 sec"])
def test_a_duration_without_a_clear_unit_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_duration(text)


@pytest.mark.parametrize(("text", "rate"), [("2000", 2000), ("2K", 2000), ("1.5M", 1.5e6), ("10/s", 10)])
def test_a_rate_is_read_per_second(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (38e-6, "38 us"), (1.5, "1.5 s"), (125, "2 min 5 s"), (11400, "3 h 10 min"), (5e-10, "0.5 ns")],
)
def test_a_duration_is_shown_as_people_say_it(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


def test_rates_and_bandwidths_are_shown_with_three_digits() -> None:
    assert [format_rate(r) for r in (9.5, 950, 12345, 123456, 1.05e6)] == ["9.50", "950", "12.3 K", "123 K", "1.05 M"]
    assert [format_bandwidth(b) for b in (512e6, 1.5e9, 10)] == ["512 MB/s", "1.50 GB/s", "10 B/s"]


@given(st.floats(1e-9, 59.0))
def test_a_shown_duration_never_needs_an_exponent_and_is_right_to_three_digits(seconds: float) -> None:
    text = format_duration(seconds)
    number, unit = text.split(" ")
    assert "e" not in number
    assert 0.9 <= float(number) < 1000
    assert float(number) * {"s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}[unit] == pytest.approx(seconds, rel=6e-3)


@pytest.mark.parametrize(
    ("relative", "text"),
    [
        (0.0, "+0.00 %"), (-0.0004, "-0.04 %"), (0.00994, "+0.99 %"), (0.00996, "+1.0 %"), (-0.0517, "-5.2 %"),
        (0.9994, "+99.9 %"), (0.9996, "+100 %"), (-1.0, "-100 %"), (2.8, "+280 %"), (123.0, "+12,300 %"),
        (float("inf"), "+∞ %"),
    ],
)  # fmt: skip
def test_a_change_is_shown_in_percent_without_exponents(relative: float, text: str) -> None:
    assert format_change(relative) == text
