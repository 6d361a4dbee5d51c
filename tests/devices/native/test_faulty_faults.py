"""Each fault that the faulty server makes by itself: what it does, to which requests, and that it ends."""

from __future__ import annotations

import errno
import threading
import time

import pytest

from storbench.common.errors import InputError
from storbench.devices.base import Fault

from .conftest import SIZE, Serve, Served
from .nbd_requests import Client

PAGE = 4096
OLD, NEW = b"o" * PAGE, b"n" * PAGE


def errno_of(client: Client, operation: str, offset: int = 0) -> int:
    """Give the error of one request, 0 for none."""
    try:
        match operation:
            case "read":
                client.read(offset, PAGE)
            case "write":
                client.write(offset, NEW)
            case "trim":
                client.trim(offset, PAGE)
            case _:
                client.flush()
    except OSError as error:
        return error.errno or -1
    return 0


def inject(it: Served, kind: str, **parameters: str | float) -> dict[str, str | int | float | bool | None]:
    return it.server.inject(Fault(kind, parameters=parameters))


@pytest.mark.parametrize(
    ("asked", "seen"),
    [("EIO", "EIO"), ("ENOSPC", "ENOSPC"), ("ENOMEM", "ENOMEM"), ("EPERM", "EPERM"), ("EROFS", "EPERM"),
     ("EDQUOT", "ENOSPC"), ("EREMOTEIO", "EINVAL"), ("ESHUTDOWN", "ESHUTDOWN")],
)  # fmt: skip
def test_requests_fail_with_the_errno_that_is_said_to_be_seen(serve: Serve, asked: str, seen: str) -> None:
    it = serve()
    client = it.client()
    assert inject(it, "error", errno=asked) == {"fault_errno": asked, "fault_errno_seen": seen}
    assert errno_of(client, "read") == errno_of(client, "flush") == getattr(errno, seen)
    assert errno_of(client, "trim") == 0
    assert it.server.heal(Fault("error")) == {"fault_injected": 2}
    assert errno_of(client, "read") == 0
    assert it.server.heal(Fault("error")) == {}


