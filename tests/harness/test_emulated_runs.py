"""Whole runs on emulated devices: in virtual time without fio, in real time under fio, behind a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import psutil
import pytest

from storbench import open_run
from storbench.common.errors import MeasurementError
from storbench.devices import native_library
from storbench.devices.base import Target
from storbench.devices.emulated import memory_folder
from storbench.devices.native_library import Model
from storbench.devices.registry import resolve_device
from storbench.harness.engines.model.engine import ModelEngine
from storbench.harness.journal import Journal, Start, StepEnds
from storbench.harness.runner import Setting, run_plan
from storbench.harness.session import Options, QuietObserver, execute, prepare
from storbench.reports.html import report_html
from storbench.results.record import Campaign
from storbench.results.run_file import Run
from storbench.workloads.job import Job
from storbench.workloads.steps import Idle, Measure, Outcome, Plan, Precondition

MIB = 1 << 20
QUICK = {"queue_depth": "1,8", "duration": "500ms"}


def run_on(tmp_path: Path, device: str, workload: str = "randrw", given: Mapping[str, object] = QUICK) -> Path:
    """Make one run, which must complete."""
    (one,) = execute(prepare(workload, [device], given, Options(tmp_path / "out.h5")))
    assert (one.status, one.reason) == ("COMPLETED", "")
    return one.path


def contents(file: Path) -> dict[str, Any]:
    """Give all that a run measured: values and attributes by path, without times and what the host did."""
    found: dict[str, Any] = {}

    def visit(name: str, node: h5py.Group | h5py.Dataset) -> None:
        own = {key: value for key, value in node.attrs.items() if key not in ("started", "ended")}
        found[name] = (repr(sorted(own.items(), key=lambda item: item[0])), node[()].tobytes() if data(node) else b"")

    def data(node: h5py.Group | h5py.Dataset) -> bool:
        return isinstance(node, h5py.Dataset) and node.dtype.kind in "iuf"

    with h5py.File(file) as run:
        for group in ("steps", "table"):
            run[group].visititems(lambda name, node, group=group: visit(f"{group}/{name}", node))
        found["recipe"] = run["provenance/recipe"][()]
        found["device"] = run["provenance/device_start"][()]
        found["texts"] = [text for name in ("label", "metric", "unit") for text in run["table"][name].asstr()[()]]
    return found


def test_a_simulated_run_needs_no_fio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORBENCH_FIO", str(tmp_path / "absent"))
    monkeypatch.setenv("PATH", "")
    began = time.monotonic()
    file = run_on(tmp_path, "sim:flash-mlc?size=4GiB", given={"duration": "1h", "queue_depth": "1"})

    assert time.monotonic() - began < 600
    with open_run(file) as run:
        measured = run.measured[0].measurement
        assert measured is not None
        assert measured.runtime_s == pytest.approx(3600, rel=0.01)
        assert len(measured.series.time_s) == 3600
        assert run.header.engine.startswith("model-")
        assert measured.device["host_written"].value == measured.write.bytes
        assert run.provenance["device_start"]["profile"] == "flash-mlc"


@pytest.mark.parametrize("device", ["sim:flash-tlc?size=4GiB", "sim:pmm-1dimm?size=64MiB&link_rtt=1ms&link_jitter=1ms"])
def test_one_recipe_gives_one_file_to_the_bit(tmp_path: Path, device: str) -> None:
    files = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        given = {"duration": "200ms", "jobs": "4", "fsync_every": "8"}
        files.append(contents(run_on(tmp_path / name, device, "update", given)))

    assert files[0].keys() == files[1].keys()
    assert [name for name in files[0] if files[0][name] != files[1][name]] == []
    assert any("histogram" in name or "latency" in name for name in files[0])


def plan() -> Plan:
    yield Precondition("fill", Job(pattern="sequential", read_fraction=0.0, block_size=65536))
    yield Measure("first", Job(read_fraction=0.0, bytes=16 * MIB, queue_depth=4))
    yield Idle("rest", 3600.0)
    yield Measure("second", Job(read_fraction=0.5, duration=1.0, queue_depth=4))


def driven(folder: Path, past: Mapping[int, StepEnds]) -> list[StepEnds]:
    """Drive the plan on a model of its own; give what was journalled."""
    flash = {"capacity": 32.0 * MIB, "over_provisioning": 0.28, "pages_per_block": 64.0, "read_time": 5e4,
             "program_time": 5e5, "erase_time": 3e6, "bits_per_cell": 2.0, "slc_share": 0.1}  # fmt: skip
    model = Model("flash", flash)
    target = Target(32 * MIB, {}, fresh=True, model=model)
    written: list[StepEnds] = []

    class Recorder(Journal):
        def append(self, document: Any, *, durable: bool = True) -> None:
            super().append(document, durable=durable)
            if isinstance(document, StepEnds):
                written.append(document)

    with Recorder.begin(folder, Start(1, "id", 0.0, "x.h5", {}, {}, "model", Campaign("campaign"))) as journal:
        device = resolve_device("sim:flash-mlc?size=32MiB")
        setting = Setting(ModelEngine(), device, target, journal, folder, QuietObserver())
        assert run_plan(plan(), setting, past).status == "COMPLETED"
    model.close()
    return written


def test_a_resumed_simulation_measures_what_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = driven(tmp_path / "whole.run", {})
    rest = driven(tmp_path / "rest.run", {ends.index: ends for ends in whole[:3]})

    assert [ends.index for ends in rest] == [3]
    assert rest[0].measurement == whole[3].measurement
    assert isinstance(Outcome("COMPLETED", rest[0].measurement), Outcome)


def test_endurance_shows_how_amplification_and_wear_develop(tmp_path: Path) -> None:
    given = {"drive_writes": 3, "interval": 0.5, "probe": 0}
    file = run_on(tmp_path, "sim:flash-mlc?size=4GiB", "endurance", given)

    with open_run(file) as run:
        steps = [(step.labels, step.measurement) for step in run.measured]
        assert [labels["addresses"] for labels, _ in steps] == ["uniform"] * 6 + ["skewed"] * 6
        amplification = [m.device["write_amplification"].value for _, m in steps if m]
        wear = [m.device["wear_mean"].value for _, m in steps if m]
        page = report_html([run])
    assert 1 < amplification[0] < amplification[5]
    assert wear == sorted(wear)
    assert "What the emulated devices did" in page


@pytest.fixture
def clean_memory() -> Iterator[None]:
    """See to it that nothing of an emulated device is left in memory."""
    before = set(memory_folder().glob("storbench-emu-*"))
    yield
    deadline = time.monotonic() + 20
    made = set(memory_folder().glob("storbench-emu-*")) - before
    while any(path.exists() for path in made):
        assert time.monotonic() < deadline, "an image was left behind"
        time.sleep(0.05)


def faithful(run: Run, least_ns: float) -> None:
    """Check what an emulated run says of itself, in the model's time."""
    for step in run.measured:
        measured = step.measurement
        assert measured is not None
        fidelity = measured.fidelity
        assert fidelity is not None
        assert fidelity.read.min_ns == pytest.approx(least_ns, rel=1 / 64)
        assert fidelity.read.samples == pytest.approx(measured.read.ios, abs=16)
        assert fidelity.ios >= measured.read.ios + measured.write.ios
        assert fidelity.floor_ns > 0
        assert 0 <= fidelity.late_fraction <= 1
        assert fidelity.error_p50_ns <= fidelity.error_p99_ns


