"""What devices say of themselves: real outputs of real tools, and everything that can be wrong with such an output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storbench.devices.base import HEALTH, Health, Opening
from storbench.devices.block_sysfs import block_facts
from storbench.devices.health_block import block_health
from storbench.devices.health_json import document_of, number, storable
from storbench.devices.health_nvme import feature_value, ocp_health, smart_log_health
from storbench.devices.health_smartctl import smartctl_health, smartctl_problem
from storbench.devices.native_library import FLUSH, WRITE, Model
from storbench.devices.registry import resolve_device
from storbench.devices.tools import ask

from .conftest import MakeOpening
from .fake_tools import FakeTools, nvme_folder, sample


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTools:
    """No other programs are found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return FakeTools(folder)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sample(name))
    return found


def test_the_nvme_health_log_is_given_in_bytes_and_celsius() -> None:
    facts = smart_log_health(read("nvme-smart-log.json"))
    assert facts["host_written"] == 47217872 * 512_000
    assert facts["host_read"] == 14051417 * 512_000
    assert facts["host_written_step"] == 512_000
    assert facts["temperature"] == 33
    assert facts["available_spare"] == 100
    assert facts["power_on_hours"] == 1244
    assert facts["unsafe_shutdowns"] == 52
    assert facts["throttle_events"] == facts["throttle_time"] == facts["hot_time"] == 0
    assert "critical_warning" not in facts  # misspelt in this output


@pytest.mark.parametrize("warning", [4, {"value": 4, "available_spare": 0, "temp_threshold": 0}])
def test_a_critical_warning_is_a_number_or_an_object_with_one(warning: object) -> None:
    assert smart_log_health({"critical_warning": warning})["critical_warning"] == 4


def test_times_above_the_limits_and_transitions_are_added_up() -> None:
    log = {"warning_temp_time": 2, "critical_comp_time": 1, "thm_temp1_trans_count": 3, "thm_temp2_trans_count": 4,
           "thm_temp1_total_time": 10, "thm_temp2_total_time": "20"}  # fmt: skip
    facts = smart_log_health(log)
    assert (facts["hot_time"], facts["throttle_events"], facts["throttle_time"]) == (180, 7, 30)


@pytest.mark.parametrize("kelvin", [38, 0, "nan", None, 65535, {"x": 1}])
def test_what_cannot_be_a_temperature_in_kelvin_is_left_out(kelvin: object) -> None:
    assert "temperature" not in smart_log_health({"temperature": kelvin})


def test_ocp_media_units_are_bytes() -> None:
    facts = ocp_health(read("nvme-ocp-smart-add-log.json"))
    assert facts["media_written"] == 39_074_645_999_616
    assert facts["media_read"] == 36_265_469_677_568
    assert facts["wear_max"] == 45
    assert facts["throttle_events"] == 0


@pytest.mark.parametrize(
    "log",
    [
        {"Physical media units written": {"hi": 1, "lo": 5}, "Max User data erase counts": 7},
        {"Physical media units written_hi": 1.0, "Physical media units written_lo": 5.0,
         "Max User data erase counts": 7.0},
        {"physical_media_units_written": {"hi": "1", "lo": "5"}, "max_user_data_erase_count": "7"},
    ],
)  # fmt: skip
def test_each_spelling_of_the_ocp_log_is_understood(log: dict[str, object]) -> None:
    facts = ocp_health(log)
    assert facts["media_written"] == 2**64 + 5
    assert facts["wear_max"] == 7


def test_smartctl_of_an_nvme_drive_says_the_same_as_nvme() -> None:
    document = read("smartctl-nvme.json")
    facts = smartctl_health(document)
    assert facts["host_written"] == 16093122 * 512_000
    assert facts["temperature"] == 38
    assert facts["percentage_used"] == 1
    assert facts["self_assessment"] == "PASSED"
    assert smartctl_problem(document) == ""


def test_ata_device_statistics_go_before_attributes() -> None:
    facts = smartctl_health(read("smartctl-ata-ssd.json"))
    assert facts["host_written"] == 64777770148 * 512
    assert facts["host_written_basis"] == "device statistics, logical sectors of 512 B"
    assert facts["host_read"] == 34909544344 * 512
    assert facts["media_errors"] == 0
    assert facts["write_cache"] == "enabled"
    assert facts["link_speed"] == "6.0 Gb/s"
    assert "wear_mean" not in facts  # 177 means something else with every vendor


def test_a_count_of_lbas_in_an_attribute_is_marked_as_unsure() -> None:
    document = read("smartctl-ata-ssd.json")
    del document["ata_device_statistics"]
    facts = smartctl_health(document)
    assert facts["host_written"] == 64777770148 * 512
    assert "some vendors count in other units" in str(facts["host_written_basis"])


