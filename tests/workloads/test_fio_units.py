"""Numbers as fio reads them, held against fio itself."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.workloads.fio_units import parse_fio_percent, parse_fio_size, parse_fio_time


@pytest.mark.parametrize("text", ["48k", "48kb", "48ki", "48KiB", "48K", "49152", "49152b", "0xc000", "2m", "2mib"])
@pytest.mark.parametrize("kb_base", [1000, 1024])
def test_a_size_is_what_fio_takes_it_for(text: str, kb_base: int, tmp_path: Path) -> None:
    command = ["fio", "--name=x", "--ioengine=null", "--filename=x", "--rw=write", "--output-format=json"]
    command += [f"--kb_base={kb_base}", f"--size={text}", "--bs=8"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(run.stdout)["jobs"][0]["write"]["io_bytes"] == parse_fio_size(text, kb_base)


@given(st.integers(0, 10**6), st.sampled_from("kmg"), st.sampled_from(["", "b", "i"]), st.booleans())
def test_prefixes_are_binary_whatever_their_spelling(number: int, prefix: str, tail: str, upper: bool) -> None:
    text = f"{number}{prefix}{tail}"
    assert parse_fio_size(text.upper() if upper else text) == number << {"k": 10, "m": 20, "g": 30}[prefix]


@given(st.text(max_size=12))
def test_any_text_is_a_size_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        assert 0 <= parse_fio_size(text) < 1 << 63


@given(st.text(max_size=12))
def test_any_text_is_a_time_or_an_input_error(text: str) -> None:
    with suppress(InputError):
        assert parse_fio_time(text) >= 0


@pytest.mark.parametrize("text", ["4.5k", "", "k", "-1", "4 4k", "4q", "9" * 5000, "1e3", "(1+1)k"])
def test_what_fio_would_misread_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_fio_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("5m", 300), ("2h", 7200), ("1D", 86400), ("300ms", 0.3), ("5us", 5e-6)],
)
def test_times_are_seconds_unless_they_say_otherwise(text: str, seconds: float) -> None:
    assert parse_fio_time(text) == pytest.approx(seconds)


def test_a_fraction_of_a_second_is_refused_as_fio_would_cut_it_off() -> None:
    with pytest.raises(InputError):
        parse_fio_time("1.5")


def test_percentages_stay_between_1_and_100() -> None:
    assert parse_fio_percent("75%") == 75
    assert parse_fio_percent("75") is None
    for text in ("0%", "101%"):
        with pytest.raises(InputError):
            parse_fio_percent(text)