def test_only_chosen_operations_of_a_region_fail_and_no_more_than_the_limit(serve: Serve) -> None:
    it = serve()
    client = it.client()
    inject(it, "error", operations="read,trim", offset=PAGE, length=PAGE, count=2)
    found = [errno_of(client, "read", at) for at in (0, PAGE, 2 * PAGE)]
    found += [errno_of(client, "write", PAGE), errno_of(client, "flush"), errno_of(client, "trim", PAGE)]
    assert found == [0, errno.EIO, 0, 0, 0, errno.EIO]
    assert errno_of(client, "read", PAGE) == 0
    assert client.read(0, PAGE // 2)
    facts = it.server.requests()
    assert (facts["server_requests_read"], facts["server_errors_read"], facts["server_errors_trim"]) == (5, 1, 1)


def test_a_share_is_kept_and_its_seed_says_which(serve: Serve) -> None:
    it = serve()
    client = it.client()
    rows = []
    for seed in (1, 1, 2):
        inject(it, "error", share=0.25, seed=seed, operations="read")
        rows.append([errno_of(client, "read") for _ in range(800)])
        assert it.server.heal(Fault("error")) == {"fault_injected": rows[-1].count(errno.EIO)}
    # 800 requests at 0.25: six standard deviations are 73.
    assert all(127 <= row.count(errno.EIO) <= 273 for row in rows)
    assert rows[0] == rows[1] != rows[2]


def test_an_errno_that_does_not_belong_there(serve: Serve) -> None:
    it = serve()
    facts = inject(it, "wrong-errno", wrong="EPERM")
    assert facts == {"fault_errno": "EIO", "fault_errno_seen": "EPERM"}
    assert errno_of(it.client(), "read") == errno.EPERM


def test_a_bad_region_fails_its_neighbours_as_well(serve: Serve) -> None:
    it = serve()
    client = it.client()
    facts = inject(it, "unconfined-error", offset=64 * PAGE, length=PAGE, spread=2 * PAGE)
    assert (facts["fault_offset"], facts["fault_length"], facts["fault_spread"]) == (64 * PAGE, PAGE, 2 * PAGE)
    bad = [page for page in range(60, 70) if errno_of(client, "read", page * PAGE)]
    assert bad == [62, 63, 64, 65, 66]


def test_read_only_refuses_all_that_writes(serve: Serve) -> None:
    it = serve()
    client = it.client()
    inject(it, "read-only")
    found = [errno_of(client, operation) for operation in ("read", "write", "trim", "flush")]
    assert found == [0, errno.EPERM, errno.EPERM, 0]
    it.server.heal(Fault("read-only"))
    assert errno_of(client, "write") == 0


@pytest.mark.parametrize("cache", ["none", "writeback"])
def test_no_space_refuses_what_was_never_written(serve: Serve, cache: str) -> None:
    it = serve(cache)
    client = it.client()
    client.trim(0, SIZE)
    client.write(0, OLD)
    inject(it, "no-space")
    assert [errno_of(client, "write", at) for at in (0, PAGE, PAGE // 2)] == [0, errno.ENOSPC, errno.ENOSPC]
    assert client.read(0, 2 * PAGE) == NEW + bytes(PAGE)
    assert it.server.heal(Fault("no-space")) == {"fault_injected": 2}
    assert errno_of(client, "write", PAGE) == 0


@pytest.mark.parametrize("cache", ["none", "writeback"])
def test_a_lost_write_is_acknowledged_and_not_done(serve: Serve, cache: str) -> None:
    it = serve(cache, OLD * (SIZE // PAGE))
    client = it.client()
    inject(it, "lost-write", count=1)
    client.write(0, NEW)
    client.write(PAGE, NEW)
    assert client.read(0, 2 * PAGE) == OLD + NEW


@pytest.mark.parametrize("cache", ["none", "writeback"])
def test_a_torn_write_ends_at_a_sector(serve: Serve, cache: str) -> None:
    it = serve(cache, OLD * (SIZE // PAGE))
    client = it.client()
    inject(it, "torn-write")
    ends = set()
    for page in range(64):
        client.write(page * PAGE, NEW)
        there = client.read(page * PAGE, PAGE)
        end = there.count(b"n")
        assert there == NEW[:end] + OLD[end:]
        ends.add(end)
    assert ends == {512 * sectors for sectors in range(1, 8)}


def test_a_misdirected_write_is_whole_and_elsewhere(serve: Serve) -> None:
    it = serve(contents=OLD * (SIZE // PAGE))
    client = it.client()
    inject(it, "misdirected-write", count=1)
    client.write(SIZE - PAGE, NEW)  # from the last place it goes round to the first ones
    there = client.read(0, SIZE)
    place = there.index(NEW)
    assert place % PAGE == 0
    assert place < 16 * PAGE
    assert there == OLD * (place // PAGE) + NEW + OLD * ((SIZE - place) // PAGE - 1)


@pytest.mark.parametrize("cache", ["none", "writeback"])
def test_a_stale_read_gives_what_was_there_before_the_last_write_once(serve: Serve, cache: str) -> None:
    it = serve(cache, OLD * (SIZE // PAGE))
    client = it.client()
    client.write(4 * PAGE, NEW)
    inject(it, "stale-read")
    assert client.read(4 * PAGE, PAGE) == NEW  # it was written before
    client.write(0, NEW)
    client.write(0, b"m" * PAGE)
    client.write(PAGE, NEW)
    assert client.read(0, 3 * PAGE) == NEW + OLD + OLD
    assert client.read(0, 3 * PAGE) == b"m" * PAGE + NEW + OLD
    client.write(0, NEW)
    assert it.server.heal(Fault("stale-read")) == {"fault_injected": 1}
    assert client.read(0, PAGE) == NEW
    inject(it, "stale-read")
    assert client.read(0, PAGE) == NEW  # kept for the one that was healed, and forgotten


def test_a_lying_flush_makes_nothing_durable_until_it_is_healed(serve: Serve) -> None:
    it = serve("writeback")
    client = it.client()
    inject(it, "lying-flush")
    client.write(0, NEW)
    client.flush()
    client.write_through(PAGE, NEW)
    assert it.at_rest(0, SIZE) == bytes(SIZE)
    assert it.server.heal(Fault("lying-flush")) == {"fault_injected": 2}
    client.flush()
    assert it.at_rest(0, 3 * PAGE) == NEW + NEW + bytes(PAGE)


def test_a_reordered_flush_lets_later_writes_overtake_earlier_ones(serve: Serve) -> None:
    it = serve("writeback")
    client = it.client()
    inject(it, "reordered-flush")
    for page in range(64):
        client.write(page * PAGE, NEW)
    client.flush()
    held = [page for page in range(64) if not any(it.at_rest(page * PAGE, PAGE))]
    assert 63 not in held
    assert 10 < len(held) < 54
    client.write(64 * PAGE, NEW)
    client.flush()
    assert it.at_rest(64 * PAGE, PAGE) == NEW
    assert not any(any(it.at_rest(page * PAGE, PAGE)) for page in held)
    client.write(held[0] * PAGE, b"m" * PAGE)  # written anew, it is the newest
    client.flush()
    assert it.at_rest(held[0] * PAGE, PAGE) == b"m" * PAGE
    it.server.heal(Fault("reordered-flush"))
    client.flush()
    assert it.at_rest(0, 65 * PAGE).count(b"\0") == 0


def test_a_slow_server_holds_requests_back_as_long_as_it_is_slow(serve: Serve) -> None:
    it = serve()
    client = it.client()
    inject(it, "slow", delay=0.2, operations="read")
    assert took(client, "read") >= 0.2
    assert it.server.heal(Fault("slow")) == {"fault_injected": 1}

    # A growing delay, of as long as it lasts already: the later one waits longer.
    inject(it, "slow", delay=1000, period=1000, mode="growing")
    time.sleep(0.2)
    assert took(client, "write") >= 0.2

    # Half of each period: now it is slow, and would be for 500 s.
    inject(it, "slow", delay=0.1, period=1000, mode="intermittent")
    assert took(client, "read") >= 0.1
    # The second half of each 4 ns is every other moment, so of many requests some are hit and some are not.
    inject(it, "slow", delay=1e-6, period=4e-9, mode="intermittent")
    for _ in range(200):
        client.read(0, 512)
    hit = it.server.heal(Fault("slow"))["fault_injected"]
    assert isinstance(hit, int)
    assert 0 < hit < 200


def took(client: Client, operation: str) -> float:
    began = time.monotonic()
    assert errno_of(client, operation) == 0
    return time.monotonic() - began


def test_a_request_that_is_held_back_is_let_go_by_the_heal(serve: Serve) -> None:
    it = serve()
    client = it.client()
    inject(it, "slow", delay=3600)
    threading.Timer(0.2, it.server.heal, (Fault("slow"),)).start()
    assert errno_of(client, "read") == 0


@pytest.mark.parametrize(
    ("kind", "parameters", "said"),
    [
        ("error", {"errno": "ENOTHING"}, "no errno 'ENOTHING'"),
        ("error", {"operations": "reads"}, "no operations"),
        ("error", {"share": 2}, "share"),
        ("error", {"delay": 1}, "has no parameter 'delay'"),
        ("slow", {"mode": "sometimes"}, "sometimes"),
        ("slow", {"delay": "much"}, "delay"),
        ("error", {"offset": SIZE, "length": 1}, "behind the device's end"),
        ("bit-flip", {"count": SIZE}, "cannot be damaged"),
        ("truncate", {"length": SIZE}, "cannot shrink"),
        ("kill", {"signal": 9}, "has no parameter 'signal'"),
        ("melt", {}, "no such fault"),
        ("lying-flush", {}, "no volatile cache"),
    ],
)
def test_what_makes_no_sense_is_refused(serve: Serve, kind: str, parameters: dict[str, str | int], said: str) -> None:
    it = serve()
    with pytest.raises(InputError, match=said):
        it.server.inject(Fault(kind, parameters=parameters))
    assert errno_of(it.client(), "read") == 0
