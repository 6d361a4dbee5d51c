"""How fast virtual time goes.

Aims: 10 million 4 KiB host writes a second on a filled flash device with 28 % over-provisioning, 64 GiB preconditioned
(twice sequentially) in 10 s, a SATA-class device at full rate 50 times faster than the clock.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from storbench.devices.emulated import EmulationParameters, emulated
from storbench.devices.native_library import Model
from storbench.devices.native_load import Client, Load

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

GIB = 1 << 30
FLASH = {
    "over_provisioning": 0.28,
    "pages_per_block": 256.0,
    "read_time": 50e3,
    "program_time": 700e3,
    "program_bytes": 32768.0,
    "erase_time": 3e6,
    "channel_bandwidth": 800e6,
    "buffer_bytes": 4.0 * (1 << 20),
}


def load(model: Model, **client: object) -> tuple[float, float, int]:
    """Run one client's load to its end; give wall seconds, virtual seconds and I/Os."""
    described = Client(**{"seed": 1, "span": model.capacity, "sizes": ((4096, 1.0),), "read_percent": 0, **client})  # type: ignore[arg-type]
    began = time.perf_counter()
    with Load(model, model.now, [described]) as running:
        running.run()
        wall = time.perf_counter() - began
        virtual, model.now = (running.now - model.now) / 1e9, running.now
        totals = running.totals(0)
        return wall, virtual, totals.ios[0] + totals.ios[1]


def fill(model: Model, times: int) -> float:
    """Write the device from end to end; give the wall seconds."""
    return load(model, sizes=((131072, 1.0),), sequential=True, queue_depth=32, bytes=times * model.capacity)[0]


@pytest.mark.parametrize(("gib", "dies"), [(1, 1), (4, 64), (16, 64)])
def test_random_writes_on_a_filled_flash_device(benchmark: BenchmarkFixture, gib: int, dies: int) -> None:
    channels = 8 if dies > 1 else 1
    model = Model(
        "flash", {**FLASH, "capacity": float(gib * GIB), "channels": channels, "dies_per_channel": dies // channels}
    )
    fill(model, 2)
    load(model, bytes=model.capacity, queue_depth=32)
    found = [load(model, bytes=model.capacity, queue_depth=32, seed=seed) for seed in range(3)]
    rate = max(ios / wall for wall, _, ios in found)
    pages = model.capacity / 4096
    benchmark.extra_info |= {"writes_per_second": rate, "bytes_per_page": model.state_bytes / pages}
    print(f"\n{gib} GiB, {dies} dies: {rate / 1e6:.1f} M host writes/s, {model.state_bytes / pages:.1f} bytes a page")
    benchmark.pedantic(load, (model,), {"bytes": model.capacity, "queue_depth": 32}, rounds=1)
    model.close()


def test_preconditioning_64_gib(benchmark: BenchmarkFixture) -> None:
    model = Model("flash", {**FLASH, "capacity": 64.0 * GIB, "channels": 8.0, "dies_per_channel": 8.0})
    wall = benchmark.pedantic(fill, (model, 2), rounds=1)
    print(f"\n64 GiB, twice sequentially: {wall:.2f} s")
    model.close()


@pytest.mark.parametrize("read_percent", [0, 70, 100])
@pytest.mark.parametrize("block_size", [4096, 131072])
def test_a_sata_device_at_full_rate(benchmark: BenchmarkFixture, read_percent: int, block_size: int) -> None:
    model = emulated("flash-sata-tlc", EmulationParameters(), "sim").model()
    fill(model, 2)
    job = {"read_percent": read_percent, "sizes": ((block_size, 1.0),), "queue_depth": 32, "duration": 10 * 10**9}
    wall, virtual, ios = benchmark.pedantic(load, (model,), job, rounds=1)
    print(f"\n{read_percent} % reads of {block_size} B: {virtual / wall:.0f} × the clock, {ios / virtual:,.0f} IOPS")
    model.close()
