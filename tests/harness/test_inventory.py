"""What `storbench list` says of profiles, to people and to programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a profile that can be used and one that cannot."""
    good = (
        'schema = 1\nkind = "pcm"\nsummary = "my own"\ncapacity = "8GB"\nsize = "64MiB"\n[parameters]\n'
        'read_occupancy = { value = "38us", source = "a paper" }\n'
        'write_occupancy = { value = "179us", source = "a guess", unverified = true }\n'
    )
    (tmp_path / "good.toml").write_text(good)
    (tmp_path / "bad.toml").write_text(good.replace("write_occupancy", "write_occupency"))
    return tmp_path


def listed(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", "list", *arguments],
        check=False, cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "COLUMNS": "100", "STORBENCH_PROFILES": str(folder), "XDG_CONFIG_HOME": str(folder)},
    )  # fmt: skip
    assert done.returncode == status, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def test_profiles_are_listed_with_kind_size_doubts_and_origin(own: Path) -> None:
    # Without blanks, because long lines are broken.
    text = "".join(listed(own, "profiles").stdout.split())

    for expected in (
        "pcm-onyx Onyx (UCSD 2011): PCM chips behind an FPGA on PCIe pcm, 8 GB, emulated as 1GiB; 9 of 14 values",
        f"good ({own}/good.toml) my own pcm, 8 GB, emulated as 64MiB; 1 of 2 values unverified",
        "broken, not used: the profile bad is wrong: the model 'pcm' has no parameter 'write_occupency'",
    ):
        assert "".join(expected.split()) in text


def test_programs_get_every_value_with_its_source(own: Path) -> None:
    entries = {entry["name"]: entry for entry in json.loads(listed(own, "profiles", "--json").stdout)["profiles"]}

    good = entries["good"]
    assert good["values"]["write_occupancy"] == {"value": "179us", "source": "a guess", "unverified": True}
    assert (good["kind"], good["capacity"], good["size"], good["unverified"]) == ("pcm", 8 * 10**9, 64 << 20, 1)
    assert good["distribution"] == str(own / "good.toml")
    assert entries["pcm-onyx"]["distribution"] == "storbench"
    assert entries["pcm-onyx"]["expect"]["read_latency_4k"]["value"] == "38us"
    assert entries["pcm-mlc"]["drift"]["levels"]["value"] == 4
    assert entries["bad"]["broken"]
    assert entries["bad"]["values"] == {}
    assert all(
        value["source"] for entry in entries.values() for group in ("values", "expect", "drift")
        for value in entry[group].values()
    )  # fmt: skip


def test_one_profile_is_shown_with_its_values(own: Path) -> None:
    text = listed(own, "profiles", "pcm-mlc").stdout

    assert "recalled: Qureshi et al., MICRO 2009" in text
    assert "unverified" in text
    assert "exponent_last" in text
    assert "pcm-onyx" not in text
    only = json.loads(listed(own, "profiles", "pcm-mlc", "--json").stdout)
    assert [entry["name"] for entry in only["profiles"]] == ["pcm-mlc"]


@pytest.mark.parametrize(
    ("what", "name", "meant"), [("profiles", "pcm-onix", "pcm-onyx"), ("workloads", "randwr", "randrw")]
)
def test_one_that_is_not_there_is_refused_with_the_nearest(own: Path, what: str, name: str, meant: str) -> None:
    assert f"Did you mean '{meant}'?" in listed(own, what, name, status=2).stderr
