from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.devices.ioengines import choose_ioengine, engine_notes, fio_path, io_uring_works

ALL = frozenset({"io_uring", "libaio", "posixaio", "psync"})


def test_the_best_asynchronous_engine_is_chosen() -> None:
    best = "io_uring" if io_uring_works() else "libaio"
    assert choose_ioengine(ALL, asked=None, in_memory=False) == best
    assert choose_ioengine(ALL - {"io_uring"}, asked=None, in_memory=False) == "libaio"
    assert choose_ioengine(frozenset({"psync", "posixaio"}), asked=None, in_memory=False) == "posixaio"


def test_memory_file_systems_are_not_driven_by_io_uring() -> None:
    assert choose_ioengine(ALL, asked=None, in_memory=True) == "libaio"


def test_without_an_asynchronous_engine_psync_is_left() -> None:
    assert choose_ioengine(frozenset({"psync"}), asked=None, in_memory=False) == "psync"
    assert choose_ioengine(frozenset(), asked=None, in_memory=False) == "psync"


def test_what_was_asked_for_is_taken_or_refused() -> None:
    assert choose_ioengine(ALL, asked="psync", in_memory=False) == "psync"
    with pytest.raises(InputError, match="lacks the I/O engine 'libpmem'"):
        choose_ioengine(ALL, asked="libpmem", in_memory=False)


def test_a_synchronous_engine_says_that_depth_has_no_effect() -> None:
    assert "one I/O in flight" in engine_notes("psync")[0]
    assert engine_notes("io_uring") == ()


def test_a_colon_is_escaped_and_what_fio_would_misread_is_refused() -> None:
    assert fio_path(Path("/data/12:30.bin")) == "/data/12\\:30.bin"
    for name in ("/data/a;b", "/data/a#b", "/data/$HOME", '/data/"x"', "/data/a\nb", "/data/x "):
        with pytest.raises(InputError, match="cannot address"):
            fio_path(Path(name))
