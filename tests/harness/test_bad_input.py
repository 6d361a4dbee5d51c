"""What users can get wrong: a clear message, exit status 2, and nothing touched."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from storbench.harness import cli

Refused = Callable[..., str]
RUN = ("run", "randrw", "-d")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Call the command line in an empty folder, demand status 2 and no traceback, give what it said."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr(sys, "argv", ["storbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capfd.readouterr()
        assert ended.value.code == 2, captured.err
        assert "Traceback" not in captured.err
        assert sorted(tmp_path.rglob("*")) == before
        return captured.err

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "randwr", "-d", "file:t.bin?size=1MiB"), "there is no workload 'randwr'\nDid you mean 'randrw'?"),
        (("run", "randrw"), "-d"),
        ((*RUN, "fiel:t.bin?size=1MiB"), "no device scheme 'fiel'\nDid you mean 'file'?"),
        ((*RUN, "t.bin"), "has no device scheme"),
        ((*RUN, "file:t.bin?size=1MiB&dircet=true"), "unknown parameter 'dircet'\nDid you mean 'direct'?"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "queue_deth=1"), "unknown parameter 'queue_deth'\nDid you mean"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "queue_depth"), "queue_depth"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "duration=5"), "'5' is not a duration\nWrite a number and a unit"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "duration=5parsecs"), "'5parsecs' is not a duration"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "block_size=4k"), "'4k' is not a size"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "block_size=-4KiB"), "block_size"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "block_size=0"), "block_size"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "duration=0s"), "duration"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "read_fraction=1.5"), "read_fraction"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "queue_depth=0"), "queue_depth"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "queue_depth=1,,2"), "queue_depth"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "distribution=zipff"), "distribution 'zipff' is not known"),
        ((*RUN, "file:t.bin?size=0"), "size"),
        ((*RUN, "file:t.bin?size=-1MiB"), "size"),
        ((*RUN, "file:t.bin?size=1MiB", "--set", "block_size=2MiB"), "2MiB is larger than the target's 1MiB"),
        ((*RUN, "nbd:memory?size=1MiB", "--set", "block_size=2MiB"), "2MiB is larger than the target's 1MiB"),
        ((*RUN, "file:.?size=1MiB"), "is a folder"),
        ((*RUN, "file:/etc/hostname/t.bin?size=1MiB"), "cannot look at"),
        ((*RUN, "file:none/t.bin?size=1MiB"), "there is no folder"),
        ((*RUN, "file:t.bin?size=8PiB"), "no space"),
        ((*RUN, "file:/dev/null?size=1MiB"), "not a regular file"),
        ((*RUN, "file:t.bin?size=1MiB", "-o", "/proc/none/out.h5"), "cannot write in"),
        ((*RUN, "nbd:memory?size=1PiB"), "no space"),
        ((*RUN, "nbd://127.0.0.1:1/"), "cannot reach"),
        ((*RUN, "file:t.bin?size=1MiB", "--repeat", "0"), "repeat"),
        ((*RUN, "file:t.bin?size=1MiB", "--grace", "soon"), "'soon' is not a duration"),
        (("plan", "randrw", "-d", "file:t.bin"), "no size is given"),
        (("show", "none.h5"), "there is no file none.h5"),
        (("show", "."), "is a folder"),
        (("compare", "one.h5"), "one run cannot be compared"),
        (("report", "none.h5"), "there is no file none.h5"),
        (("resume", "none.run"), "holds no journal"),
        (("recover", "none.run"), "holds no journal"),
        (("import", "none.json"), "there is no none.json"),
        (("import", "/etc/hostname"), "/etc/hostname"),
        (("rerun", "none.h5"), "there is no file none.h5"),
        (("export", "none.h5"), "there is no file none.h5"),
        (("list", "sausages"), "sausages"),
        (("frobnicate",), "frobnicate"),
    ],
)  # fmt: skip
def test_it_is_refused_with_a_clear_message(refused: Refused, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused(*arguments)


def test_a_fio_job_file_cannot_name_its_own_target(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "wipe.fio").write_text("[wipe]\nfilename=/dev/sda\nrw=write\n")
    said = refused("run", str(tmp_path / "wipe.fio"), "-d", "file:t.bin?size=1MiB")
    assert "fio option 'filename' is refused" in said


def test_a_run_file_that_is_truncated_foreign_or_newer_is_named_as_such(refused: Refused, tmp_path: Path) -> None:
    whole = tmp_path / "whole.h5"
    with h5py.File(whole, "w") as file:
        file.attrs["format"] = "storbench run"
        file.create_dataset("x", data=np.zeros(100_000))
    cut = tmp_path / "cut.h5"
    cut.write_bytes(whole.read_bytes()[:50_000])
    assert "cut.h5 is truncated" in refused("show", "cut.h5")
    (tmp_path / "text.h5").write_text("not HDF5 at all")
    assert "text.h5 is not an HDF5 file" in refused("show", "text.h5")
    (tmp_path / "empty.h5").touch()
    assert "empty.h5 is not an HDF5 file" in refused("compare", "empty.h5", "empty.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file.create_dataset("x", data=1)
    assert "foreign.h5 is an HDF5 file, but not a run of storbench" in refused("report", "foreign.h5")
    from storbench.results.record import FORMAT

    with h5py.File(tmp_path / "newer.h5", "w") as file:
        file.attrs["format"], file.attrs["schema"] = FORMAT, 999
    assert "newer.h5 has schema 999" in refused("export", "newer.h5")


def test_an_existing_file_that_the_run_did_not_make_is_not_written(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "t.bin").write_bytes(b"precious" * 1024)
    assert "was not made by this run" in refused(*RUN, "file:t.bin?size=4KiB")
    assert (tmp_path / "t.bin").read_bytes() == b"precious" * 1024


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "cannot write in" in refused(*RUN, "file:closed/t.bin?size=1MiB")
    assert "cannot write in" in refused(*RUN, "file:t.bin?size=1MiB", "-o", "closed/out.h5")


def test_a_disk_in_use_is_refused(refused: Refused) -> None:
    root = subprocess.run(["findmnt", "-no", "SOURCE", "/"], check=False, capture_output=True, text=True).stdout.strip()
    if not root.startswith("/dev/"):
        pytest.skip("the root file system lies on no block device")
    said = refused(*RUN, f"block:{root}", "--destroy", "x")
    assert "mounted at" in said or "is a partition" in said or "in use" in said


def test_a_plug_in_that_raises_at_import_is_named_and_everything_else_works(
    refused: Refused, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path_factory.mktemp("site")
    info = site / "brk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brk\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[storbench.workloads]\nboom = brk:W\n[storbench.devices]\nbang = brk:D\n")
    (site / "brk.py").write_text("raise RuntimeError('out of order')\n")
    monkeypatch.syspath_prepend(str(site))
    assert "workload 'boom' of brk 1.0 cannot be used" in refused("run", "boom", "-d", "file:t.bin?size=1MiB")
    assert "out of order" in refused(*RUN, "bang:x")
    assert "there is no workload 'other'" in refused("run", "other", "-d", "file:t.bin?size=1MiB")
