"""The faulty server's own write cache: what is durable when, and that data comes back right, from many threads."""

from __future__ import annotations

import os
import random
import threading

import pytest

from storbench.devices.base import Fault

from .conftest import SIZE, Serve

CUT = Fault("power-cut")
PAGE = 4096


def test_an_honest_cache_keeps_what_was_flushed_and_loses_the_rest(serve: Serve) -> None:
    it = serve("writeback")
    client = it.client()
    client.write(0, b"a" * 8192)
    assert client.read(0, 8192) == b"a" * 8192
    assert it.at_rest(0, 8192) == bytes(8192)
    client.flush()
    client.write(4096, b"b" * 8192)

    assert it.server.inject(CUT) == {"unsettled_bytes_lost": 8192}
    assert it.server.heal(CUT)["restart_s"]

    assert it.client().read(0, 12288) == b"a" * 8192 + bytes(4096)


def test_a_cache_that_lies_makes_nothing_durable_before_its_orderly_end(serve: Serve) -> None:
    it = serve("unsafe")
    client = it.client()
    client.write(0, b"a" * PAGE)
    client.flush()
    client.write_through(PAGE, b"a" * PAGE)
    client.close()
    it.server.inject(CUT)
    assert it.at_rest(0, SIZE) == bytes(SIZE)
    it.server.heal(CUT)
    client = it.client()
    client.write(0, b"b" * PAGE)
    client.close()
    it.server.stop()
    assert it.at_rest(0, 2 * PAGE) == b"b" * PAGE + bytes(PAGE)


@pytest.mark.parametrize("cache", ["none", "writethrough"])
def test_without_a_volatile_cache_all_is_in_the_image(serve: Serve, cache: str) -> None:
    it = serve(cache)
    it.client().write(100, b"a" * 5000)

    assert it.server.inject(CUT) == {}
    assert it.at_rest(0, 5200) == bytes(100) + b"a" * 5000 + bytes(100)


def test_a_write_with_fua_is_durable_and_others_are_not(serve: Serve) -> None:
    it = serve("writeback")
    client = it.client()
    client.write(0, b"a" * PAGE)
    client.write_through(PAGE, b"b" * PAGE)

    assert it.at_rest(0, 2 * PAGE) == bytes(PAGE) + b"b" * PAGE


@pytest.mark.parametrize("hole", [True, False])
def test_zeroes_and_trims_cover_what_is_in_the_cache(serve: Serve, hole: bool) -> None:
    it = serve("writeback", b"o" * SIZE)
    client = it.client()
    client.write(0, b"a" * 3 * PAGE)

    client.zero(1000, 2 * PAGE, hole=hole)
    client.trim(5 * PAGE, PAGE)

    there = b"a" * 1000 + bytes(2 * PAGE) + b"a" * (PAGE - 1000)
    assert client.read(0, 3 * PAGE) == there
    assert client.read(5 * PAGE - 1, PAGE + 2) == b"o" + bytes(PAGE) + b"o"
    client.flush()
    assert it.at_rest(0, 3 * PAGE) == there


@pytest.mark.parametrize("cache", ["none", "writeback", "unsafe", "writethrough"])
def test_many_threads_read_what_they_wrote_and_an_orderly_end_keeps_it(serve: Serve, cache: str) -> None:
    """Each has a part of its own that begins and ends inside pages of its neighbours; both meet in one page."""
    it = serve(cache)
    expected = bytearray(SIZE)
    trouble: list[str] = []
    cuts = [0, *(n * SIZE // 6 + 777 * n for n in range(1, 6)), SIZE]

    def work(number: int) -> None:
        chance, client = random.Random(number), it.client()  # noqa: S311 - no secrets
        first, last = cuts[number], cuts[number + 1]
        for _ in range(150):
            offset = chance.randrange(first, last)
            length = min(chance.choice((1, 512, 4096, 20_000)), last - offset)
            match chance.randrange(8):
                case 0:
                    client.flush()
                case 1:
                    client.trim(offset, length)
                    expected[offset : offset + length] = bytes(length)
                case 2:
                    data = chance.randbytes(length)
                    client.write_through(offset, data)
                    expected[offset : offset + length] = data
                case 3 | 4:
                    if client.read(offset, length) != expected[offset : offset + length]:
                        trouble.append(f"{number}: {offset} + {length}")
                case _:
                    data = chance.randbytes(length)
                    client.write(offset, data)
                    expected[offset : offset + length] = data
        client.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not trouble
    it.server.check()
    it.server.stop()
    assert it.at_rest(0, SIZE) == bytes(expected)


def test_an_image_that_ends_inside_a_page_is_served_to_its_end(serve: Serve) -> None:
    contents = os.urandom(3 * PAGE + 512)
    it = serve("writeback", contents)
    client = it.client()
    client.write(3 * PAGE + 500, b"x" * 12)
    assert client.read(0, len(contents)) == contents[:-12] + b"x" * 12
    with pytest.raises(OSError, match="No space left"):
        client.write(len(contents) - 1, b"yy")
    client.flush()
    assert it.at_rest(0, len(contents) + 1) == contents[:-12] + b"x" * 12


def test_what_a_shrunken_medium_cannot_take_fails_the_flush_and_is_not_forgotten(serve: Serve) -> None:
    it = serve("writeback")
    client = it.client()
    client.write(SIZE - PAGE, b"a" * PAGE)
    it.server.inject(Fault("truncate", parameters={"length": SIZE // 2}))
    with pytest.raises(OSError, match="Input/output"):
        client.flush()
    it.server.heal(Fault("truncate"))
    client.flush()
    assert it.at_rest(SIZE - PAGE, PAGE) == b"a" * PAGE
