"""The PCM model: units, lines, combining, wear levelling, and the published numbers of real devices."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.native_library import FLUSH, READ, TRIM, WRITE, CounterInfo, Model
from storbench.results.histogram import bin_of

from .models import GIB, KIB, MIB, PAGE, grown, load, made, rate

# 8 units of 38 us reads; writes of 179 us that hold their unit for 69.7 us (470 MB/s over 8 units).
ONYX = {
    "capacity": float(GIB),
    "line_size": 512.0,
    "units": 8.0,
    "read_occupancy": 38e3,
    "write_occupancy": 69.7e3,
    "write_delay": 109.3e3,
    "read_bandwidth": 1.1e9,
    "write_bandwidth": 0.47e9,
}
DIMM = {
    "capacity": 64.0 * MIB,
    "unit_size": 256.0,
    "read_occupancy": 39.0,
    "read_delay": 266.0,
    "read_sequential_delay": 130.0,
    "combining_bytes": 16.0 * KIB,
    "write_ack": 90.4,
    "drain_bandwidth": 2.22e9,
}
SMALL = {"line_size": 256.0, "unit_size": 256.0, "read_occupancy": 100.0, "write_occupancy": 300.0}


def pcm(**parameters: float) -> AbstractContextManager[Model]:
    """Make a PCM model for a moment."""
    return made("pcm", parameters)


def test_onyx_answers_in_38_us_and_179_us_and_reads_187700_times_a_second_at_depth_32() -> None:
    with pcm(**ONYX) as model:
        assert model.submit(READ, 0, PAGE, 0) == 38_000
        assert model.submit(WRITE, PAGE, PAGE, 10**9) == 10**9 + 179_000
        model.now = 2 * 10**9
        deep = rate(model, read_percent=100, queue_depth=32, duration=10**10)

    # An event-driven queueing simulation of 8 units gives 187,662; the paper measured 191,000.
    assert deep == pytest.approx(187_700, rel=0.02)


def test_p4800x_is_bound_by_its_media_at_depth_1_and_by_its_link_at_16() -> None:
    p4800x = {"units": 28.0, "read_occupancy": 8.9e3, "write_occupancy": 10e3, "read_bandwidth": 2.4e9}
    with pcm(capacity=float(GIB), **p4800x) as model:
        single = rate(model, read_percent=100, duration=10**9)
        deep = rate(model, read_percent=100, queue_depth=16, duration=10**9)

    assert single == pytest.approx(110e3, rel=0.03)
    assert deep == pytest.approx(586e3, rel=0.01)


@pytest.mark.parametrize("depth", [1, 4])
def test_a_dimm_writes_64_bytes_at_a_quarter_of_the_bandwidth_of_256(depth: int) -> None:
    bandwidth = {}
    for size in (64, 256):
        with pcm(**DIMM) as model:
            bandwidth[size] = size * rate(model, sizes=((size, 1.0),), queue_depth=depth, bytes=64 * MIB)

    assert bandwidth[256] == pytest.approx(2.22e9, rel=0.02)
    assert bandwidth[64] == pytest.approx(bandwidth[256] / 4, rel=0.02)


def test_small_writes_inside_the_combining_buffer_do_not_amplify() -> None:
    amplification = {}
    for area in (8 * KIB, 256 * KIB):
        with pcm(**DIMM) as model:
            with load(model, sizes=((64, 1.0),), span=area, bytes=MIB):
                counters = model.counters()
            amplification[area] = counters["media_written"].value / counters["host_written"].value

    assert amplification[8 * KIB] <= 1.05
    assert amplification[256 * KIB] == pytest.approx(4, rel=0.1)


def test_a_read_finds_what_is_still_in_the_combining_buffer() -> None:
    with pcm(**DIMM) as model:
        model.submit(WRITE, 0, 64, 0)
        assert model.submit(READ, 0, 64, 1000) == 1090
        assert model.submit(READ, 4096, 64, 2000) == 2305
        assert model.submit(READ, 4160, 64, 3000) == 3169, "it follows the one before"


def test_a_part_of_a_line_is_read_before_it_is_written() -> None:
    with pcm(**ONYX) as model:
        whole = model.submit(WRITE, 0, 512, 0)
        model.submit(READ, 0, 512, 10**6)
        before = model.counters()
        part = model.submit(WRITE, 100, 200, 10**7) - 10**7
        assert grown(model, before, "media_read") == grown(model, before, "media_written") == 512
        assert part == whole + 38_000


def test_smaller_accesses_hold_their_unit_for_less_where_the_profile_says_so() -> None:
    with pcm(**{**ONYX, "read_occupancy_least": 5e3}) as model:
        assert model.submit(READ, 0, 512, 0) == 5_000
        assert model.submit(READ, 4096, 2048, 0) == 19_000
        assert model.submit(READ, 8192, 4096, 0) == 38_000


def test_a_trailing_part_holds_the_unit_after_the_answer() -> None:
    with pcm(capacity=float(MIB), units=2.0, read_occupancy=10e3, read_trailing=5e3, write_occupancy=1e3) as model:
        assert model.submit(READ, 0, PAGE, 0) == 10_000
        assert model.submit(READ, 2 * PAGE, PAGE, 10_000) == 25_000
        assert model.submit(READ, PAGE, PAGE, 10_000) == 20_000, "another unit"


def test_a_large_request_is_served_by_all_units_at_once() -> None:
    with pcm(**{**ONYX, "read_bandwidth": 0.0}) as model:
        assert model.submit(READ, 0, 8 * PAGE, 0) == 38_000
        assert model.submit(READ, 0, 16 * PAGE, 10**9) == 10**9 + 76_000


def test_a_set_pulse_is_what_a_write_waits_for() -> None:
    # 64 bits at a time: almost surely one of them is SET.
    cells = {"line_size": 64.0, "unit_size": 64.0, "set_latency": 150.0, "reset_latency": 40.0, "read_occupancy": 50.0}
    found = {}
    for share in (0.0, 0.01, 1.0):
        with pcm(capacity=float(MIB), **cells, set_share=share) as model:
            found[share] = model.submit(WRITE, 0, 64, 0)

    assert found[0.0] == 8 * 40
    assert found[1.0] == 8 * 150
    assert found[0.01] == pytest.approx(8 * (40 + 110 * (1 - 0.99**64)), abs=1)


def test_cells_and_device_have_energies_of_their_own() -> None:
    energies = {"cell_read_energy": 2e-9, "cell_write_energy": 5e-9, "device_read_energy": 1e-7}
    with pcm(**ONYX, **energies, device_write_energy=3e-7) as model:
        model.submit(READ, 0, 512, 0)
        model.submit(WRITE, 0, 100, 10**6)
        counters = model.counters()

    assert counters["energy_cells"].value == pytest.approx(512 * 2e-9 + 512 * (2e-9 + 5e-9))
    assert counters["energy_device"].value == pytest.approx(512 * 1e-7 + 100 * 3e-7)


def hot_spot_lifetime(interval: float, hot_lines: int, lines: int = 200, endurance: float = 20e3) -> float:
    """Give how many of all line writes that the cells endure a hot spot could use before the first line wore out."""
    levelling = {"start_gap_interval": interval, "endurance": endurance}
    with pcm(capacity=lines * 256.0, **SMALL, **levelling) as model:
        while not model.counters()["lines_worn_out"].value:
            load(model, sizes=((256, 1.0),), span=hot_lines * 256, bytes=256 * 10_000, seed=model.now).close()
        return model.counters()["first_worn_out"].value / 256 / (lines * endurance)


def test_start_gap_gives_95_percent_of_the_ideal_lifetime_where_5_percent_were_left() -> None:
    # A hot spot of one line in twenty. Start-Gap needs that a line endures many more writes than it takes for the gap
    # to come round (lines x interval), as in the paper: here 25 to 1.
    assert hot_spot_lifetime(interval=0, hot_lines=10) == pytest.approx(0.05, rel=0.1)
    assert hot_spot_lifetime(interval=100, hot_lines=10, endurance=500e3) >= 0.95


def test_a_move_of_the_gap_stalls_the_write_that_causes_it() -> None:
    with pcm(capacity=float(MIB), **SMALL, start_gap_interval=100.0, move_stall=50e3) as model:
        with load(model, sizes=((256, 1.0),), bytes=256 * 100_000) as done:
            totals = done.totals(0)
            late = np.array(totals.bins(1))[bin_of([40_000])[0] :].sum()

        assert model.counters()["gap_moves"].value == late == 1000


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 400), st.sampled_from([0.0, 1.0]))
def test_levelling_never_maps_two_lines_to_one_place(lines: int, interval: int, writes: int, spread: float) -> None:
    levelling = {"start_gap_interval": float(interval), "start_gap_randomize": spread, "endurance": 1e9}
    small = {**SMALL, "line_size": 4096.0, "unit_size": 4096.0}
    with pcm(capacity=lines * 4096.0, **small, **levelling) as model:
        for number in range(writes):
            model.submit(WRITE, number % lines * 4096, 4096, number * 1000)
        before = model.counters()
        # One write to each line: were two lines in one place, it would be worn twice, gap moves aside.
        for line in range(lines):
            model.submit(WRITE, line * 4096, 4096, 10**9 + line * 1000)
        after = model.counters()

    assert grown_by(before, after, "media_written") == (lines + grown_by(before, after, "gap_moves")) * 4096
    assert after["wear_max"].value - before["wear_max"].value <= 1 + grown_by(before, after, "gap_moves")
    assert after["wear_mean"].value * (lines + 1) == pytest.approx(after["media_written"].value / 4096)


def grown_by(before: dict[str, CounterInfo], after: dict[str, CounterInfo], name: str) -> float:
    return after[name].value - before[name].value


def test_what_contradicts_itself_is_refused_with_the_reason() -> None:
    for change, reason in (
        ({"capacity": GIB + 512.0}, "unit_size"),
        ({"line_size": 768.0}, "line_size"),
        ({"read_occupancy_least": 1e6}, "longer than read_occupancy"),
        ({"set_latency": 100.0}, "given twice"),
        ({"write_occupancy": 0.0}, "take no time"),
        ({"combining_bytes": 64.0}, "less than one line"),
        ({"start_gap_interval": 10.0, "start_gap_region": 1000.0}, "Start-Gap regions"),
        ({"units": 0.0}, "between"),
    ):
        with pytest.raises(InputError, match=reason):
            Model("pcm", {**ONYX, **change})


def test_one_seed_gives_one_state() -> None:
    digests = set()
    for _ in range(2):
        with pcm(**DIMM, start_gap_interval=50.0, link_rtt=1e5, link_jitter=1e4) as model:
            load(model, sizes=((64, 0.5), (256, 0.5)), queue_depth=8, read_percent=30, bytes=MIB).close()
            digests.add(hashlib.sha256(model.state()).hexdigest())

    assert len(digests) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([READ, WRITE, WRITE, TRIM, FLUSH]),
            st.integers(0, MIB - 1),
            st.integers(1, 20_000),
            st.integers(0, 10**6),
        ),
        max_size=200,
    ),
    st.sampled_from([0.0, 4096.0]),
    st.sampled_from([0.0, 7.0]),
)
def test_whatever_happens_time_goes_forward_and_the_wear_adds_up(
    operations: list[tuple[int, int, int, int]], buffer: float, interval: float
) -> None:
    parameters = {**SMALL, "unit_size": 4096.0, "units": 3.0, "endurance": 1e6, "combining_bytes": buffer}
    parameters |= {"capacity": 1.0 * MIB, "start_gap_interval": interval, "start_gap_region": 64.0}
    with pcm(**parameters) as model:
        now = 0
        for operation, offset, longest, pause in operations:
            now += pause
            length = 0 if operation == FLUSH else min(longest, MIB - offset)
            assert model.submit(operation, offset, length, now) >= now
        counters = model.counters()

    lines = MIB / 256 * (65 / 64 if interval else 1)
    assert counters["wear_mean"].value * lines == pytest.approx(counters["media_written"].value / 256)
    assert counters["wear_max"].value <= counters["media_written"].value / 256
