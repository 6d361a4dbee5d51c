"""Finding workloads: by name, by path, from other distributions, and again from a recipe."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from storbench.common.errors import InputError
from storbench.devices.base import DeviceInfo
from storbench.workloads.base import Specified
from storbench.workloads.dry_run import dry_run
from storbench.workloads.faults.names import NAMES, class_named
from storbench.workloads.registry import Source, find_workload, source_of, workload_from_source, workloads

GOOD = """
import msgspec
from storbench.workloads.job import Job
from storbench.workloads.steps import Measure

class Parameters(msgspec.Struct, frozen=True):
    depth: int = 3

class Ours:
    name = "{name}"
    summary = "a plug-in"
    api_version = {version}
    parameters = Parameters

    def plan(self, device, parameters):
        yield Measure("one", Job(queue_depth=parameters.depth, duration=1.0))

WORKLOAD = Ours()
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Give a function that makes a distribution with a plug-in, as an installer leaves it on `sys.path`."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules: list[str] = []

    def make(entry: str, text: str, *, attribute: str = "WORKLOAD", distribution: str = "") -> None:
        module = f"plugin_{entry}_{len(modules)}"
        modules.append(module)
        (site / f"{module}.py").write_text(text)
        name = distribution or f"dist-{entry}"
        folder = site / f"{name.replace('-', '_')}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (folder / "entry_points.txt").write_text(f"[storbench.workloads]\n{entry} = {module}:{attribute}\n")
        importlib.invalidate_caches()

    yield make
    for module in modules:
        sys.modules.pop(module, None)


def listed(name: str) -> str:
    (found,) = (one for one in workloads() if one.name == name and one.distribution != "storbench")
    assert (found.distribution, found.version) == (f"dist-{name}", "1.2")
    return found.broken


def test_a_good_plugin_is_listed_found_planned_and_rebuilt(install: Install) -> None:
    install("ours", GOOD.format(name="ours", version=1))
    assert listed("ours") == ""
    found = find_workload("ours")
    device = DeviceInfo("file:x", "file", 1 << 20, 512, False)
    assert dry_run(found, device, found.parameters(depth=7)).steps[0].jobs[0].queue_depth == 7
    source = source_of(found)
    assert source == Source("plugin", "ours", "", "dist-ours", "1.2")
    assert workload_from_source(source) is found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("import module_that_is_not_there", "ModuleNotFoundError"),
        ("syntax error", "SyntaxError"),
        ("x = 1", "AttributeError"),
        (GOOD.format(name="bad", version=99), "version 99"),
        ("class W:\n    name = 'bad'\nWORKLOAD = W()", "lacks summary, api_version, parameters, plan"),
        (GOOD.format(name="bad", version=1).replace("Ours()", "Ours"), "class"),
        (GOOD.format(name="../bad", version=1), "not a name"),
        (GOOD.format(name="bad", version=1).replace("parameters = Parameters", "parameters = dict"), "msgspec"),
    ],
)
def test_a_broken_plugin_is_named_with_its_reason_and_skipped(install: Install, text: str, words: str) -> None:
    install("bad", text)
    install("fine", GOOD.format(name="fine", version=1))
    assert words in listed("bad")
    assert listed("fine") == ""
    assert find_workload("randrw").name == "randrw"
    with pytest.raises(InputError, match=r"dist-bad 1\.2") as caught:
        find_workload("bad")
    assert words in caught.value.problem


def test_no_plugin_takes_the_name_of_another_workload(install: Install) -> None:
    install("randrw", GOOD.format(name="randrw", version=1))
    assert "storbench has one of this name already" in listed("randrw")
    assert source_of(find_workload("randrw")).kind == "builtin"


def test_the_recipe_of_a_plugin_that_is_gone_says_where_it_came_from() -> None:
    with pytest.raises(InputError, match=r"dist-gone 4\.5, which is not installed"):
        workload_from_source(Source("plugin", "gone", "", "dist-gone", "4.5"))


EVERY_FAULT = dict.fromkeys((class_named(name).kind for name in NAMES), "") | {"compare": ""}


