"""A file is wholly there or not there at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from storbench.common.errors import InputError
from storbench.common.files import atomic_path, writable_folder, write_atomic


def test_the_target_appears_whole_and_no_part_is_left(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write in"):
        writable_folder(tmp_path / "file" / "below")
