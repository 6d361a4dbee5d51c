"""The flash model does what a translation layer must do: write amplification, trim, cache, wear, time on dies."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from storbench.common.errors import InputError
from storbench.devices.native_library import FLUSH, READ, TRIM, WRITE, Model

from .models import GIB, KIB, MIB, PAGE, grown, load, made, rate

# Timing does not matter for where data goes; one die, as the theory has it.
BARE = {"read_time": 0.0, "program_time": 1000.0, "erase_time": 0.0}
SMALL = {
    "capacity": 64.0 * MIB,
    "over_provisioning": 0.28,
    "pages_per_block": 64.0,
    "channels": 2.0,
    "dies_per_channel": 2.0,
    "read_time": 50e3,
    "program_time": 500e3,
    "program_bytes": 16.0 * KIB,
    "erase_time": 3e6,
    "channel_bandwidth": 400e6,
}


def flash(**parameters: float) -> AbstractContextManager[Model]:
    """Make a flash model for a moment."""
    return made("flash", parameters)


def fill(model: Model, times: int = 1) -> None:
    """Write a device sequentially from end to end."""
    load(model, sizes=((128 * KIB, 1.0),), sequential=True, queue_depth=32, bytes=times * model.capacity).close()


def write_randomly(model: Model, laps: float, **client: object) -> None:
    """Overwrite single pages at random, `laps` times the capacity in all."""
    load(model, bytes=int(laps * model.capacity), **client).close()


def amplification(model: Model, laps: float, **client: object) -> float:
    """Give the write amplification of random single-page writes."""
    before = model.counters()
    write_randomly(model, laps, seed=2, **client)
    return grown(model, before, "media_written") / grown(model, before, "host_written")


def xiang_kurkoski(spare: float) -> float:
    """Give the limit for large blocks (Xiang, Kurkoski: arXiv 1110.4245)."""
    alpha = 1 + spare
    return float(alpha / (alpha + lambertw(-alpha * np.exp(-alpha)).real))


def desnoyers(spare: float, pages: int) -> float:
    """Give greedy collection's write amplification with `pages` in a block (Desnoyers, SYSTOR 2012)."""
    alpha, wide = 1 + spare, (1 + spare) * (1 + 1 / (2 * pages))
    left = 0.5 - pages / alpha * lambertw(-wide * np.exp(-wide)).real
    return float(pages / (pages - (left - 1)))


@pytest.mark.parametrize(
    ("spare", "pages", "simulated"),
    [
        (0.07, 64, 7.028),
        (0.07, 256, 7.709),
        (0.125, 64, 4.396),
        (0.125, 256, 4.636),
        (0.28, 64, 2.405),
        (0.28, 256, 2.470),
        (0.50, 64, 1.681),
        (0.50, 256, 1.709),
        (1.00, 64, 1.239),
        (1.00, 256, 1.251),
    ],
)
def test_write_amplification_of_uniform_random_writes_is_that_of_greedy_collection(
    spare: float, pages: int, simulated: float
) -> None:
    # `simulated` comes from an independent simulation of greedy collection with 2^19 user pages. Its reserve is part
    # of its spare space; here the reserve comes on top, and with little spare space only a larger device hides that.
    size, laps = (8 * GIB, 10) if spare < 0.1 and pages == 256 else (2 * GIB, 5)
    with flash(capacity=size, over_provisioning=spare, pages_per_block=pages, **BARE) as model:
        fill(model)
        write_randomly(model, laps)
        measured = amplification(model, laps)

    assert measured == pytest.approx(simulated, rel=0.02)
    assert measured == pytest.approx(desnoyers(spare, pages), rel=0.01)
    assert measured < xiang_kurkoski(spare)


