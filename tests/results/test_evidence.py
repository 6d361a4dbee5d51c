"""Evidence is what the device said and the machine measured; what is missing is said with its reason."""

from __future__ import annotations

from datetime import datetime
from types import ModuleType
from typing import Any, cast

import msgspec
import numpy as np
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


def during_load(record: RunRecord) -> list[float]:
    """Give four times of samples during the first load, in seconds from the start of the run."""
    begun = datetime.fromisoformat(record.header.created).timestamp()
    first = next(step for step in record.steps if step.totals is not None)
    times: list[float] = np.linspace(first.started, first.ended, 6)[1:-1].tolist()
    return [time - begun for time in times]


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
        "time_s": during_load(record), "disk_temperature": [40.0, nan, 52.0, 51.0], "disk_power": [4.0, 4.0, 4.0, 4.0],
        "cpu_power": [90.0] * 4,
    }  # fmt: skip
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


def test_a_counter_of_an_unsure_unit_never_disagrees(record: RunRecord) -> None:
    basis = "attribute 241 Total_LBAs_Written, taken as logical sectors; some vendors count in other units"
    found = evidence(with_counts(record, 5, basis, 512))
    assert [fill.answer for fill in found.fills] == ["not available"] * 2
    assert found.fills[0].counted == 10
    assert [fill.answer for fill in evidence(with_counts(record, GIB, basis, 512)).fills] == ["agrees"] * 2


def test_the_disk_below_a_file_may_have_counted_what_others_wrote(record: RunRecord) -> None:
    on_file = msgspec.structs.replace(record, recipe={**record.recipe, "device_info": {"scheme": "file"}})
    more, less = with_counts(on_file, 3 * GIB), with_counts(on_file, GIB // 3)
    assert {fill.answer for fill in evidence(more).fills} == {"not available"}
    assert {fill.answer for fill in evidence(less).fills} == {"disagrees"}


def test_a_resumed_run_begins_with_what_the_device_first_said(record: RunRecord) -> None:
    resumed = with_counts(record, GIB)
    found = evidence(resumed, health_end={"host_written": 8 * GIB, "media_written": 9 * GIB})
    assert next(one.start for one in found.counters if one.name == "host_written") == 0
    assert found.write_amplification.reason == "the device does not tell"  # its media writes were not kept then


def test_counters_that_began_anew_give_no_difference(record: RunRecord) -> None:
    header = msgspec.structs.replace(record.header, device="emu:flash-tlc")
    counted = {"host_written": 8 * GIB, "media_written": 9 * GIB, "energy": 3.0}
    found = evidence(msgspec.structs.replace(with_counts(record, GIB), header=header), health_end=counted)
    assert found.write_amplification.value is None
    assert "began anew" in found.write_amplification.reason
    assert "began anew" in found.ios_per_joule.reason
    back = evidence(record, health_start={"throttle_events": 9}, health_end={"throttle_events": 2})
    assert back.throttling.value is None
    assert "went back" in back.throttling.reason


def test_a_run_without_an_end_says_so(record: RunRecord) -> None:
    found = evidence(record, health_start={"throttle_events": 9})
    assert "did not come to its end" in found.throttling.reason


def test_power_counts_only_under_load(record: RunRecord) -> None:
    begun = datetime.fromisoformat(record.header.created).timestamp()
    loads = [step for step in record.steps if step.totals is not None]
    steps = [msgspec.structs.replace(loads[0], started=begun + 10, ended=begun + 20)]
    times = np.arange(1.0, 31.0)
    watts = np.where((times > 10) & (times <= 20), 8.0, 1.0)
    found = evidence(msgspec.structs.replace(record, steps=steps, telemetry={"time_s": times, "disk_power": watts}))
    assert found.power.value == pytest.approx(8.0)
    totals = loads[0].totals
    assert totals is not None
    ios = totals.read.ios + totals.write.ios
    assert found.ios_per_joule.value == pytest.approx(ios / totals.runtime_s / 8.0)
