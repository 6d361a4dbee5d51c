"""A sealed file that was changed is found out, and what was changed is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import h5py
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storbench.common.errors import InputError, RunFileError
from storbench.results import completion, signature
from storbench.results.digests import Change
from storbench.results.record import RunRecord
from storbench.results.run_writer import write_run
from storbench.results.signature import USER_BLOCK, raw_public_key, read_signature, sign_file
from storbench.results.verification import chain_fault, verify_file

FLIPS, NAMED_FLIPS = 10_000, 60
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
LIMITS = """
name = "n"
revision = "1"
source = "a datasheet"
[[limit]]
id = "a"
metric = "iops"
direction = "write"
where = { test = "throughput", part = "1MiB" }
at_least = 1e9
"""


@pytest.fixture(scope="module")
def record(snia_runs: ModuleType) -> RunRecord:
    found = snia_runs.perform("snia.throughput", snia_runs.device(1 << 30))
    assert isinstance(found, RunRecord)
    journal, previous = [], "0" * 64
    for step in found.steps:
        line = msgspec.json.encode({
            "type": "outcome", "index": step.index, "status": step.status, "previous": previous,
            "measurement": msgspec.to_builtins(step.measurement, str_keys=True) if step.measurement else None,
        })  # fmt: skip
        journal.append(line + b"\n")
        previous = completion_hash(line)
    recipe = {**found.recipe, "limits": LIMITS}
    return msgspec.structs.replace(found, recipe=recipe, journal=b"".join(journal))


def completion_hash(line: bytes) -> str:
    import hashlib

    return hashlib.sha256(line).hexdigest()


@pytest.fixture(scope="module")
def sealed(record: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "a.h5"
    write_run(path, record, complete=lambda part: completion.complete(part, "a.h5", KEY), user_block=USER_BLOCK)
    return path


@pytest.fixture
def copy(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sealed, tmp_path / "a.h5"))


def test_an_unchanged_file_verifies(sealed: Path) -> None:
    found = verify_file(sealed, raw_public_key(KEY))
    assert found.signature == "valid"
    assert found.intact
    assert found.content_matches
    assert found.digests == "agree"
    assert found.signed_statement["verdict"] == "FAIL"
    assert verify_file(sealed).signature == "valid, key not given"


def test_another_key_a_missing_signature_and_a_forgery_have_their_own_answers(
    copy: Path, record: RunRecord, tmp_path: Path
) -> None:
    mine = raw_public_key(KEY)
    assert verify_file(copy, raw_public_key(OTHER)).signature == "another key"

    with h5py.File(copy, "r+") as file:
        file.attrs["verdict"] = "PASS"
    forged = verify_file(copy, mine)
    assert (forged.signature, forged.content_matches, forged.intact) == ("valid", False, False)
    assert Change("/", "changed") in forged.changed
    assert any("verdict is 'PASS'" in text for text in forged.statement)
    assert any("the measurements give FAIL" in text for text in forged.verdicts)

    sign_file(copy, "a.h5", OTHER)
    again = verify_file(copy, mine)
    assert (again.signature, again.content_matches) == ("another key", True)
    assert any("the measurements give FAIL" in text for text in again.verdicts)

    with copy.open("r+b") as raw:
        raw.write(bytes(USER_BLOCK))
    assert verify_file(copy, mine).signature == "missing"

    plain = tmp_path / "plain.h5"
    write_run(plain, record, complete=lambda part: completion.complete(part, "plain.h5"))
    unsigned = verify_file(plain)
    assert (unsigned.signature, unsigned.intact) == ("missing", True)
    with pytest.raises(RunFileError, match="no room"):
        sign_file(plain, "plain.h5", KEY)


def test_ten_thousand_changed_bits_are_all_found(sealed: Path, copy: Path) -> None:
    content = sealed.read_bytes()
    dice = random.Random(4)  # noqa: S311 - places, not secrets
    # As many in the signature and its padding as in the rest, which is far larger.
    places = [dice.randrange(USER_BLOCK * 8) for _ in range(FLIPS // 2)]
    places += [dice.randrange(USER_BLOCK * 8, len(content) * 8) for _ in range(FLIPS // 2)]
    digest = signature.content_digest(sealed, USER_BLOCK)
    unseen = []
    with copy.open("r+b") as file:
        for place in places:
            at, bit = place // 8, 1 << place % 8
            file.seek(at)
            file.write(bytes([content[at] ^ bit]))
            file.flush()
            if place < USER_BLOCK * 8:
                seen = read_signature(copy, USER_BLOCK).state != "valid"
            else:
                seen = signature.content_digest(copy, USER_BLOCK) != digest
            if not seen:
                unseen.append(place)
            file.seek(at)
            file.write(bytes([content[at]]))
    assert unseen == []


def test_changed_bits_are_told_by_the_whole_verification_without_an_exception(sealed: Path, copy: Path) -> None:
    content = sealed.read_bytes()
    dice = random.Random(5)  # noqa: S311 - places, not secrets
    for _ in range(NAMED_FLIPS):
        place = dice.randrange(len(content) * 8)
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        copy.write_bytes(changed)
        found = verify_file(copy, raw_public_key(KEY))
        assert not (found.intact and found.signature == "valid"), place


def _change_histogram(file: h5py.File) -> str:
    step = next(name for name in file["steps"] if "latency" in file[f"steps/{name}"])
    data = file[f"steps/{step}/latency/write"]
    data[1000] = data[1000] + 1
    return f"/steps/{step}/latency/write"


def _change_table(file: h5py.File) -> str:
    file["table/value"][3] = 1.0
    return "/table/value"


def _change_recipe(file: h5py.File) -> str:
    file["provenance/recipe"][()] = file["provenance/recipe"].asstr()[()].replace("1e9", "1e2")
    return "/provenance/recipe"


def _change_attribute(file: h5py.File) -> str:
    file["table"].attrs["long_name"] = "other words"
    return "/table"


@pytest.mark.parametrize("change", [_change_histogram, _change_table, _change_recipe, _change_attribute])
def test_what_was_changed_is_named(copy: Path, change: Callable[[h5py.File], str]) -> None:
    with h5py.File(copy, "r+") as file:
        path = change(file)
    found = verify_file(copy, raw_public_key(KEY))
    assert Change(path, "changed") in found.changed
    assert not found.intact


def test_missing_and_added_paths_are_named(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        del file["table/label"]
        file["table/more"] = [1, 2]
    changed = verify_file(copy).changed
    assert Change("/table/label", "missing") in changed
    assert Change("/table/more", "added") in changed


def test_a_step_that_is_not_what_the_journal_says_is_named(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        _change_histogram(file)
    found = verify_file(copy)
    assert len(found.steps) == 1
    assert "is not what the journal says" in found.steps[0]


def test_a_broken_chain_is_named_by_its_line() -> None:
    first = msgspec.json.encode({"type": "start", "previous": "0" * 64})
    second = msgspec.json.encode({"type": "note", "previous": completion_hash(first)})
    assert chain_fault(first + b"\n" + second + b"\n") == ""
    assert chain_fault(first + b" \n" + second + b"\n") == "line 2 of the journal does not follow the line before it"
    assert chain_fault(b"nonsense\n") == "line 1 of the journal cannot be read"


def test_digests_of_a_later_version_accuse_nobody(copy: Path) -> None:
    with h5py.File(copy, "r+") as file:
        file["digests"].attrs["version"] = 99
    found = verify_file(copy)
    assert "newer storbench" in found.damaged
    assert found.changed == ()


def test_a_file_of_the_first_schema_verifies_as_far_as_it_can() -> None:
    found = verify_file(Path(__file__).parents[1] / "data" / "run_schema1.h5")
    assert (found.signature, found.digests) == ("missing", "none")


def test_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.key").write_text("nonsense")
    with pytest.raises(InputError, match="no private key"):
        signature.load_private_key(tmp_path / "x.key")
    with pytest.raises(InputError, match="no public key"):
        signature.load_public_key(tmp_path / "x.key")
    with pytest.raises(InputError, match="cannot read"):
        signature.load_public_key(tmp_path / "absent.pub")
    with pytest.raises(RunFileError):
        verify_file(tmp_path / "absent.h5")
