"""SNIA tests that are really carried out: on a model in virtual time, on a file, and killed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec

import storbench
from storbench.harness.session import resume
from storbench.results.conformance import conformance_of
from storbench.results.run_file import Run, open_run
from storbench.workloads.snia.resolved import TESTS

PCM = "sim:pcm-ssd-fast14?size=64MiB"
FLASH = "sim:flash-sata-tlc?size=1GiB"
MIB = 1 << 20


def run_on(folder: Path, device: str, workload: str, **given: object) -> Run:
    (run,) = storbench.run(workload, [device], given, output=folder / "r.h5")
    return run


def values_of(run: Run) -> list[object]:
    """All that a run measured, without the times of the clock on the wall."""
    return [(step.label, step.status, step.step, msgspec.to_builtins(step.measurement)) for step in run.steps]


def test_all_eight_tests_in_one_run_in_virtual_time(tmp_path: Path) -> None:
    short = {"element": "50ms", "scale": 0.01, "demand": "4,1", "max_rounds": 2}
    with run_on(tmp_path, PCM, "snia.pts", **short) as run:
        assert run.header.status == "COMPLETED"
        assert list(dict.fromkeys(s.labels["test"] for s in run.steps if s.labels)) == list(TESTS)
        assert run.recipe["specification"]["tests"] == list(TESTS)
        found = conformance_of(run)
    assert (found.grade, found.simulated, found.faults) == ("ADAPTED", True, ())
    assert {"element", "scale", "demand", "max rounds"} <= {deviation.what for deviation in found.deviations}


def test_preconditioning_really_writes_the_whole_range_twice(tmp_path: Path) -> None:
    device = f"sim:pcm-ssd-fast14?size={64 * MIB + 4096 * 3}"
    given = {"element": "20ms", "threads": 3, "max_rounds": 1}
    with run_on(tmp_path, device, "snia.iops", **given) as run:
        steps = [step for step in run.steps if step.labels.get("phase") == "wipc"]
        written = sum(step.measurement.write.bytes for step in steps if step.measurement)
        assert written == 2 * (64 * MIB + 4096 * 3)
        assert not conformance_of(run).faults


def test_flash_leaves_its_fresh_state_before_it_is_steady(tmp_path: Path) -> None:
    """Write saturation: the first minute is quicker than the last ones, because nothing has to be moved yet."""
    with run_on(tmp_path, FLASH, "snia.wsat", element="1s", scale=0.05, wsat_histogram=0) as run:
        rates = [s.measurement.write.iops for s in run.steps if s.labels.get("phase") == "minute" and s.measurement]
        assert rates[0] > 1.5 * rates[-1]
        assert len(rates) > 5


def test_the_same_plan_on_a_file_is_adapted(tmp_path: Path) -> None:
    given = {"element": "100ms", "scale": 0.01, "max_rounds": 1, "throughput_tracked": "0,100"}
    device = f"file:{tmp_path / 't.bin'}?size=16MiB"
    with run_on(tmp_path, device, "snia.throughput", **given) as run:
        found = conformance_of(run)
        wipc = [step for step in run.steps if step.labels.get("phase") == "wipc"]
        assert sum(step.measurement.write.bytes for step in wipc if step.measurement) == 2 * 2 * 16 * MIB
    assert (found.grade, found.simulated, found.faults) == ("ADAPTED", False, ())
    whats = [deviation.what for deviation in found.deviations]
    assert {"element", "scale", "max rounds", "throughput tracked"} <= set(whats)


KILLING = """
import os, signal, sys
from pathlib import Path
from storbench.harness.session import Options, QuietObserver, execute, prepare

class Killer(QuietObserver):
    def step_begins(self, index, step):
        if index == 20:
            os.kill(os.getpid(), signal.SIGKILL)

given = dict(pair.split("=") for pair in sys.argv[3:])
execute(prepare("snia.latency", [sys.argv[1]], given, Options(Path(sys.argv[2]))), lambda run: Killer())
"""


def test_a_killed_run_that_is_resumed_is_the_run_that_was_not_killed(tmp_path: Path) -> None:
    given = {"element": "50ms", "scale": "0.01", "max_rounds": "4"}
    settings = [f"{name}={value}" for name, value in given.items()]
    killed = subprocess.run([sys.executable, "-c", KILLING, PCM, tmp_path / "k.h5", *settings], check=False)
    assert killed.returncode == -signal.SIGKILL
    resumed = resume(tmp_path / "k.run").path
    with open_run(resumed) as again, run_on(tmp_path, PCM, "snia.latency", **given) as whole:
        assert again.header.status == whole.header.status == "COMPLETED"
        assert values_of(again) == values_of(whole)
        assert "the run was interrupted and is resumed here" in conformance_of(again).notes