def test_everything_that_comes_with_storbench_is_listed_and_works() -> None:
    device = DeviceInfo("block:x", "block", 256 << 20, 512, True)  # what trims needs more than a file
    own = [one for one in workloads() if one.distribution == "storbench"]
    assert {"randrw", "sequential", "update", "users", "oltp", "log_append", "composite"} <= {one.name for one in own}
    assert {"snia.iops", "snia.pts", "fiosynth.he-flash-1h22"} <= {one.name for one in own}
    for one in own:
        found = find_workload(one.name)
        assert found.summary == one.summary
        assert not one.broken
        if one.name.startswith("faults."):
            # Only of a device that can fail.
            device = msgspec.structs.replace(device, faults=EVERY_FAULT, parts=("0", "1", "2"), spare_parts=1)
            if one.name == "faults.server-restarted":
                device = msgspec.structs.replace(device, parts=(), spare_parts=0)
        rehearsal = dry_run(found, device, found.parameters())
        # A specification says how long it takes; what nobody prescribes answers soon.
        most = 1e7 if isinstance(found, Specified) else 480 if one.name == "faults.suite" else 120
        assert 0 < rehearsal.seconds < most
        assert rehearsal.steps


@pytest.mark.parametrize("name", ["randrw", "update", "oltp", "log_append"])
def test_a_recipe_builds_the_same_workload_again(name: str) -> None:
    found = find_workload(name)
    source = msgspec.json.decode(msgspec.json.encode(source_of(found)), type=Source)
    again = workload_from_source(source)
    device = DeviceInfo("file:x", "file", 64 << 20, 512, True)
    assert dry_run(again, device, again.parameters()) == dry_run(found, device, found.parameters())
    assert source_of(again) == source


def test_files_are_found_by_path_and_rebuilt_without_them(tmp_path: Path) -> None:
    (tmp_path / "my mix.toml").write_text("[[phase]]\nduration='1s'\n")
    (tmp_path / "load.fio").write_text("[a]\nrw=randread\n")
    (tmp_path / "plain").write_text("[a]\nrw=randread\nbs=8k\n")
    (tmp_path / "named.toml").write_text("name = 'other'\n[[phase]]\n")
    kinds = {}
    for path in tmp_path.iterdir():
        found = find_workload(str(path))
        source = source_of(found)
        kinds[path.name] = (source.kind, found.name)
        text = path.read_text()
        path.unlink()
        assert source.text == text
        assert source_of(workload_from_source(source)) == source
    assert kinds == {
        "my mix.toml": ("toml", "my-mix"),
        "load.fio": ("fio", "load"),
        "plain": ("fio", "plain"),
        "named.toml": ("toml", "other"),
    }


def test_a_file_without_a_suffix_is_found_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("jobs").write_text("[a]\nrw=read\n")
    assert source_of(find_workload("jobs")).kind == "fio"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        find_workload("randwr")
    assert caught.value.hint == "Did you mean 'randrw'?"
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "x.toml", "x.fio", "\x00", "x" * 5000, "x" * 5000 + ".fio"])
def test_a_path_to_nothing_is_an_input_error(name: str) -> None:
    with pytest.raises(InputError):
        find_workload(name)


def test_what_is_no_workload_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("Dear reader,\n")
    (tmp_path / "bytes.fio").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.toml").write_bytes(b"#" * (2 << 20))
    (tmp_path / "folder.fio").mkdir()
    os.mkfifo(tmp_path / "pipe.fio")
    for name, words in [
        ("text", "neither"), ("bytes.fio", "not a text"), ("large.toml", "larger than 1 MiB"),
        ("folder.fio", "not a file"), ("pipe.fio", "not a file"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=words):
            find_workload(str(tmp_path / name))


def test_a_job_file_with_a_target_is_refused_when_it_is_found(tmp_path: Path) -> None:
    for name in ("a.fio", "plain"):
        (tmp_path / name).write_text("[a]\nrw=write\nfilename=/dev/sda\n")
        with pytest.raises(InputError, match="'filename' is refused"):
            find_workload(str(tmp_path / name))


def test_a_recipe_is_screened_like_a_file() -> None:
    with pytest.raises(InputError, match="'filename' is refused"):
        workload_from_source(Source("fio", "x", "[a]\nfilename=/dev/sda\n"))
    with pytest.raises(InputError, match="'filename' is refused"):
        workload_from_source(Source("toml", "x", "[[phase]]\nfio_options={filename='/dev/sda'}\n"))
