"""`ab`: interleaved pairs, a verdict for each metric, and no comparison of what is not comparable."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from storbench.common.errors import InputError
from storbench.harness.interleaved import Pair, guard, samples_of
from storbench.harness.session import Options, execute, prepare

FAST, SLOW = "emu:pcm-onyx?size=16MiB", "emu:pcm-onyx?size=16MiB&link_rtt=100us"
LOAD = ["--set", "queue_depth=1", "--set", "read_fraction=1.0", "--set", "duration=0.3s"]


def storbench(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "storbench", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done


def test_a_slower_device_is_found_and_the_order_of_the_pairs_is_kept(tmp_path: Path) -> None:
    done = storbench(
        tmp_path, "ab", "randrw", "-d", FAST, "-d", SLOW, *LOAD, "--pairs", "3", "-o", "f", "--json", status=1
    )
    found = json.loads(done.stdout)
    verdicts = {(one["metric"]): one for one in found["verdicts"]}
    assert verdicts["latency_p50"]["verdict"] == "REGRESSED"
    assert verdicts["latency_p50"]["ratio"] > 2
    assert all(one["detectable_effect"] > 0 for one in found["verdicts"])
    assert len(list((tmp_path / "f").glob("pair*-[ab].h5"))) == 6


def test_a_setting_of_one_side_is_compared_and_its_command_is_run(tmp_path: Path) -> None:
    load = ["--set", "read_fraction=1.0", "--set", "duration=0.2s", "--a", "queue_depth=1", "--b", "queue_depth=1"]
    mark = ["--before-b", "echo b >> marks"]
    done = storbench(tmp_path, "ab", "randrw", "-d", FAST, *load, *mark, "--pairs", "3", "-o", "f")
    assert "3 interleaved pairs" in done.stdout
    assert (tmp_path / "marks").read_text() == "b\n" * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-d", FAST, "-d", SLOW, "-d", "sim:flash-mlc"], "two sides"),
        (["-d", FAST, "--pairs", "2"], "equal to 3"),
        (["-d", FAST, "--a", "nonsense=1"], "unknown parameter 'nonsense'"),
        (["-d", FAST, "--a", "queue_depth=1", "--set", "queue_depth=no"], "queue_depth"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_measured(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = storbench(tmp_path, "ab", "randrw", *arguments, "-o", "f", status=2)
    assert words in done.stderr
    assert not list(tmp_path.rglob("*.h5"))


def test_a_command_that_fails_ends_the_comparison(tmp_path: Path) -> None:
    done = storbench(
        tmp_path, "ab", "randrw", "-d", FAST, *LOAD, "--before-a", "false", "--before-b", "false", status=3
    )
    assert "'false' ended with 1" in done.stderr


def test_runs_of_unlike_recipes_are_not_compared(tmp_path: Path) -> None:
    files = []
    for name, duration in (("a", "0.1s"), ("b", "0.2s")):
        given = {"duration": duration, "queue_depth": "1"}
        (finished,) = execute(prepare("randrw", ["sim:pcm-onyx?size=16MiB"], given, Options(tmp_path / f"{name}.h5")))
        files.append(finished.path)
    pair = [Pair(*files)]
    assert {one.metric for one in samples_of(pair)} >= {"iops", "latency_p50"}
    guard(pair, same_settings=False)
    with pytest.raises(InputError, match="recipe"):
        guard(pair, same_settings=True)


def changed(path: Path, group: str, **facts: object) -> Path:
    """Copy a run and set what its provenance says."""
    copy = path.with_name(f"{path.stem}-{'-'.join(map(str, facts.values()))}.h5")
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        found = json.loads(file[f"provenance/{group}"][()]) if group in file["provenance"] else {}
        if group in file["provenance"]:
            del file[f"provenance/{group}"]
        file[f"provenance/{group}"] = json.dumps({**(found or {}), **facts})
    return copy


def test_sides_in_another_state_are_not_compared_unless_that_is_wanted(tmp_path: Path) -> None:
    given = {"duration": "0.1s", "queue_depth": "1"}
    (finished,) = execute(prepare("randrw", ["sim:pcm-onyx?size=16MiB"], given, Options(tmp_path / "a.h5")))
    one = finished.path
    for group, name, ours, theirs in (
        ("health_start", "temperature", {"temperature": 30}, {"temperature": 50}),
        ("health_start", "wear", {"percentage_used": 1}, {"percentage_used": 9}),
        ("device_start", "firmware", {"firmware": "1.0"}, {"firmware": "1.1"}),
        ("host", "kernel", {"kernel": "6.1"}, {"kernel": "6.2"}),
    ):
        pair = [Pair(changed(one, group, **ours), changed(one, group, **theirs))]
        with pytest.raises(InputError, match=f"not comparable: {name} is") as raised:
            guard(pair, same_settings=True)
        assert f"--ignore-difference {name}" in raised.value.hint
        guard(pair, same_settings=True, ignored=[name])
    near = [Pair(changed(one, "health_start", temperature=30), changed(one, "health_start", temperature=40))]
    guard(near, same_settings=True)


def test_a_difference_that_does_not_exist_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    done = storbench(tmp_path, "ab", "randrw", "-d", FAST, "--ignore-difference", "firmwear", status=2)
    assert "Did you mean 'firmware'?" in done.stderr


def test_steps_belong_together_although_a_setting_is_in_their_names(tmp_path: Path) -> None:
    files = []
    for name, depth in (("a", "1"), ("b", "2"), ("c", "2,4")):
        given = {"duration": "0.1s", "queue_depth": depth, "read_fraction": "1.0"}
        (finished,) = execute(prepare("randrw", ["sim:pcm-onyx?size=16MiB"], given, Options(tmp_path / f"{name}.h5")))
        files.append(finished.path)
    assert {one.job for one in samples_of([Pair(files[0], files[1])])} == {"randread 4KiB qd1→qd2 read"}
    # Where one side has more steps only those of the same name are the same.
    assert {one.job for one in samples_of([Pair(files[1], files[2])])} == {"randread 4KiB qd2 read"}
    assert samples_of([Pair(files[0], files[2])]) == []
