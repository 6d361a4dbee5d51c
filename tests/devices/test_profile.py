"""Profiles: what is shipped does what was published; what a user writes is found, checked, refused with a reason."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.common.errors import InputError
from storbench.devices.native_library import READ, WRITE, Model, fields_of
from storbench.devices.native_load import Client, Load
from storbench.devices.profile import Profile, all_profiles, check_profile, find_profile, numbers_of, read_profile
from storbench.devices.profile_values import Value, parse_value, read_values

PCM = ["pcm-ibm-pss", "pcm-mlc", "pcm-onyx", "pcm-ssd-fast14", "pmm-1dimm", "xpoint-p4800x", "xpoint-p5800x"]
FLASH = ["flash-mlc", "flash-qlc", "flash-sata-tlc", "flash-slc", "flash-tlc"]

SMALL = """
schema = 1
kind = "pcm"
summary = "small"
capacity = "8GB"
size = "64MiB"

[parameters]
read_occupancy = { value = "38us", source = "here" }
write_occupancy = { value = "179us", source = "there", unverified = true }
"""


@pytest.fixture(autouse=True)
def nobodys_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out the profiles of whoever runs the tests."""
    monkeypatch.delenv("STORBENCH_PROFILES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


def write(folder: Path, text: str = SMALL, name: str = "mine") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_all_that_is_shipped_can_be_used() -> None:
    listed = all_profiles()

    assert [one.name for one in listed] == sorted(PCM + FLASH)
    assert [one.broken for one in listed] == [""] * len(listed)
    assert {one.name: one.object.kind for one in listed} == {
        name: kind for kind, names in (("pcm", PCM), ("flash", FLASH)) for name in names
    }


def test_the_page_on_profiles_names_all_that_is_shipped() -> None:
    page = Path(__file__).parents[2] / "docs/profiles.md"
    table = page.read_text().partition("## What is there")[2].partition("##")[0]
    assert set(re.findall(r"^\| `([\w-]+)`", table, re.MULTILINE)) == {*PCM, *FLASH}


@pytest.mark.parametrize("name", PCM + FLASH)
def test_a_value_that_was_derived_assumed_or_recalled_is_unverified(name: str) -> None:
    profile = find_profile(name)
    for group in (profile.parameters, profile.expect, profile.drift):
        for key, value in group.items():
            word = value.source.split()[0].rstrip(":,")
            assert value.unverified or word not in ("derived", "assumed", "recalled"), key


@pytest.mark.parametrize("name", PCM + FLASH)
def test_a_shipped_profile_scales_to_other_sizes(name: str) -> None:
    profile = find_profile(name)
    numbers = numbers_of(profile, fields_of(profile.kind))
    for gibibytes in (5, 8, 64):
        size = gibibytes << 30
        assert Model.bytes_needed(profile.kind, {**numbers, "capacity": float(size)}) < size


def depth_1(operation: int, length: int) -> Callable[[Model], float]:
    def measure(model: Model) -> float:
        # Far from the first access, so that nothing is sequential.
        model.submit(READ, 0, length, 0)
        return model.submit(operation, model.capacity // 2, length, 10**9) - 10**9

    return measure


def iops(operation: int, depth: int) -> Callable[[Model], float]:
    def measure(model: Model) -> float:
        return under_load(model, length=4096, queue_depth=depth, read_percent=100 * (operation == READ))

    return measure


def bandwidth(length: int) -> Callable[[Model], float]:
    def measure(model: Model) -> float:
        return length * under_load(model, length=length, queue_depth=1, read_percent=0)

    return measure


def under_load(model: Model, *, length: int, queue_depth: int, read_percent: int) -> float:
    """Give the IOPS of a tenth of a second of random accesses, after a ramp that fills every buffer."""
    client = Client(
        seed=1, span=model.capacity, sizes=((length, 1.0),), queue_depth=queue_depth, read_percent=read_percent,
        ramp=10**7, duration=10**8,
    )  # fmt: skip
    with Load(model, 0, [client]) as running:
        assert running.run() == "ended"
        return sum(running.totals(0).ios) / 0.1


EXPECTATIONS: dict[str, tuple[str, Callable[[Model], float]]] = {
    "read_latency_4k": ("ns", depth_1(READ, 4096)),
    "write_latency_4k": ("ns", depth_1(WRITE, 4096)),
    "read_latency_random": ("ns", depth_1(READ, 64)),
    "read_iops_4k_depth_1": ("1", iops(READ, 1)),
    "read_iops_4k_depth_16": ("1", iops(READ, 16)),
    "read_iops_4k_depth_32": ("1", iops(READ, 32)),
    "write_iops_4k_depth_32": ("1", iops(WRITE, 32)),
    "write_bandwidth_64": ("B/s", bandwidth(64)),
    "write_bandwidth_256": ("B/s", bandwidth(256)),
}


@pytest.mark.parametrize(
    ("name", "key"), [(name, key) for name in PCM + FLASH for key in find_profile(name).expect], ids=str
)
def test_the_model_does_what_was_published_of_the_device(name: str, key: str) -> None:
    profile = find_profile(name)
    unit, measure = EXPECTATIONS[key]
    model = Model(profile.kind, {**numbers_of(profile, fields_of(profile.kind)), "capacity": float(profile.size)})
    try:
        measured = measure(model)
    finally:
        model.close()

    assert measured == pytest.approx(parse_value(profile.expect[key].value, unit), rel=0.03)


def test_a_profile_gives_its_numbers_in_the_units_of_the_model(tmp_path: Path) -> None:
    text = SMALL + (
        'line_size = { value = "256B", source = "x" }\n'
        'read_bandwidth = { value = "1.1GB/s", source = "x" }\n'
        'cell_read_energy = { value = "3.40pJ/bit", source = "x" }\n'
        'device_read_energy = { value = "5.5uJ/4KiB", source = "x" }\n'
        "endurance = { value = 1e6, source = 'x' }\n"
    )
    profile = read_profile(write(tmp_path, text))

    assert (profile.name, profile.kind, profile.capacity, profile.size) == ("mine", "pcm", 8 * 10**9, 64 << 20)
    assert profile.logical_block_size == 512
    assert profile.unverified == 1
    assert profile.parameters["write_occupancy"] == Value("179us", "there", unverified=True)
    assert numbers_of(profile, fields_of("pcm")) == {
        "read_occupancy": 38_000.0,
        "write_occupancy": 179_000.0,
        "line_size": 256.0,
        "read_bandwidth": 1.1e9,
        "cell_read_energy": pytest.approx(3.4e-12 * 8),
        "device_read_energy": pytest.approx(5.5e-6 / 4096),
        "endurance": 1e6,
    }
    check_profile(profile)


def test_a_profile_is_found_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert find_profile("mine.toml").summary == find_profile(str(path)).summary == "small"
    with pytest.raises(InputError, match=r"nowhere.toml cannot be read: No such file"):
        find_profile("nowhere.toml")


def test_ones_own_profile_goes_before_a_shipped_one_and_says_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = write(tmp_path / "configuration/storbench/profiles", name="pcm-onyx")
    assert find_profile("pcm-onyx").path == configured

    first, second = write(tmp_path / "a", name="pcm-onyx"), write(tmp_path / "b", name="other")
    write(tmp_path / "b", name="pcm-onyx")
    monkeypatch.setenv("STORBENCH_PROFILES", f"{first.parent}:{second.parent}:{tmp_path}/missing")

    assert find_profile("pcm-onyx").path == first
    listed = {one.name: one for one in all_profiles()}
    assert listed["pcm-onyx"].distribution == str(first)
    assert listed["other"].distribution == str(second)
    assert listed["pcm-mlc"].distribution == "storbench"


def test_an_unknown_profile_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InputError) as refused:
        find_profile("pcm-onix")
    assert refused.value.problem == "there is no profile 'pcm-onix'"
    assert refused.value.hint == "Did you mean 'pcm-onyx'?"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not toml", "the profile mine.toml is wrong"),
        (SMALL.replace("38us", "38"), "parameters.read_occupancy: '38' is not a duration"),
        (SMALL.replace("read_occupancy", "read_ocupancy"), "the model 'pcm' has no parameter 'read_ocupancy'"),
        (SMALL.replace('kind = "pcm"', 'kind = "mram"'), "there is no device model 'mram'"),
        (SMALL.replace("64MiB", "65MB"), "size is not a multiple of logical_block_size"),
        (SMALL + 'unit_size = { value = "1000B", source = "x" }\n', "capacity is not a multiple of unit_size"),
    ],
)
def test_a_broken_profile_is_listed_with_its_reason_and_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    write(tmp_path, text)
    monkeypatch.setenv("STORBENCH_PROFILES", str(tmp_path))
    listed = {one.name: one for one in all_profiles()}

    assert reason in listed["mine"].broken
    assert listed["mine"].object is None
    assert not listed["pcm-onyx"].broken
    assert find_profile("pcm-onyx").kind == "pcm"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (SMALL.replace("summary", "sumary"), "unknown field `sumary`", "summary"),
        (SMALL.replace("unverified", "unverifed"), "unknown field `unverifed`", "unverified"),
        (SMALL.replace('summary = "small"\n', ""), "missing required field `summary`", ""),
        (SMALL.replace("schema = 1", "schema = 2"), "schema 2, this storbench reads 1", "Upgrade"),
        (SMALL.replace(', source = "here"', ""), "required field `source`, in parameters", ""),
        (SMALL.replace('"here"', '"  "'), "parameters.read_occupancy has no source", "Say where"),
        (SMALL.replace('"38us"', "true"), "in parameters", ""),
        (SMALL.replace("8GB", "8G"), "'8G' is not a size", "4KiB"),
        (SMALL.replace("64MiB", "0"), "more than nothing", ""),
        (SMALL.replace("64MiB", "-64MiB"), "more than nothing", ""),
        (SMALL + 'capacity = { value = "1GiB", source = "x" }\n', "parameters.capacity does not belong there", "top"),
        (
            SMALL + '[drift]\nlevel = { value = 4, source = "x" }\n',
            "resistance drift has no parameter 'level'",
            "levels",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_what_to_do(
    tmp_path: Path, text: str, problem: str, hint: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_profile(write(tmp_path, text))
    assert "mine.toml" in refused.value.problem
    assert problem in refused.value.problem
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("read_occupancy", "2s", "parameters.read_occupancy is 2s, it must lie between 0 s and 1 s"),
        ("units", 0, "parameters.units is 0, it must lie between 1 and 4096"),
        ("units", float("nan"), "parameters.units is nan"),
        ("units", "8", "parameters.units: '8' is not a number"),
        ("read_occupancy", 38, "parameters.read_occupancy: 38 has no unit"),
        ("line_size", "1MiB", "it must lie between 16B and 64KiB"),
        ("read_bandwidth", "1.1GB", "parameters.read_bandwidth: '1.1GB' is not a bandwidth"),
        ("cell_read_energy", "3pJ", "parameters.cell_read_energy: '3pJ' is not an energy in J/B"),
    ],
)
def test_a_value_that_the_model_cannot_take_is_refused_with_its_bounds(
    name: str, value: str | float, problem: str
) -> None:
    profile = Profile("mine", "pcm", "", 1 << 30, 1 << 30, 512, {name: Value(value, "x")}, {}, {}, Path("mine.toml"))
    with pytest.raises(InputError) as refused:
        numbers_of(profile, fields_of("pcm"))
    assert refused.value.problem.startswith("the profile mine is wrong: ")
    assert problem in refused.value.problem


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("69.7us", "ns", 69_700.0),
        ("µ", "ns", None),
        ("4KiB", "B", 4096.0),
        ("1.5B", "B", None),
        ("266.24MB/s", "B/s", 266.24e6),
        ("4.035GB/s", "B/s", 4.035e9),
        ("1GiB/s", "B/s", float(1 << 30)),
        ("1XB/s", "B/s", None),
        ("41uJ", "J", 41e-6),
        ("1.2.3uJ", "J", None),
        ("0.11uJ/4KiB", "J/B", 0.11e-6 / 4096),
        ("1pJ/0B", "J/B", None),
        ("2.5pJ/bit", "J/B", 20e-12),
        ("41uJ", "J/B", None),
        ("41uJ/B", "J", None),
        (0, "ns", 0.0),
        (0.0, "J", 0.0),
        (0, "B/s", 0.0),
        (0.28, "1", 0.28),
    ],
)
def test_a_value_is_read_by_the_unit_of_its_field(text: str | float, unit: str, number: float | None) -> None:
    if number is None:
        with pytest.raises(InputError):
            parse_value(text, unit)
    else:
        assert parse_value(text, unit) == pytest.approx(number, rel=1e-12)


@given(st.text(max_size=12), st.sampled_from(["ns", "B", "B/s", "J", "J/B", "1"]))
def test_no_text_ends_otherwise_than_in_a_number_or_a_reason(text: str, unit: str) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(parse_value(text, unit), float)


@given(st.integers(1, 10**6))
def test_microseconds_are_whole_nanoseconds_to_the_picosecond(nanoseconds: int) -> None:
    assert parse_value(f"{nanoseconds / 1000:.3f}us", "ns") == nanoseconds


def test_values_of_any_table_are_read_by_its_fields() -> None:
    assert read_values({"units": Value(8, "x")}, fields_of("pcm"), "group", "it") == {"units": 8.0}
    with pytest.raises(InputError, match="it has no parameter 'unit'"):
        read_values({"unit": Value(8, "x")}, fields_of("pcm"), "group", "it")