@pytest.mark.parametrize("dies", [1, 16])
def test_sequential_overwriting_moves_nothing(dies: int) -> None:
    with flash(
        capacity=GIB, over_provisioning=0.07, pages_per_block=128, channels=dies, program_bytes=32 * KIB, **BARE
    ) as model:
        fill(model, times=4)
        counters = model.counters()

    assert counters["collected"].value == 0
    assert counters["media_written"].value == counters["host_written"].value == 4 * GIB


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_trimming_a_share_acts_as_that_much_over_provisioning(share: float) -> None:
    # Frankie, Hughes, Kreutz-Delgado: arXiv 1210.5975. What is left of the user's pages shares all the spare ones.
    spare = 0.125
    kept = int((1 - share) * GIB) // PAGE * PAGE
    with flash(capacity=GIB, over_provisioning=spare, pages_per_block=64, **BARE) as model:
        fill(model)
        model.submit(TRIM, kept, GIB - kept, model.now)
        write_randomly(model, 5, span=kept)
        measured = amplification(model, 5, span=kept)

    assert measured == pytest.approx(desnoyers((1 + spare) / (1 - share) - 1, 64), rel=0.02)


def test_more_dies_amplify_as_one_does() -> None:
    found = []
    for dies in (1, 16):
        with flash(
            capacity=2 * GIB, over_provisioning=0.28, pages_per_block=64, channels=dies, program_bytes=16 * KIB, **BARE
        ) as model:
            fill(model)
            write_randomly(model, 5)
            found.append(amplification(model, 3))

    assert found[1] == pytest.approx(found[0], rel=0.03)


def test_a_fresh_drive_is_fast_and_a_filled_one_settles_lower() -> None:
    with flash(**SMALL) as model:
        rates = [rate(model, bytes=model.capacity, queue_depth=32, seed=lap) for lap in range(12)]

    assert rates[0] > 1.5 * rates[-1]
    assert np.ptp(rates[-4:]) < 0.05 * rates[-1]


def test_a_read_takes_array_time_and_transfer() -> None:
    with flash(**SMALL, read_overhead=5e3, interface_bandwidth=1e9) as model:
        fill(model)
        done = model.submit(READ, 0, PAGE, model.now + 10**9)

    # Firmware, tR, channel, interface.
    assert done - (model.now + 10**9) == pytest.approx(5e3 + 50e3 + PAGE / 400e6 * 1e9 + PAGE / 1e9 * 1e9, abs=2)


def test_pages_that_were_never_written_need_no_array() -> None:
    with flash(**SMALL) as model:
        assert model.submit(READ, 0, PAGE, 1000) == 1000
        assert model.counters()["media_read"].value == 0


def test_a_write_is_acknowledged_when_it_is_in_the_buffer() -> None:
    with flash(**SMALL, write_overhead=8e3) as model:
        assert model.submit(WRITE, 0, PAGE, 0) == 8000
        assert model.submit(READ, 0, PAGE, 8000) == 8000
        assert model.counters()["buffer_hits"].value == PAGE


def test_a_flush_waits_for_the_array_unless_the_buffer_is_protected() -> None:
    with flash(**SMALL) as consumer, flash(**SMALL, buffer_protected=1.0) as enterprise:
        for model in (consumer, enterprise):
            model.submit(WRITE, 0, PAGE, 0)
        assert consumer.submit(FLUSH, 0, 0, 0) >= 500_000
        assert enterprise.submit(FLUSH, 0, 0, 0) == 0
        # A unit that is not full is padded.
        assert consumer.counters()["media_written"].value == 16 * KIB


def test_a_read_waits_for_a_program_or_its_suspension() -> None:
    waits = []
    for suspend in (0.0, 20e3):
        with flash(**{**SMALL, "channels": 1.0, "dies_per_channel": 1.0}, program_suspend=suspend) as model:
            fill(model)
            now = model.now + 10**10
            for page in range(4):
                model.submit(WRITE, page * PAGE, PAGE, now)
            waits.append(model.submit(READ, 32 * MIB, PAGE, now + 100_000) - now - 100_000)

    assert waits[0] > 400e3
    assert waits[1] == pytest.approx(20e3 + 50e3 + PAGE / 400e6 * 1e9, abs=2)


