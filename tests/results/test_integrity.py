"""Every kind of wrong block is called by its name, and what a device may do is right."""

from __future__ import annotations

import pytest

from storbench.results.integrity import CLASSES, Flush, Seen, Write, classify, look
from storbench.results.stamp import SECTOR, read_stamps, stamped_block

RUN = bytes(range(16))
SIZE = 4096
OLD, NEW = Write(1, 1, 0.0, 0.1), Write(1, 5, 2.0, 2.1)
FILL = Flush(0.2, 0.3)
LATE = Flush(2.2, 2.3)
ELSEWHERE = Write(2, 9, 3.0, 3.1)


def whole(block: int, sequence: int) -> Seen:
    return Seen(block, sequence, "whole")


@pytest.mark.parametrize(
    ("writes", "flushes", "seen", "power_cut", "expected"),
    [
        ([OLD, NEW], [FILL], [whole(1, 5)], False, "right"),
        ([OLD, NEW], [FILL], [whole(1, 1)], False, "lost_acknowledged"),
        ([OLD, NEW], [FILL], [whole(1, 1)], True, "right"),  # it was never flushed, and a cache may be volatile
        ([OLD, NEW], [FILL, LATE], [whole(1, 1)], True, "lost_flushed"),
        ([OLD, NEW], [FILL, LATE], [whole(1, 1)], False, "lost_flushed"),
        ([OLD, NEW, ELSEWHERE], [FILL, LATE], [whole(1, 1), whole(2, 9)], True, "out_of_order"),
        ([OLD, NEW], [FILL, LATE], [whole(1, 1), whole(1, 5)], False, "stale"),
        ([OLD, NEW], [FILL, LATE], [Seen(1, 5, "torn")], False, "torn"),
        ([OLD, NEW], [FILL, LATE], [Seen(1, 9, "misdirected")], False, "misdirected"),
        ([OLD, NEW], [FILL, LATE], [Seen(1, None, "corrupt")], True, "corrupt"),
        ([OLD, NEW], [FILL, LATE], [Seen(1, None, "unreadable")], False, "unreadable"),
        ([OLD, NEW], [FILL, LATE], [whole(1, 77)], False, "corrupt"),
        ([OLD, NEW], [FILL, LATE], [Seen(1, None, "zeroes")], True, "lost_flushed"),
        # A write that never came back may have arrived or not.
        ([OLD, Write(1, 5, 2.0, None, 5)], [FILL, LATE], [whole(1, 1)], False, "right"),
        ([OLD, Write(1, 5, 2.0, None, 5)], [FILL, LATE], [whole(1, 5)], False, "right"),
        ([], [], [], False, "right"),
    ],
)
def test_a_block_is_called_what_it_is(
    writes: list[Write], flushes: list[Flush], seen: list[Seen], power_cut: bool, expected: str
) -> None:
    found = classify(2, writes, flushes, seen, power_cut=power_cut)
    assert [one.found for one in found.wrong] == ([] if expected == "right" else [expected])
    assert sum(found.counts.values()) == found.blocks == 2
    assert set(found.counts) == set(CLASSES)


def test_a_flush_covers_what_was_acknowledged_before_it_was_asked_for() -> None:
    during = Write(1, 5, 2.0, 2.25)  # acknowledged while the flush was under way
    assert classify(2, [OLD, during], [FILL, LATE], [whole(1, 1)], power_cut=True).wrong == ()
    later = Flush(2.26, 2.4)
    assert classify(2, [OLD, during], [FILL, LATE, later], [whole(1, 1)], power_cut=True).counts["lost_flushed"] == 1


def test_a_write_that_is_found_elsewhere_is_not_lost() -> None:
    seen = [whole(1, 1), Seen(0, 5, "misdirected", home=1)]
    found = classify(2, [OLD, NEW], [FILL, LATE], seen, power_cut=False)
    assert [(one.block, one.found) for one in found.wrong] == [(0, "misdirected"), (1, "misdirected")]
    assert "block 0" in found.wrong[1].detail
    # The one that is missing is a newer one, which is nowhere.
    newer = Write(1, 7, 2.15, 2.16)
    found = classify(2, [OLD, NEW, newer], [FILL, LATE], seen, power_cut=False)
    assert [(one.block, one.found) for one in found.wrong] == [(0, "misdirected"), (1, "lost_flushed")]


def test_a_newer_write_under_the_same_flush_has_overtaken_and_one_beside_it_has_not() -> None:
    beside, after = Write(2, 6, 2.05, 2.15), Write(2, 6, 2.15, 2.16)
    for newer, expected in ((beside, "lost_flushed"), (after, "out_of_order")):
        found = classify(3, [OLD, NEW, newer], [FILL, LATE], [whole(1, 1), whole(2, 6)], power_cut=True)
        assert [(one.block, one.found) for one in found.wrong] == [(1, expected)]


def test_what_was_written_after_the_cut_overtook_nothing() -> None:
    seen = [whole(1, 1), whole(2, 9)]
    found = classify(3, [OLD, NEW, ELSEWHERE], [FILL, LATE], seen, power_cut=True, cut_at=2.5)
    assert [(one.block, one.found) for one in found.wrong] == [(1, "lost_flushed")]


def test_nothing_found_still_allows_something() -> None:
    assert classify(300, [], [], [], power_cut=False).bound == pytest.approx(0.01)


def test_a_stamp_says_what_it_is_and_any_changed_bit_shows() -> None:
    data = stamped_block(RUN, 8192, SIZE, 3, 42)
    headers, fine, zero = read_stamps(data, RUN)
    assert fine.all()
    assert not zero.any()
    assert headers["address"].tolist() == [8192 + SECTOR * n for n in range(8)]
    assert look(data, 2, SIZE, RUN) == whole(2, 42)
    for bit in range(0, 8 * SIZE, 997):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        assert look(bytes(changed), 2, SIZE, RUN).kind == "corrupt"


def test_torn_misdirected_and_foreign_blocks_are_told_apart() -> None:
    old, new = (stamped_block(RUN, 8192, SIZE, 0, number) for number in (1, 2))
    assert look(new[:1024] + old[1024:], 2, SIZE, RUN).kind == "torn"
    stray = look(new, 3, SIZE, RUN)
    assert (stray.kind, stray.home, stray.sequence) == ("misdirected", 2, 2)
    assert look(stamped_block(RUN, 12288, SIZE, 0, 9)[:512] + new[512:], 3, SIZE, RUN).sequence == 2
    assert look(new, 2, SIZE, bytes(16)).kind == "corrupt"
    assert look(bytes(SIZE), 2, SIZE, RUN).kind == "zeroes"


def test_no_two_writes_have_the_same_bytes() -> None:
    blocks = {stamped_block(RUN, offset, SIZE, 0, number) for offset in (0, 4096) for number in (1, 2)}
    assert len(blocks) == 4
