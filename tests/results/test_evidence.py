"""Evidence is what the device said and the machine measured; what is missing is said with its reason."""

from __future__ import annotations

from types import ModuleType
from typing import Any, cast

import msgspec
import pytest

from storbench.devices.base import HEALTH
from storbench.results.evidence import UNITS, Evidence, evidence_of
from storbench.results.record import RunRecord
from storbench.results.run_file import Run

GIB = 1 << 30


@pytest.fixture(scope="module")
def record(snia_runs: ModuleType) -> RunRecord:
    found = snia_runs.perform("snia.throughput", snia_runs.device(GIB))
    assert isinstance(found, RunRecord)
    return found


def evidence(record: RunRecord, **provenance: Any) -> Evidence:
    """A record has all that the evidence reads of a file."""
    known = msgspec.structs.replace(record, provenance={**record.provenance, **provenance})
    return evidence_of(cast("Run", known))


def with_counts(record: RunRecord, per_step: int, basis: str = "data units", step: int = 512_000) -> RunRecord:
    steps = [
        msgspec.structs.replace(s, facts={
            "host_written_before": 0, "host_written_after": per_step, "host_written_basis_after": basis,
            "host_written_step_after": step,
        }) if s.labels.get("phase") == "wipc" else s
        for s in record.steps
    ]  # fmt: skip
    return msgspec.structs.replace(record, steps=steps)


def test_every_number_that_devices_tell_has_its_unit() -> None:
    assert {name: unit for name, (unit, _) in HEALTH.items() if unit and name in UNITS} == UNITS


def test_what_nobody_told_is_not_available(record: RunRecord) -> None:
    found = evidence(record)
    for known in (found.write_amplification, found.temperature, found.throttling, found.power, found.ios_per_joule):
        assert known.value is None
        assert known.reason
    assert found.counters == ()
    assert found.unavailable == "the device does not tell"
    assert [fill.answer for fill in found.fills] == ["not available"] * 2


def test_each_purge_says_what_it_was_and_whether_it_worked(record: RunRecord) -> None:
    found = evidence(record)
    assert [(purge.where, purge.verified) for purge in found.purges] == [
        ("throughput 128KiB", True), ("throughput 1MiB", True),
    ]  # fmt: skip
    assert all(purge.method and purge.check for purge in found.purges)


@pytest.mark.parametrize(("counted", "answer"), [(GIB, "agrees"), (GIB * 1.005, "agrees"), (GIB // 2, "disagrees")])
def test_preconditioning_is_checked_against_the_device_s_counter(
    record: RunRecord, counted: float, answer: str
) -> None:
    found = evidence(with_counts(record, int(counted), step=1))
    assert [fill.answer for fill in found.fills] == [answer] * 2
    assert found.fills[0].written == 2 * GIB
    assert found.fills[0].basis == "data units"


def test_write_amplification_is_what_the_medium_wrote_for_each_byte_of_the_host(record: RunRecord) -> None:
    start = {"host_written": 10 * GIB, "media_written": 11 * GIB, "health_source": "nvme", "throttle_events": 1}
    end = {"host_written": 30 * GIB, "media_written": 51 * GIB, "health_source": "nvme", "throttle_events": 4}
    found = evidence(record, health_start=start, health_end=end)
    assert found.write_amplification.value == pytest.approx(2.0)
    assert found.throttling.value == 3
    assert found.source == "nvme"
    assert next((one.name, one.unit, one.start) for one in found.counters) == ("host_written", "B", 10 * GIB)


def test_temperature_and_power_come_from_the_drive_s_own_sensors(record: RunRecord) -> None:
    nan = float("nan")
    telemetry = {
        "time_s": [0.0, 1.0, 2.0, 3.0], "disk_temperature": [40.0, nan, 52.0, 51.0], "disk_power": [4.0, 4.0, 4.0, 4.0],
        "cpu_power": [90.0] * 4,
    }  # fmt: skip
    import numpy as np

    arrays = {name: np.array(values) for name, values in telemetry.items()}
    found = evidence(msgspec.structs.replace(record, telemetry=arrays))
    assert found.temperature.value == 52
    assert len(found.temperature_series) == 3
    assert found.power.value == pytest.approx(4.0)
    assert found.power_source == "the drive's sensor"
    # The processor's power says nothing of a drive.
    without = {name: values for name, values in arrays.items() if name != "disk_power"}
    assert evidence(msgspec.structs.replace(record, telemetry=without)).power.value is None


def test_the_model_s_energy_gives_ios_per_joule(record: RunRecord) -> None:
    found = evidence(record, health_start={"energy": 1.0}, health_end={"energy": 11.0})
    ios = sum(step.totals.read.ios + step.totals.write.ios for step in record.steps if step.totals)
    assert found.ios_per_joule.value == pytest.approx(ios / 10)
    assert found.power_source == "the device's model"