def test_the_slc_cache_fills_then_writes_slow_down_and_idle_time_empties_it() -> None:
    parameters = {**SMALL, "slc_share": 0.1, "bits_per_cell": 3.0, "slc_program_time": 100e3, "pages_per_block": 96.0}
    with flash(**{**parameters, "program_bytes": 48.0 * KIB}) as model:
        times, cached = [], []
        for part in range(8):
            began = model.now
            with load(model, sequential=True, sizes=((48 * KIB, 1.0),), bytes=2 * MIB, offset=part * 2 * MIB):
                times.append(model.now - began)
            cached.append(model.counters()["cache_written"].value)
        model.now += 60 * 10**9
        model.submit(WRITE, 0, 48 * KIB, model.now)
        for page in range(16):
            model.submit(READ, page * MIB, PAGE, model.now)
        folded = model.counters()["folded"].value
        began = model.now
        with load(model, sequential=True, sizes=((48 * KIB, 1.0),), bytes=2 * MIB, offset=32 * MIB):
            afterwards = model.now - began

    assert cached[-1] == cached[-2] < 10 * MIB, "the cache is full"
    assert times[-1] > 1.2 * times[0]
    assert folded > 0
    assert afterwards < times[-1]


def test_trimmed_pages_are_gone_and_a_reset_keeps_the_wear() -> None:
    with flash(**SMALL) as model:
        fill(model, times=3)
        worn = model.counters()["wear_mean"].value
        model.submit(TRIM, 0, MIB, model.now)
        assert model.submit(READ, 0, PAGE, model.now) == model.now
        model.reset()
        assert model.counters()["wear_mean"].value >= worn > 0
        assert model.submit(READ, 32 * MIB, PAGE, model.now) == model.now


def test_what_contradicts_itself_is_refused_with_the_reason() -> None:
    for change, reason in (
        ({"capacity": 64.0 * MIB + 512}, "not a multiple of page_size"),
        ({"program_bytes": 6000.0}, "program_bytes"),
        ({"pages_per_block": 66.0}, "pages_per_block"),
        ({"buffer_bytes": 4096.0}, "buffer_bytes"),
        ({"slc_share": 0.1}, "more than one bit"),
        ({"capacity": 1.0 * MIB}, "capacity must be at least"),
        ({"over_provisioning": 0.0}, "between"),
        ({"tR": 1.0}, "no parameter 'tR'"),
    ):
        with pytest.raises(InputError, match=reason):
            Model("flash", {**SMALL, **change})
    with pytest.raises(InputError, match="read_time is not set"):
        Model("flash", {name: value for name, value in SMALL.items() if name != "read_time"})


def test_memory_stays_below_16_bytes_a_page() -> None:
    for pages in (64.0, 256.0, 1536.0):
        with flash(**{**SMALL, "capacity": 4.0 * GIB, "pages_per_block": pages}) as model:
            assert model.state_bytes / (4 * GIB / PAGE) <= 16


def test_one_seed_gives_one_state() -> None:
    digests = set()
    for _ in range(2):
        with flash(**SMALL) as model:
            fill(model)
            write_randomly(model, 3, queue_depth=8, fsync_every=100, read_percent=30)
            digests.add(hashlib.sha256(model.state()).hexdigest())

    assert len(digests) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([READ, WRITE, WRITE, TRIM, FLUSH]),
            st.integers(0, 8 * MIB // 512 - 1),
            st.integers(1, 512),
            st.integers(0, 10**7),
        ),
        max_size=300,
    ),
    st.sampled_from([0.0, 0.1]),
)
def test_whatever_happens_time_goes_forward_and_the_counts_agree(
    operations: list[tuple[int, int, int, int]], slc: float
) -> None:
    parameters = {**SMALL, "capacity": 8.0 * MIB, "pages_per_block": 24.0, "program_bytes": 24.0 * KIB}
    with flash(**parameters, slc_share=slc, bits_per_cell=3.0) as model:
        now = written = 0
        for operation, sector, sectors, pause in operations:
            now += pause
            length = min(sectors * 512, 8 * MIB - sector * 512) if operation != FLUSH else 0
            assert model.submit(operation, sector * 512, length, now) >= now
            written += length if operation == WRITE else 0
        counters = model.counters()

    assert counters["host_written"].value == written
    assert counters["media_written"].value >= counters["collected"].value
