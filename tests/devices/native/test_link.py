"""A link in front of a model: its round trip, its bandwidth, its jitter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storbench.devices.native_library import READ, WRITE, Model

from .models import GIB, PAGE, load, made, rate

MEMORY = {"capacity": float(GIB), "units": 64.0, "read_occupancy": 10e3, "write_occupancy": 20e3}


@pytest.fixture(params=[200e3, 30e6])
def far(request: pytest.FixtureRequest) -> Iterator[Model]:
    with made("pcm", {**MEMORY, "link_rtt": request.param}) as model:
        yield model


def test_a_round_trip_is_added_to_every_io(far: Model) -> None:
    trip = far.submit(READ, 0, PAGE, 0) - 10_000

    assert trip in (200_000, 30_000_000)
    assert far.submit(WRITE, 0, PAGE, 10**9) == 10**9 + trip + 20_000


@pytest.mark.parametrize("percent", [0, 100])
def test_bandwidth_is_a_limit_in_each_direction(percent: int) -> None:
    with made("pcm", {**MEMORY, "link_rtt": 1e5, "link_bandwidth": 125e6}) as model:
        found = rate(model, read_percent=percent, sizes=((65536, 1.0),), queue_depth=32, duration=10**9)

    assert found * 65536 == pytest.approx(125e6, rel=0.01)


def test_both_directions_pass_at_once() -> None:
    with made("pcm", {**MEMORY, "link_rtt": 1e5, "link_bandwidth": 125e6}) as model:
        found = rate(model, read_percent=50, sizes=((65536, 1.0),), queue_depth=64, duration=10**9)

    assert found * 65536 > 1.8 * 125e6


def test_jitter_has_its_mean_and_its_seed() -> None:
    means = []
    for seed in (1.0, 1.0, 2.0):
        with (
            made("pcm", {**MEMORY, "link_rtt": 1e6, "link_jitter": 2e5, "link_seed": seed}) as model,
            load(model, read_percent=100, bytes=PAGE * 20_000) as done,
        ):
            totals = done.totals(0)
            assert totals.least[0] >= 1_010_000
            means.append(totals.sum[0] / totals.ios[0])

    assert means[0] == pytest.approx(1_010_000 + 200_000, rel=0.02)
    assert means[0] == means[1] != means[2]