@pytest.mark.parametrize(
    ("name", "unit"), [("Host_Writes_32MiB", 32 << 20), ("Lifetime_Writes_GiB", 1 << 30), ("Total_Writes_GB", 10**9)]
)
def test_an_attribute_whose_name_has_its_unit_is_sure(name: str, unit: int) -> None:
    document = {"ata_smart_attributes": {"table": [
        {"id": 241, "name": name, "raw": {"value": 10}}, {"id": 249, "name": "NAND_Writes_1GiB", "raw": {"value": 30}},
    ]}}  # fmt: skip
    facts = smartctl_health(document)
    assert facts["host_written"] == 10 * unit
    assert facts["host_written_step"] == unit
    assert facts["host_written_basis"] == f"attribute 241 {name}"
    assert facts["media_written"] == 30 << 30


def test_a_failing_disk_is_read_although_smartctl_ends_with_an_error() -> None:
    document = read("smartctl-ata-failing.json")
    facts = smartctl_health(document)
    assert document["smartctl"]["exit_status"] == 216
    assert facts["self_assessment"] == "FAILED"
    assert facts["temperature"] == 25
    assert facts["power_on_hours"] == 65592
    assert smartctl_problem(document) == ""


def test_scsi_counts_gigabytes() -> None:
    facts = smartctl_health(read("smartctl-scsi.json"))
    assert facts["host_written"] == pytest.approx(806.827e9)
    assert facts["host_read"] == pytest.approx(386.568e9)
    assert facts["temperature"] == 31


def test_a_device_that_smartctl_could_not_open_is_a_problem_and_no_health() -> None:
    document = {"smartctl": {"exit_status": 2, "messages": [{"string": "Permission denied", "severity": "error"}]}}
    assert smartctl_problem(document) == "smartctl: Permission denied"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("get-feature:0x06 (Volatile Write Cache), Current value:00000001", 1),
        ("get-feature:0x02 (Power Management), Current value:0x0000001f", 31),
        ('{"feature": "0x06", "Current value": "0x00000000"}', 0),
        ("NVMe status: INVALID_FIELD", None),
    ],
)
def test_a_features_value_is_read_from_each_version(text: str, value: int | None) -> None:
    assert feature_value(text) == value


def test_an_nvme_drive_is_asked_by_all_its_logs(tmp_path: Path, tools: FakeTools) -> None:
    tools.say("nvme smart-log", sample("nvme-smart-log.json"))
    tools.say("nvme ocp smart-add-log", sample("nvme-ocp-smart-add-log.json"))
    tools.say("nvme get-feature /dev/nvme0 --feature-id=6", "get-feature:0x06 (VWC), Current value:0x00000001")
    tools.say("nvme get-feature /dev/nvme0 --feature-id=2", "get-feature:0x02 (PM), Current value:0x00000003")
    facts = block_health(nvme_folder(tmp_path))
    assert set(facts) <= set(HEALTH)
    assert facts["host_written"] == 47217872 * 512_000
    assert facts["media_written"] == 39_074_645_999_616
    assert facts["write_cache"] == "enabled"
    assert facts["power_state"] == 3
    assert facts["health_source"] == "nvme smart-log, nvme ocp smart-add-log"
    assert "health_unavailable" not in facts
    assert tools.asked[0] == ["nvme", "smart-log", "/dev/nvme0", "--output-format=json"]


def test_a_drive_without_ocp_log_still_has_its_health(tmp_path: Path, tools: FakeTools) -> None:
    tools.say("nvme smart-log", sample("nvme-smart-log.json"))
    tools.say("nvme ocp smart-add-log", {"status": 1, "err": "NVMe status: Invalid Log Page(0x109)\n"})
    facts = block_health(nvme_folder(tmp_path))
    assert facts["temperature"] == 33
    assert "media_written" not in facts
    assert "nvme ocp smart-add-log: NVMe status: Invalid Log Page(0x109) (exit status 1)" in str(
        facts["health_unavailable"]
    )


def test_smartctl_stands_in_for_nvme(tmp_path: Path, tools: FakeTools) -> None:
    tools.say("smartctl", {"out": sample("smartctl-nvme.json"), "status": 4})
    facts = block_health(nvme_folder(tmp_path))
    assert facts["host_written"] == 16093122 * 512_000
    assert facts["health_source"] == "smartctl --all"
    assert facts["health_unavailable"] == "nvme is not installed"


def test_without_tools_the_reason_is_the_only_fact(tmp_path: Path, tools: FakeTools) -> None:
    facts = block_health(nvme_folder(tmp_path))
    assert list(facts) == ["health_unavailable"]
    assert facts["health_unavailable"] == "nvme is not installed; smartctl is not installed"
    assert tools.asked == []


@pytest.mark.parametrize("out", ["", "not json", "[1, 2]", '{"critical_warning": ', "{}", "\x00" * 100, "{" * 5000])
def test_what_is_not_json_is_said_and_never_an_error(tmp_path: Path, tools: FakeTools, out: str) -> None:
    tools.say("nvme", out)
    tools.say("smartctl", {"out": out, "status": 2})
    facts = block_health(nvme_folder(tmp_path))
    assert set(facts) <= {"health_unavailable", "health_source"}
    assert "nvme smart-log" in str(facts)


