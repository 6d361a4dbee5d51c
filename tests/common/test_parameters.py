"""Typed parameters from text."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest

from storbench.common.errors import InputError
from storbench.common.parameters import describe_parameters, parse_parameters
from storbench.common.units import Count, Duration, Fraction, Size


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    block_size: tuple[Size, ...] = (4096,)
    read_fraction: tuple[Fraction, ...] = (0.7,)
    queue_depth: tuple[Count, ...] = (1, 4)
    duration: Duration = 5.0
    span: Size | None = None
    direct: bool = True
    prefill: Literal["auto", "always", "never"] = "auto"


def parse(**given: object) -> Shape:
    return parse_parameters(Shape, given, "workload 'shape'")


def test_text_with_units_and_lists_becomes_typed_values() -> None:
    shape = parse(block_size="4KiB,64KiB", queue_depth="1,16", duration="200ms", span="1GiB", direct="no")
    assert shape.block_size == (4096, 65536)
    assert shape.queue_depth == (1, 16)
    assert shape.duration == pytest.approx(0.2)
    assert shape.span == 1 << 30
    assert shape.direct is False


def test_plain_values_are_taken_as_they_are() -> None:
    assert parse(block_size=[512, 4096], queue_depth=3, duration=2).block_size == (512, 4096)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"queue_dept": "1"}, "unknown parameter 'queue_dept'(.|\n)*queue_depth"),
        ({"block_size": "0"}, "block_size.*>= 1"),
        ({"block_size": "-4096"}, "block_size.*>= 1"),
        ({"block_size": "4k"}, "block_size: '4k' is not a size"),
        ({"read_fraction": "1.5"}, "read_fraction.*<= 1"),
        ({"duration": "0"}, "duration.*> 0"),
        ({"duration": "5"}, "duration: '5' is not a duration"),
        ({"queue_depth": "1,,4"}, "queue_depth.*empty"),
        ({"queue_depth": "many"}, "queue_depth"),
        ({"direct": "maybe"}, "direct: 'maybe' is neither true nor false"),
        ({"prefill": "perhaps"}, "prefill"),
    ],
)
def test_a_wrong_value_is_refused_with_the_key_and_what_is_wrong(given: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        parse(**given)
    assert "workload 'shape'" in str(caught.value)
    assert caught.value.exit_status == 2


def test_none_clears_an_optional_value() -> None:
    assert parse(span="none").span is None


def test_the_declaration_prints_itself() -> None:
    shown = {p.name: p for p in describe_parameters(Shape)}
    assert shown["block_size"].type == "list of size"
    assert shown["block_size"].default == "4KiB"
    assert shown["queue_depth"].bounds == "≥ 1"
    assert shown["duration"].default == "5s"
    assert shown["prefill"].type == "always | auto | never"
    assert shown["span"].default == "none"
