"""Each planted defect moves what it is about, by what was asked for, and leaves the rest of the device as it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import msgspec
import pytest

from storbench.common.errors import InputError
from storbench.devices.base import HEALTH, Opening, Target
from storbench.devices.native_library import FLUSH, Model
from storbench.devices.native_load import Load
from storbench.devices.registry import resolve_device
from storbench.devices.sim import SimulatedDevice
from storbench.results.histogram import Histogram

from .native.models import KIB, MIB, load

SATA = "sim:flash-sata-tlc?size=1GiB"
SECOND = 10**9
PROGRAM_US = 900
SLC_PROGRAM_US = 300


class Metrics(msgspec.Struct, frozen=True):
    """What is measured of a filled device."""

    sequential_read: float
    sequential_write: float
    """Bytes per second at depth 32, 128 KiB."""
    random_read: float
    random_write: float
    """IOPS at depth 128, 4 KiB."""
    read_latency: float
    write_latency: float
    """Median us at depth 1, 4 KiB."""
    sync_latency: float
    """Mean us of a flush after each 4 KiB write."""
    mixed_tail: float
    """99.99th percentile of reads in us, 70 % reads of 4 KiB at depth 32."""


@contextmanager
def opened(url: str) -> Iterator[tuple[SimulatedDevice, Model, Target]]:
    device = resolve_device(url)
    assert isinstance(device, SimulatedDevice)
    with device.open(Opening("run", write=True)) as target:
        assert isinstance(target.model, Model)
        yield device, target.model, target


def percentile_us(running: Load, direction: int, percent: float) -> float:
    found = Histogram.of_dense(running.totals(0).bins(direction)).percentile(percent)
    assert found is not None
    return found / 1e3


def rate(model: Model, **client: object) -> float:
    """Give IOPS over all that was asked for, after a rest long enough to pay what earlier loads left to do."""
    model.now += 2 * SECOND
    began = model.now
    with load(model, **client) as done:
        totals = done.totals(0)
        return (totals.ios[0] + totals.ios[1]) / ((model.now - began) / 1e9)


def aged(model: Model) -> None:
    """Fill it, then overwrite it at random until it collects all the time."""
    load(model, sizes=((128 * KIB, 1.0),), sequential=True, queue_depth=32, bytes=model.capacity).close()
    load(model, queue_depth=32, bytes=int(1.5 * model.capacity)).close()


@cache
def metrics(defect: str) -> Metrics:
    large = {"sizes": ((128 * KIB, 1.0),), "sequential": True, "queue_depth": 32, "duration": 2 * SECOND}
    with opened(SATA + defect) as (_, model, _):
        aged(model)
        mixed = load(model, seed=6, read_percent=70, queue_depth=32, duration=10 * SECOND)
        tail = percentile_us(mixed, 0, 99.99)
        mixed.close()
        random_write = rate(model, seed=3, queue_depth=128, duration=10 * SECOND)
        sequential_write, sequential_read = rate(model, **large), rate(model, read_percent=100, **large)
        random_read = rate(model, seed=4, read_percent=100, queue_depth=128, duration=SECOND)
        model.now += 5 * SECOND
        with (
            load(model, read_percent=100, duration=SECOND) as reads,
            load(model, duration=SECOND // 10) as writes,
            load(model, duration=SECOND // 2, fsync_every=1) as synced,
        ):
            totals = synced.totals(0)
            return Metrics(
                sequential_read * 128 * KIB,
                sequential_write * 128 * KIB,
                random_read,
                random_write,
                percentile_us(reads, 0, 50),
                percentile_us(writes, 1, 50),
                totals.sync_sum / totals.syncs / 1e3,
                tail,
            )


def changes(defect: str, *without: str) -> dict[str, float]:
    """Give each metric over that of the sound device, but for those named."""
    sound, found = msgspec.structs.asdict(metrics("")), msgspec.structs.asdict(metrics(defect))
    return {name: found[name] / value for name, value in sound.items() if name not in without}


def test_a_stalling_collection_lengthens_the_tail_and_little_else() -> None:
    stalling = "&defect_gc_stall=20ms"

    assert metrics("").mixed_tail < 8_000
    assert 19_000 < metrics(stalling).mixed_tail < 30_000
    assert changes(stalling, "mixed_tail") == pytest.approx(changes("", "mixed_tail"), rel=0.03)


def test_more_stalls_and_other_seeds_stall_elsewhere() -> None:
    often = metrics("&defect_gc_stall=20ms&defect_gc_stall_share=0.5")
    other = metrics("&defect_gc_stall=20ms&seed=2")

    assert often.random_write < 0.95 * metrics("").random_write
    assert other != metrics("&defect_gc_stall=20ms")
    assert msgspec.structs.replace(other, mixed_tail=0) != metrics("")


def test_ten_percent_less_throughput_is_ten_percent_less_of_every_throughput_and_no_latency() -> None:
    found = changes("&defect_throughput=0.9", "mixed_tail")
    latencies = {name: found.pop(name) for name in ("read_latency", "write_latency", "sync_latency")}

    assert found == pytest.approx(dict.fromkeys(found, 0.9), abs=0.025)
    assert latencies == pytest.approx(dict.fromkeys(latencies, 1.0), abs=0.02)


@pytest.mark.parametrize(("profile", "percent"), [("pcm-onyx", 0), ("pcm-onyx", 100), ("xpoint-p4800x", 70)])
def test_other_media_give_less_throughput_too(profile: str, percent: int) -> None:
    found = []
    for defect in ("", "&defect_throughput=0.9"):
        with opened(f"sim:{profile}?size=128MiB{defect}") as (_, model, _):
            found.append(
                (
                    rate(model, read_percent=percent, queue_depth=64, duration=SECOND // 2),
                    rate(model, read_percent=percent, duration=SECOND // 2),
                )
            )

    (sound, sound_alone), (slow, slow_alone) = found
    assert slow / sound == pytest.approx(0.9, abs=0.02)
    assert slow_alone > 0.95 * sound_alone


THROTTLING = "sim:pcm-onyx?size=64MiB&defect_throttle_after=10s&defect_throttle_factor=0.25"


def test_it_throttles_after_so_much_load_and_recovers_by_resting() -> None:
    with opened(THROTTLING) as (device, model, target):
        sizes = ((64 * KIB, 1.0),)
        rates = [rate_now(model, sizes=sizes, queue_depth=16, duration=SECOND) for _ in range(16)]
        hot = device.health(target)
        model.now += 4 * SECOND
        still = rate_now(model, sizes=sizes, queue_depth=16, duration=SECOND // 2)
        model.now += 6 * SECOND
        cool = rate_now(model, sizes=sizes, queue_depth=16, duration=SECOND // 2)
        after = device.health(target)

    assert rates[:9] == pytest.approx([rates[0]] * 9, rel=0.01)
    assert rates[11:] == pytest.approx([rates[0] / 4] * 5, rel=0.02)
    assert still == pytest.approx(rates[0] / 4, rel=0.02)
    assert cool == pytest.approx(rates[0], rel=0.01)
    assert (hot["temperature"], hot["throttle_state"], hot["throttle_events"]) == (70, 1, 1)
    assert hot["throttle_time"] == pytest.approx(6, abs=0.1)
    assert after["temperature"] < 55  # type: ignore[operator]
    assert (after["throttle_state"], after["throttle_events"]) == (0, 1)
    # 6 s under load, 4 s of rest, half a second of load, and of the second rest until half of the heat is gone.
    assert after["throttle_time"] == pytest.approx(6 + 4 + 0.5 + 1.5, abs=0.2)
    assert set(hot) <= set(HEALTH)


def rate_now(model: Model, **client: object) -> float:
    began = model.now
    with load(model, **client) as done:
        return done.totals(0).ios[1] / ((model.now - began) / 1e9)


def test_a_light_load_never_makes_it_throttle() -> None:
    with opened(THROTTLING) as (device, model, target):
        load(model, rate_iops=500.0, queue_depth=4, duration=60 * SECOND).close()
        health = device.health(target)

    assert (health["throttle_events"], health["throttle_time"], health["temperature"]) == (
        0,
        0,
        pytest.approx(30, abs=1),
    )


def test_throttling_scales_every_time_behind_a_link_and_not_the_link() -> None:
    latencies = []
    for after in ("1h", "1s"):
        url = f"sim:pcm-onyx?size=64MiB&link_rtt=1ms&defect_throttle_after={after}"
        with opened(url) as (_, model, _):
            load(model, read_percent=100, queue_depth=16, duration=20 * SECOND).close()
            with load(model, read_percent=100, bytes=100 * 4 * KIB) as alone:
                latencies.append(alone.totals(0).least[0])

    assert latencies[1] - 1_000_000 == pytest.approx(2 * (latencies[0] - 1_000_000), rel=0.01)


def test_a_device_without_the_defect_tells_no_temperature() -> None:
    with opened(SATA) as (device, _, target):
        assert not {"temperature", "throttle_events", "throttle_time", "throttle_state"} & set(device.health(target))


def test_an_honest_device_without_write_cache_waits_for_its_programs() -> None:
    off = metrics("&write_cache=off")
    found = changes("&write_cache=off")

    assert off.write_latency > SLC_PROGRAM_US
    assert off.sync_latency > SLC_PROGRAM_US
    assert found["random_write"] < 0.5
    reads = {name: found[name] for name in ("sequential_read", "random_read", "read_latency")}
    assert reads == pytest.approx(dict.fromkeys(reads, 1.0), rel=0.03)


def test_a_device_that_lies_about_its_write_cache_says_off_and_is_measured_to_be_on() -> None:
    lying, honest = metrics("&defect_write_cache=lying"), metrics("")

    assert (
        facts("&defect_write_cache=lying")["write_cache"] == facts("&write_cache=off")["write_cache"] == "write through"
    )
    assert facts("")["write_cache"] == facts("&write_cache=on")["write_cache"] == "write back"
    assert lying.write_latency == honest.write_latency < SLC_PROGRAM_US / 5
    assert lying.sync_latency < SLC_PROGRAM_US / 5 < SLC_PROGRAM_US < honest.sync_latency
    assert changes("&defect_write_cache=lying", "sync_latency") == pytest.approx(changes("", "sync_latency"), rel=0.03)


def test_without_a_write_cache_a_large_write_ends_with_its_last_program_and_leaves_nothing_to_flush() -> None:
    with opened(SATA + "&write_cache=off") as (_, model, _):
        load(model, sizes=((MIB, 1.0),), sequential=True, bytes=64 * MIB).close()
        at = model.now + SECOND // 100
        assert model.submit(FLUSH, 0, 0, at) - at < 100_000
        counters = model.counters()
        assert counters["media_written"].value >= counters["host_written"].value


def test_a_device_with_less_capacity_than_it_advertises_works_as_one_of_that_size() -> None:
    short = resolve_device(SATA + "&defect_capacity=0.93")
    assert isinstance(short, SimulatedDevice)

    assert short.facts()["advertised_capacity"] == 1024 * MIB
    assert short.info().size == int(1024 * 0.93) * MIB
    with opened(SATA + "&defect_capacity=0.93") as (_, model, target):
        assert model.capacity == target.size == short.info().size
    sound = resolve_device(SATA)
    assert sound.facts()["advertised_capacity"] == sound.info().size


def test_the_advertised_size_in_decimal_ends_with_a_whole_page() -> None:
    assert resolve_device("sim:flash-sata-tlc?size=500GB").info().size == 500_000_000_000 // 4096 * 4096


def test_what_is_planted_is_in_the_facts() -> None:
    found = facts("&defect_gc_stall=20ms&defect_throughput=0.9&seed=7")

    assert found["parameter_defect_gc_stall"] == 20e6
    assert found["parameter_defect_gc_stall_share"] == 0.01
    assert found["parameter_defect_throughput"] == 0.9
    assert found["parameter_defect_seed"] == 7


def facts(query: str) -> dict[str, object]:
    return dict(resolve_device(SATA + query).facts())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"{SATA}&defect_throughput=1.1", "defect_throughput.*< 1"),
        (f"{SATA}&defect_throughput=0", "defect_throughput.*>= 0.01"),
        (f"{SATA}&defect_gc_stall=0s", "defect_gc_stall"),
        (f"{SATA}&defect_gc_stall=20", "defect_gc_stall.*not a duration"),
        (f"{SATA}&defect_gc_stall=1h", "defect_gc_stall is .* between"),
        (f"{SATA}&defect_gc_stall=20ms&defect_gc_stall_share=2", "defect_gc_stall_share.*<= 1"),
        (f"{SATA}&defect_gc_stall_share=0.1", "needs defect_gc_stall\n.*defect_gc_stall=20ms"),
        (f"{SATA}&defect_throttle_factor=0.5", "needs defect_throttle_after\n.*defect_throttle_after=30s"),
        (f"{SATA}&defect_throttle_after=30s&defect_throttle_factor=1", "defect_throttle_factor.*< 1"),
        (f"{SATA}&defect_write_cache=on", "lying"),
        (f"{SATA}&defect_write_cache=lying&write_cache=on", "nothing to lie about"),
        (f"{SATA}&write_cache=maybe", "on.*off|off.*on"),
        (f"{SATA}&defect_capacity=1", "defect_capacity.*< 1"),
        ("sim:pcm-onyx?write_cache=on", "no volatile write cache"),
        ("sim:pcm-onyx?defect_write_cache=lying", "defect_write_cache: .*no volatile write cache"),
        ("sim:flash-tlc?size=6GiB&defect_gc_stall=1ms&defect_nothing=1", "unknown parameter 'defect_nothing'"),
        ("sim:pcm-onyx?defect_gc_stall=20ms", "collects no garbage"),
        ("nbd:emu-pcm-onyx?defect_gc_stall=20ms", "collects no garbage"),
        ("emu:pcm-onyx?defect_throttle_after=-1s", "defect_throttle_after"),
    ],
)
def test_nonsense_is_refused(url: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_device(url).check(Opening("run", write=True))
    assert re.search(message, str(caught.value), re.DOTALL), str(caught.value)


@pytest.mark.parametrize("start", ["sim:", "emu:", "nbd:emu-"])
def test_every_front_end_takes_them(start: str) -> None:
    query = "size=1GiB&defect_throughput=0.5&defect_gc_stall=1ms&defect_throttle_after=9s&defect_capacity=0.5"
    device = resolve_device(f"{start}flash-sata-tlc?{query}&write_cache=off")

    assert device.info().size == 512 * MIB
    assert device.facts()["write_cache"] == "write through"
    assert device.facts()["parameter_defect_throttle_factor"] == 0.5