def test_a_tool_that_hangs_is_ended(tools: FakeTools) -> None:
    tools.say("smartctl", {"out": "{}", "sleep": 600})
    answer = ask(["smartctl", "--json"], timeout_s=0.3)
    assert answer.status is None
    assert answer.problem == "smartctl did not answer within 0.3 s"


def test_a_loop_device_has_no_health_of_its_own(tmp_path: Path) -> None:
    assert block_health(tmp_path) == {"health_unavailable": f"{tmp_path.name} is no disk of its own, it lies on other "
                                      "devices"}  # fmt: skip


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["temperature", "data_units_written", "critical_warning", "percent_used", "power_on_hours", "smartctl",
     "smart_status", "write_cache", "ata_smart_attributes", "ata_device_statistics", "scsi_error_counter_log",
     "nvme_smart_health_information_log", "Physical media units written", "exit_status", "logical_block_size",
     "interface_speed", "power_on_time", "messages", "pages", "table", "thm_temp1_trans_count"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # a busy machine is no error
@given(st.dictionaries(KEYS, Json, max_size=6))
def test_no_document_breaks_a_reader(document: dict[str, Any]) -> None:
    smartctl_problem(document)
    for reader in (smartctl_health, smart_log_health, ocp_health):
        facts = storable(reader(document))
        assert set(facts) <= set(HEALTH)
        assert msgspec.json.decode(msgspec.json.encode(facts)).keys() == facts.keys()
        assert all(value >= -273 for value in facts.values() if isinstance(value, int | float))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(["smartctl-nvme.json", "smartctl-ata-ssd.json", "nvme-smart-log.json"]), st.data())
def test_no_cut_and_no_changed_byte_breaks_a_reader(name: str, data: st.DataObject) -> None:
    text = sample(name)
    text = text[: data.draw(st.integers(0, len(text)))]
    place = data.draw(st.integers(0, max(0, len(text) - 1)))
    text = text[:place] + data.draw(st.characters(codec="utf-8")) + text[place + 1 :]
    document = document_of(text)
    if document is not None:
        assert set(smartctl_health(document)) <= set(HEALTH)
        assert set(smart_log_health(document)) <= set(HEALTH)


@given(st.integers(0, 2**127))
def test_numbers_are_read_however_they_are_written(value: int) -> None:
    assert number(value) == number(str(value)) == number(hex(value)) == value
    assert number({"hi": value >> 64, "lo": value % 2**64}) == value


@pytest.mark.parametrize("value", [-1, True, "x", "1e5", "", float("nan"), float("inf"), [], {}, {"hi": 1}])
def test_what_is_no_count_is_no_number(value: object) -> None:
    assert number(value) is None


def test_a_models_health_is_its_counters(opening: MakeOpening) -> None:
    device = resolve_device("sim:xpoint-p4800x?size=64MiB")
    assert isinstance(device, Health)
    with device.open(opening()) as target:
        assert isinstance(target.model, Model)
        before = device.health(target)
        target.model.submit(WRITE, 0, 1 << 20, 0)
        target.model.submit(FLUSH, 0, 0, 10**9)
        after = device.health(target)
    assert before["host_written"] == 0
    assert after["host_written"] == 1 << 20
    assert after["host_written_step"] == 1
    assert after["energy"] > 0  # type: ignore[operator]
    assert set(after) <= set(HEALTH)


def test_a_file_asks_the_disk_below_or_says_why_not(tmp_path: Path, tools: FakeTools) -> None:
    device = resolve_device(f"file:{tmp_path}/t.bin?size=1MiB&ioengine=psync")
    assert isinstance(device, Health)
    with device.open(Opening("run1", write=True)) as target:
        facts = device.health(target)
    assert set(facts) <= set(HEALTH)
    assert facts["health_unavailable"]


def test_a_drives_facts_have_its_link_and_transport(tmp_path: Path) -> None:
    facts = block_facts(nvme_folder(tmp_path))
    assert facts["firmware"] == "EDA76F2Q"
    assert facts["transport"] == "pcie"
    assert facts["link_speed"] == "8.0 GT/s PCIe x4"
    assert facts["link_speed_max"] == "16.0 GT/s PCIe x4"


def test_a_sata_disk_has_the_speed_of_its_own_link(tmp_path: Path) -> None:
    port = tmp_path / "sys/devices/pci0000:00/0000:00:17.0"
    disk = port / "ata3/host2/target2:0:0/2:0:0:0/block/sda"
    (disk / "device").mkdir(parents=True)
    (port / "current_link_speed").write_text("2.5 GT/s PCIe\n")
    (port / "current_link_width").write_text("1\n")
    link = port / "ata3/link3/ata_link/link3"
    link.mkdir(parents=True)
    (link / "sata_spd").write_text("6.0 Gbps\n")
    (link / "sata_spd_max").write_text("6.0 Gbps\n")
    facts = block_facts(disk)
    assert facts["link_speed"] == "6.0 Gbps"
    assert facts["transport"] == "sata"
