"""Verification comes to an end, whatever is in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storbench.harness import session, verified
from storbench.harness.verified import verify_bounded

KEY = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verified")
    device = "sim:pcm-onyx?size=64MiB"
    given = {"duration": "0.02s"}
    (planned,) = session.prepare("randrw", [device], given, session.Options(folder / "a.h5"))
    (finished,) = session.execute([planned], key=KEY)
    assert finished.status == "COMPLETED"
    return finished.path


@pytest.fixture
def copy(sealed: Path, tmp_path: Path) -> Callable[[], Path]:
    def make() -> Path:
        path = tmp_path / "a.h5"
        path.write_bytes(sealed.read_bytes())
        return path

    return make


def test_a_signed_file_that_was_not_changed_is_intact(sealed: Path) -> None:
    assert verify_bounded(sealed).intact


def test_a_changed_file_is_looked_at_in_a_process_of_its_own(copy: Callable[[], Path]) -> None:
    path = copy()
    data = bytearray(path.read_bytes())
    data[data.index(b"randrw", 8192)] ^= 1
    path.write_bytes(data)
    found = verify_bounded(path)
    assert not found.intact
    assert found.content_matches is False


def test_a_file_that_is_not_read_to_its_end_is_damaged(
    copy: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # HDF5 goes round for ever on some files with one changed bit; here not even the process can start in time.
    monkeypatch.setattr(verified, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(verified, "_BYTES_PER_SECOND", 1e12)
    path = copy()
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    found = verify_bounded(path)
    assert "did not come to an end" in found.damaged
    assert not found.intact
