"""fio is found, asked once, and refused with the way out where it cannot be used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import MeasurementError
from storbench.harness.engines.fio.probe import OVERRIDE, parse_engines, parse_version, probe


@pytest.fixture(autouse=True)
def no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDE, raising=False)


def stub(folder: Path, version: str, engines: str = "", name: str = "fio") -> Path:
    """Make a program that answers as an fio would, and counts how often it was asked."""
    script = folder / name
    script.write_text(
        f'#!/bin/sh\necho asked >> "{folder}/asked"\n'
        f"if [ \"$1\" = --version ]; then cat <<'END'\n{version}\nEND\nelse cat <<'END'\n{engines}\nEND\nfi\n"
    )
    script.chmod(0o755)
    return script


def test_the_installed_fio_is_known_with_its_engines() -> None:
    found = probe()
    assert found.path == Path(shutil.which("fio") or "")
    assert found.version >= (3, 33)
    told = subprocess.run(["fio", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    assert found.version_text == told
    assert {"psync", "sync", "null"} <= found.ioengines


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("fio-3.33", (3, 33)),
        ("fio-3.36-dirty\n", (3, 36)),
        ("fio-3.37-1-gabc", (3, 37)),
        ("fio-3.100", (3, 100)),
        ("warning: something\nfio-4.0\n", (4, 0)),
    ],
)
def test_versions_are_read_in_every_form_that_fio_prints(text: str, version: tuple[int, int]) -> None:
    found = parse_version(text)
    assert found is not None
    assert found[0] == version
    assert found[1] in text


@pytest.mark.parametrize("text", ["", "fio", "fio-x.y", "3.33", "fiona 1.9"])
def test_what_is_no_version_is_not_taken_for_one(text: str) -> None:
    assert parse_version(text) is None


@given(st.text())
def test_the_list_of_engines_may_hold_anything(text: str) -> None:
    assert all(name == name.strip() and name for name in parse_engines(text))


def test_engines_are_the_indented_words_and_nothing_else() -> None:
    text = "fio: engine x not loadable\nAvailable IO engines:\n\tlibaio\n\tio_uring_cmd\n    dev-dax  \n\t\nBye\n"
    assert parse_engines(text) == {"libaio", "io_uring_cmd", "dev-dax"}


def test_fio_is_asked_once_per_process(tmp_path: Path) -> None:
    script = stub(tmp_path, "fio-3.40", "Available IO engines:\n\tpsync")
    first = probe(str(script))
    assert probe(str(script)) is first
    assert (tmp_path / "asked").read_text().splitlines() == ["asked", "asked"]
    assert first.ioengines == {"psync"}


def test_the_environment_names_another_fio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = stub(tmp_path, "fio-3.39-2-gabcdef", name="my fio")
    monkeypatch.setenv(OVERRIDE, str(script))
    assert probe().path == script
    assert probe().version_text == "fio-3.39-2-gabcdef"


def test_an_environment_that_names_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, str(tmp_path / "absent"))
    with pytest.raises(MeasurementError, match=OVERRIDE) as caught:
        probe()
    assert "Nothing was touched" in caught.value.hint


def test_an_absent_fio_comes_with_the_command_that_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MeasurementError, match="fio is not installed") as caught:
        probe()
    assert "fio" in caught.value.hint
    assert "Nothing was touched" in caught.value.hint
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("version", ["fio-3.32", "fio-2.99", "fio-3.9-dirty"])
def test_an_old_fio_is_refused_with_both_versions(tmp_path: Path, version: str) -> None:
    with pytest.raises(MeasurementError, match=version) as caught:
        probe(str(stub(tmp_path, version)))
    assert "3.33" in caught.value.problem
    assert "Nothing was touched" in caught.value.hint


def test_another_program_of_that_name_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"is not fio: .*fio 1\.2, the FIO bank client"):
        probe(str(stub(tmp_path, "fio 1.2, the FIO bank client")))


def test_a_silent_program_is_not_fio(tmp_path: Path) -> None:
    script = tmp_path / "fio"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    with pytest.raises(MeasurementError, match="tells no version"):
        probe(str(script))


def test_a_broken_fio_is_quoted(tmp_path: Path) -> None:
    script = tmp_path / "fio"
    script.write_text("#!/bin/sh\necho 'error while loading shared libraries: librbd.so.1' >&2\nexit 127\n")
    script.chmod(0o755)
    with pytest.raises(MeasurementError, match=r"librbd\.so\.1"):
        probe(str(script))


def test_a_program_that_cannot_be_executed_is_said(tmp_path: Path) -> None:
    script = tmp_path / "fio"
    script.write_bytes(b"\x7fELF nonsense")
    script.chmod(0o755)
    with pytest.raises(MeasurementError, match="does not answer"):
        probe(str(script))
