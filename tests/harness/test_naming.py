"""Every run of a command gets a file of its own, and exactly the one asked for where there is only one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.harness.naming import DEFAULT_FOLDER, output_names

FILE = "file:/data/t.bin?size=1GiB"


def test_one_run_goes_where_it_was_told() -> None:
    assert output_names("randrw", [FILE], Path("a/b.h5"), 1) == [[Path("a/b.h5")]]


def test_without_a_name_it_says_when_what_and_on_which_device() -> None:
    ((path,),) = output_names("randrw", [FILE], None, 1)
    assert path.parent == DEFAULT_FOLDER
    assert re.fullmatch(r"\d{8}-\d{6}-randrw-file-t\.bin\.h5", path.name)


def test_a_folder_takes_the_usual_names(tmp_path: Path) -> None:
    ((path,),) = output_names("users", ["nbd:memory?size=1GiB"], tmp_path, 1)
    assert path.parent == tmp_path
    assert path.name.endswith("-users-nbd-memory.h5")


def test_repeats_and_devices_are_told_apart() -> None:
    urls = [FILE, "file:/other/t.bin", "nbd://host:10809/", "block:/dev/nvme0n1"]
    rows = output_names("randrw", urls, Path("x/out.h5"), 2)
    assert [path.name for path in rows[0]] == [
        "out-file-t.bin-r1.h5", "out-file-t.bin-n2-r1.h5", "out-nbd-host-10809-r1.h5", "out-block-nvme0n1-r1.h5"
    ]  # fmt: skip
    assert [path.name for path in output_names("randrw", [FILE], Path("out.h5"), 2)[1]] == ["out-r2.h5"]


@pytest.mark.parametrize("name", ["out", "out.hdf5", "out.H5", "out.h5.json"])
def test_another_ending_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(InputError, match="neither a folder nor") as caught:
        output_names("randrw", [FILE], Path(name), 1)
    assert ".h5" in caught.value.hint


addresses = st.text(st.sampled_from("ab/.-:_ ?=é\n2n"), max_size=6) | st.sampled_from(["x", "x-n2", "x-n3", "y" * 300])


@given(st.lists(addresses, min_size=1, max_size=6), st.integers(1, 3))
def test_no_two_runs_share_a_file_and_every_name_is_fit_for_a_file_system(names: list[str], repeats: int) -> None:
    rows = output_names("randrw", [f"file:/{name}" for name in names], None, repeats)
    paths = [path for row in rows for path in row]
    assert len(set(paths)) == len(names) * repeats
    for path in paths:
        assert path.parent == DEFAULT_FOLDER
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,200}\.h5", path.name)
        assert ".." not in path.parts