@pytest.mark.parametrize("ioengine", ["psync", "libaio"])
def test_an_emulated_run_says_how_faithful_it_was(
    tmp_path: Path, ioengine: str, clean_memory: None, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    from storbench.reports.terminal import run_summary

    file = run_on(tmp_path, f"emu:pcm-onyx?size=32MiB&ioengine={ioengine}")

    with open_run(file) as run:
        faithful(run, 38_000)
        Console(width=120).print(run_summary(run))
        assert "Emulated in real time" in report_html([run])
    said = capsys.readouterr().out
    assert "Emulated in real time: an I/O alone takes the emulator" in said
    assert "write" in said


def test_an_emulated_device_can_be_behind_a_server(tmp_path: Path, clean_memory: None) -> None:
    file = run_on(tmp_path, "nbd:emu-pcm-onyx?size=16MiB&link_rtt=2ms")

    with open_run(file) as run:
        faithful(run, 2_038_000)


def test_a_profile_that_the_emulator_cannot_keep_up_with_is_refused(tmp_path: Path, clean_memory: None) -> None:
    (tmp_path / "quick.toml").write_text(
        'schema = 1\nkind = "pcm"\nsummary = "too fast"\ncapacity = "1GiB"\nsize = "16MiB"\n[parameters]\n'
        'read_occupancy = { value = "50ns", source = "made up" }\n'
        'write_occupancy = { value = "50ns", source = "made up" }\n'
    )
    (one,) = execute(prepare("randrw", [f"emu:{tmp_path}/quick.toml"], QUICK, Options(tmp_path / "out.h5")))

    assert one.status == "ERROR"
    assert "cannot be emulated here: it answers" in one.reason


@pytest.mark.parametrize("device", ["emu:pcm-onyx?size=32MiB", "nbd:emu-pcm-onyx?size=32MiB&link_rtt=1ms"])
def test_a_killed_run_leaves_neither_image_nor_process(tmp_path: Path, device: str, clean_memory: None) -> None:
    command = [sys.executable, "-m", "storbench", "run", "randrw", "-d", device, "--set", "duration=60s"]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out.h5")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    journal = tmp_path / "out.run" / "journal.jsonl"
    deadline = time.monotonic() + 60
    try:
        while not (journal.exists() and journal.read_bytes().count(b'"type":"step"') >= 2):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        own = psutil.Process(process.pid).children(recursive=True)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    _, alive = psutil.wait_procs(own, timeout=20)
    assert alive == []


def test_without_the_models_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_library, "_FOLDER", tmp_path)
    native_library.library.cache_clear()
    native_library.fields_of.cache_clear()
    try:
        with pytest.raises(MeasurementError, match="no C compiler") as caught:
            prepare("randrw", ["sim:pcm-onyx"], QUICK, Options(tmp_path / "out.h5"))
        assert "install storbench again" in caught.value.hint
    finally:
        native_library.library.cache_clear()
        native_library.fields_of.cache_clear()


def test_the_demo_without_fio_measures_emulated_devices(tmp_path: Path) -> None:
    environment = {**os.environ, "STORBENCH_FIO": str(tmp_path / "absent")}
    result = subprocess.run(
        [sys.executable, "-m", "storbench", "demo", "-o", str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert "only emulated devices are measured" in result.stderr
    assert len(list(tmp_path.glob("*.h5"))) == 3
    assert len(list(tmp_path.glob("*.html"))) == 1
