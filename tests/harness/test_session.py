"""Whole runs on real files and servers, without the command line."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from storbench import open_run
from storbench.common.errors import InputError
from storbench.harness.session import Finished, Options, PlannedRun, QuietObserver, execute, prepare, prepare_again
from storbench.harness.session import run as run_session

QUICK = {"block_size": "4KiB", "queue_depth": "1,4", "read_fraction": "0.5", "duration": "300ms"}


def finished(
    tmp_path: Path, workload: str, devices: list[str], given: Mapping[str, object], **more: object
) -> list[Finished]:
    options = Options(tmp_path / "out.h5", **more)  # type: ignore[arg-type]  # the tests' own words
    return execute(prepare(workload, devices, given, options))


def test_a_run_becomes_one_file_with_everything_in_it(tmp_path: Path) -> None:
    (one,) = finished(tmp_path, "randrw", [f"file:{tmp_path}/t.bin?size=8MiB"], QUICK)
    assert (one.status, one.path) == ("COMPLETED", tmp_path / "out.h5")
    assert list(tmp_path.iterdir()) == [one.path]
    with open_run(one.path) as run:
        assert [step.kind for step in run.steps] == ["precondition", "measure", "measure"]
        measured = run.steps[1].measurement
        assert measured is not None
        assert measured.read.ios > 0
        assert measured.write.ios > 0
        assert measured.read.latency.samples == measured.read.ios
        assert run.steps[2].labels["queue_depth"] == 4
        assert run.recipe["parameters"]["duration"] == 0.3
        assert run.provenance["device_start"]["file_system"]
        assert run.provenance["device_end"]["path"] == str(tmp_path / "t.bin")
        assert run.provenance["environment_end"]
        assert "cpu_user_percent" in run.telemetry
        assert run.journal.startswith(b'{"type":"start"')


def test_several_devices_give_one_file_each(tmp_path: Path) -> None:
    devices = [f"file:{tmp_path}/t.bin?size=4MiB", "nbd:memory?size=4MiB"]
    runs = finished(tmp_path, "randrw", devices, {**QUICK, "queue_depth": "1"})
    assert [one.status for one in runs] == ["COMPLETED"] * 2
    with open_run(runs[0].path) as first, open_run(runs[1].path) as second:
        assert {first.header.device, second.header.device} == set(devices)
        assert first.header.campaign is not None
        assert second.header.campaign is not None
        assert first.header.campaign.id == second.header.campaign.id


def test_repeats_go_through_the_devices_in_a_random_order(tmp_path: Path) -> None:
    devices = [f"nbd:memory?size={size}MiB" for size in (1, 2, 3)]
    planned = prepare("randrw", devices, QUICK, Options(tmp_path / "x.h5", repeat=8))
    rounds = [tuple(run.url for run in planned[i : i + 3]) for i in range(0, 24, 3)]
    assert all(set(one) == set(devices) for one in rounds)
    assert len(set(rounds)) > 1
    assert len({run.output for run in planned}) == 24
    assert [run.campaign.order for run in planned] == list(range(1, 25))


def test_a_rerun_is_the_same_recipe_on_another_device(tmp_path: Path) -> None:
    (first,) = finished(tmp_path, "update", [f"file:{tmp_path}/t.bin?size=4MiB"], {"duration": "200ms"})
    with open_run(first.path) as run:
        again = prepare_again(run.recipe, "nbd:memory?size=4MiB", Options(tmp_path / "again.h5"))
    (second,) = execute(again)
    with open_run(first.path) as one, open_run(second.path) as other:
        assert other.header.device == "nbd:memory?size=4MiB"
        assert [step.job for step in one.steps] == [step.job for step in other.steps]
        assert one.recipe["parameters"] == other.recipe["parameters"]


@pytest.mark.parametrize("name", ["ordinary.fio", "mine.toml"])
def test_a_recipe_from_a_file_needs_the_file_no_more(tmp_path: Path, name: str) -> None:
    texts = {
        "ordinary.fio": "[global]\nbs=4k\nrw=randread\nio_size=64k\n[one]\niodepth=2\n",
        "mine.toml": '[defaults]\nbytes = "64KiB"\n[[phase]]\nqueue_depth = [1, 2]\n',
    }
    path = tmp_path / name
    path.write_text(texts[name])
    (first,) = finished(tmp_path, str(path), ["nbd:memory?size=4MiB"], {})
    assert first.status == "COMPLETED", first.reason
    path.unlink()
    with open_run(first.path) as run:
        (second,) = execute(prepare_again(run.recipe, None, Options(tmp_path / "again.h5")))
        with open_run(second.path) as again:
            assert [s.job for s in again.steps] == [s.job for s in run.steps]


def test_a_server_that_dies_ends_the_run_and_keeps_what_came_before(tmp_path: Path) -> None:
    class Killer(QuietObserver):
        def step_begins(self, index: int, step: object) -> None:  # noqa: ARG002 - the observer's signature
            if index == 2:
                threading.Timer(0.5, self.kill).start()

        def kill(self) -> None:
            for process in psutil.Process().children(recursive=True):
                if process.name() == "nbdkit":
                    process.kill()

    planned = prepare(
        "randrw",
        ["nbd:memory?size=4MiB"],
        {**QUICK, "duration": "3s", "queue_depth": "4,8"},
        Options(tmp_path / "o.h5"),
    )
    (one,) = execute(planned, lambda run: Killer())
    assert one.status == "ERROR"
    assert "NBD server ended during the run" in one.reason
    with open_run(one.path) as run:
        assert [step.status for step in run.steps] == ["COMPLETED", "COMPLETED", "ERROR"]
        assert "nbd" in run.steps[2].error.lower()
        assert run.steps[1].measurement is not None
    assert list(tmp_path.iterdir()) == [one.path]


def test_a_read_only_plan_leaves_a_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "t.bin"
    content = os.urandom(1 << 20)
    target.write_bytes(content)
    (one,) = finished(tmp_path, "randrw", [f"file:{target}"], {"read_fraction": "1", "duration": "200ms"})
    assert one.status == "COMPLETED"
    assert target.read_bytes() == content


def test_every_single_io_is_kept_on_request(tmp_path: Path) -> None:
    (one,) = finished(
        tmp_path,
        "randrw",
        [f"file:{tmp_path}/t.bin?size=4MiB"],
        {**QUICK, "queue_depth": "2", "jobs": "2"},
        io_log=True,
    )
    with open_run(one.path) as run:
        step = run.steps[-1]
        log = step.io_log
        assert step.measurement is not None
        assert log is not None
        assert len(log) == step.measurement.read.ios + step.measurement.write.ios
        assert set(log.job) == {0, 1}
        assert int(log.offset.max()) < 4 << 20


def test_results_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out.h5").write_text("precious")
    with pytest.raises(InputError, match="exists\nResults are never overwritten"):
        prepare("randrw", ["nbd:memory?size=4MiB"], QUICK, Options(tmp_path / "out.h5"))
    assert (tmp_path / "out.h5").read_text() == "precious"


def test_nothing_is_touched_when_the_second_of_two_devices_is_wrong(tmp_path: Path) -> None:
    devices = [f"file:{tmp_path}/t.bin?size=4MiB", f"file:{tmp_path}/none/t.bin?size=4MiB"]
    with pytest.raises(InputError, match="there is no folder"):
        prepare("randrw", devices, QUICK, Options(tmp_path / "out.h5"))
    assert not list(tmp_path.iterdir())


def test_one_device_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        prepare("randrw", ["nbd:memory?size=4MiB"] * 2, QUICK, Options(tmp_path / "out.h5"))


def test_the_python_face_gives_the_runs(tmp_path: Path) -> None:
    (path,) = run_session("randrw", ["nbd:memory?size=4MiB"], {**QUICK, "queue_depth": 1}, output=tmp_path / "o.h5")
    assert path == tmp_path / "o.h5"


def test_idle_steps_wait_and_notes_are_on_record(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(
        '[defaults]\nbytes = "64KiB"\n[[phase]]\n[[phase]]\nkind = "idle"\nduration = "1s"\n'
        '[[phase]]\nkind = "note"\nlabel = "half time"\n[[phase]]\n'
    )
    began = time.monotonic()
    (one,) = finished(tmp_path, str(tmp_path / "w.toml"), ["nbd:memory?size=1MiB"], {})
    assert time.monotonic() - began >= 1
    with open_run(one.path) as run:
        assert [step.kind for step in run.steps if step.kind != "precondition"] == [
            "measure",
            "idle",
            "note",
            "measure",
        ]


def test_a_planned_run_has_touched_nothing(tmp_path: Path) -> None:
    planned = prepare("users", [f"file:{tmp_path}/t.bin?size=4MiB"], {"clients": "1,2"}, Options(tmp_path / "o.h5"))
    assert all(isinstance(run, PlannedRun) for run in planned)
    assert not list(tmp_path.iterdir())
