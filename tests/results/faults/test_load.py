"""Outage, dip and recovery from logs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from storbench.results.faults.load import Loaded, Moments, loaded
from storbench.results.io_log import IoLog

BEGAN, HEALED, END = 3.0, 6.0, 9.0
MOMENTS = Moments(BEGAN, HEALED, HEALED + 0.1)


def log_of(at: np.ndarray, latency_s: np.ndarray) -> IoLog:
    """Give a log of I/Os that were asked for at `at`; half of them are writes."""
    done = at + latency_s
    order = np.argsort(done)
    count = len(at)
    return IoLog(
        (done[order] * 1000).astype(np.int64), (latency_s[order] * 1e9).astype(np.int64),
        (np.arange(count) % 2).astype(np.uint8), np.full(count, 4096), np.zeros(count, np.int64),
        np.zeros(count, np.uint16), np.zeros(count, np.int32),
    )  # fmt: skip


def healthy(seed: int, rate: float = 1000.0) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    at = np.cumsum(dice.exponential(1 / rate, int(rate * END)))
    return at, dice.lognormal(np.log(400e-6), 0.3, len(at))


def judged(at: np.ndarray, latency: np.ndarray, moments: Moments = MOMENTS) -> Loaded:
    found = loaded(log_of(at, latency), moments, 0.1)
    assert found is not None
    return found


def value(found: Loaded, name: str) -> float:
    number = found.numbers[name]
    assert number is not None
    return number


def test_two_hundred_loads_without_a_fault_raise_nothing() -> None:
    for seed in range(200):
        found = judged(*healthy(seed))
        assert found.numbers["outage_s"] == 0
        assert found.numbers["detection_s"] is None
        assert (found.numbers["recovery_s"], found.numbers["dip_depth"], found.recovered) == (0, 0, True)


@pytest.mark.parametrize("stall", [0.5, 2.0, 3.0])
def test_a_stall_is_an_outage_of_its_length_even_when_every_request_is_served_late(stall: float) -> None:
    at, latency = healthy(1)
    held = (at >= BEGAN) & (at < BEGAN + stall)
    latency[held] = BEGAN + stall - at[held] + latency[held]
    found = judged(at, latency)
    assert value(found, "outage_s") == pytest.approx(stall, abs=0.05)
    assert value(found, "longest_io_s") == pytest.approx(stall, abs=0.05)
    assert value(found, "detection_s") < 0.3
    assert found.recovered


def test_requests_that_fail_are_missing_and_count_as_an_outage() -> None:
    at, latency = healthy(2)
    there = (at < BEGAN) | (at >= HEALED)
    found = judged(at[there], latency[there])
    assert value(found, "outage_s") == pytest.approx(3.0, abs=0.05)
    assert value(found, "area_lost") == pytest.approx(1.0, abs=0.02)
    assert value(found, "availability") == 0


def test_only_one_direction_that_stops_is_seen() -> None:
    at, latency = healthy(3)
    log = log_of(at, latency)
    times = log.time_ms / 1000
    there = (log.direction == 0) | (times < BEGAN) | (times >= HEALED)
    kept = IoLog(**{name: getattr(log, name)[there] for name in log.__struct_fields__ if name != "dropped_lines"})
    found = loaded(kept, MOMENTS, 0.1)
    assert found is not None
    assert value(found, "outage_s") == pytest.approx(3.0, abs=0.1)


def test_a_slow_part_is_no_outage() -> None:
    at, latency = healthy(4)
    latency[(at >= BEGAN) & (at < HEALED)] += 0.02
    found = judged(at, latency)
    assert found.numbers["outage_s"] == 0
    assert value(found, "p50_ratio") == pytest.approx(51, rel=0.1)
    assert value(found, "detection_s") < 0.35
    assert value(found, "recovery_s") < 0.2


def test_half_the_throughput_is_a_dip_of_half() -> None:
    at, latency = healthy(5)
    dice = np.random.default_rng(5)
    there = (at < BEGAN) | (at >= HEALED) | (dice.random(len(at)) < 0.5)
    found = judged(at[there], latency[there])
    assert value(found, "area_lost") == pytest.approx(0.5, abs=0.05)
    assert 0.4 < value(found, "dip_depth") < 0.95
    assert value(found, "dip_width_s") > 2


def test_recovery_counts_from_the_heals_end() -> None:
    at, latency = healthy(6)
    latency[(at >= BEGAN) & (at < 7.5)] += 0.03
    found = judged(at, latency)
    assert value(found, "recovery_s") == pytest.approx(7.5 - MOMENTS.healed, abs=0.15)
    assert value(found, "mttr_s") == pytest.approx(7.5 - MOMENTS.heal_began, abs=0.15)


def test_a_heal_that_takes_longer_than_the_load_is_no_stall() -> None:
    at, latency = healthy(10)
    healed_late = Moments(BEGAN, HEALED, END + 6.0, load_s=END)
    found = judged(at, latency, healed_late)
    assert value(found, "outage_s") == 0
    assert found.recovered  # it never was gone
    assert found.recovered is None or found.recovered
    # A load that was to last longer has stalled.
    stalled = judged(at, latency, Moments(BEGAN, HEALED, END + 6.0, load_s=END + 6.0))
    assert value(stalled, "outage_s") == pytest.approx(6.0, abs=0.3)


def test_what_never_comes_back_is_said_and_what_cannot_be_seen_as_well() -> None:
    at, latency = healthy(7)
    latency[at >= BEGAN] += 0.03
    assert judged(at, latency).recovered is False
    assert judged(at, latency, Moments(BEGAN, HEALED, END - 0.02)).recovered is None


def test_too_little_before_the_fault_gives_nothing() -> None:
    at, latency = healthy(8)
    assert loaded(log_of(at[:50], latency[:50]), Moments(0.01, 0.02, 0.03), 0.1) is None
    assert loaded(log_of(at[:0], latency[:0]), MOMENTS, 0.1) is None


def test_a_dip_that_comes_with_the_heal_is_no_detection() -> None:
    at, latency = healthy(11)
    latency[(at >= HEALED) & (at < HEALED + 0.5)] += 0.05
    found = judged(at, latency)
    assert found.numbers["detection_s"] is None
    assert value(found, "dip_width_s") > 0
    latency[(at >= BEGAN + 1) & (at < BEGAN + 1.5)] += 0.05
    assert value(judged(at, latency), "detection_s") == pytest.approx(1.2, abs=0.2)


def test_a_first_error_is_the_detection() -> None:
    at, latency = healthy(9)
    assert judged(at, latency, Moments(BEGAN, HEALED, HEALED, BEGAN + 0.01)).numbers["detection_s"] == pytest.approx(
        0.01
    )
