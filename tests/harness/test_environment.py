"""Facts about the machine: true where the system tells, left out where it does not, never an error."""

from __future__ import annotations

import os
import platform
import socket
from pathlib import Path

import msgspec
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storbench.harness.cgroups import cgroup_limits
from storbench.harness.environment import (
    container,
    environment_facts,
    host_facts,
    program_version,
    turbo,
    virtualisation,
)

X86 = """processor\t: 0
model name\t: Made Up 9000
cpu MHz\t\t: 2000.000
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse{flag}

processor\t: 1
model name\t: Made Up 9000
cpu MHz\t\t: 3000.000
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse{flag}
"""


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_host_is_known_by_the_systems_own_words() -> None:
    facts = host_facts()
    assert facts["hostname"] == socket.gethostname()
    assert facts["kernel"] == os.uname().release
    assert facts["python"] == platform.python_version()
    assert facts["cpus"] == psutil.cpu_count()
    assert facts["memory_bytes"] == psutil.virtual_memory().total
    assert str(facts["fio"]).startswith("fio-")
    assert {"storbench", "numpy", "h5py", "hdf5", "architecture"} <= facts.keys()


def test_the_host_does_not_change_between_two_looks() -> None:
    assert host_facts() == host_facts()


def test_the_state_is_plausible() -> None:
    facts = environment_facts()
    assert 0 < float(facts["memory_available_bytes"] or 0) <= psutil.virtual_memory().total
    assert float(facts["load_1min"] or 0) >= 0
    assert facts["cpus_usable"] == len(os.sched_getaffinity(0))
    assert facts["steal_s"] == pytest.approx(psutil.cpu_times().steal, abs=5)


@pytest.mark.parametrize("facts", [host_facts, environment_facts])
def test_facts_are_flat_known_and_fit_into_json(facts: object) -> None:
    assert callable(facts)
    found = facts()
    assert all(isinstance(value, (str, int, float, bool)) for value in found.values())
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


def test_an_empty_system_gives_few_facts_and_no_error(tmp_path: Path) -> None:
    assert "hostname" not in host_facts(tmp_path)
    assert "governor" not in environment_facts(tmp_path)
    assert "memory_available_bytes" not in environment_facts(tmp_path)


FILES = (
    "proc/cpuinfo", "proc/meminfo", "proc/stat", "proc/loadavg", "proc/pressure/io", "proc/self/cgroup", "proc/cmdline",
    "sys/devices/system/cpu/intel_pstate/no_turbo", "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
    "sys/fs/cgroup/cpu.max", "sys/fs/cgroup/memory.max", "sys/kernel/mm/transparent_hugepage/enabled", "etc/os-release",
)  # fmt: skip


PIECES = (
    "0", "1", "-1", "2.5", "1.2.3", "max", "²", "kB", "cpu MHz\t: ", "cpu ", "SwapFree: ",
    "some avg10=", "0::/", "[", "]", " ", "\n",
)  # fmt: skip
CONTENTS = st.binary(max_size=20) | st.lists(st.sampled_from(PIECES), max_size=20).map(lambda p: "".join(p).encode())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(FILES), CONTENTS))
def test_garbage_in_the_systems_files_is_no_error(tmp_path: Path, contents: dict[str, bytes]) -> None:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents.get(name, b""))
    host_facts(tmp_path)
    environment_facts(tmp_path)


def test_processors_are_counted_as_cores_and_threads(tmp_path: Path) -> None:
    put(tmp_path, {"proc/cpuinfo": X86.format(flag="")})
    facts = host_facts(tmp_path)
    assert (facts["cpu_model"], facts["cpus"], facts["cores"], facts["smt"]) == ("Made Up 9000", 2, 1, True)
    assert environment_facts(tmp_path)["cpu_mhz"] == 2500


def test_different_governors_are_all_named(tmp_path: Path) -> None:
    base = "sys/devices/system/cpu/cpufreq"
    put(tmp_path, {f"{base}/policy{n}/scaling_governor": f"{name}\n" for n, name in enumerate(["powersave"] * 3)})
    assert environment_facts(tmp_path)["governor"] == "powersave"
    put(tmp_path, {f"{base}/policy3/scaling_governor": "performance\n"})
    assert environment_facts(tmp_path)["governor"] == "performance, powersave"


@pytest.mark.parametrize(
    ("file", "text", "on"),
    [
        ("intel_pstate/no_turbo", "0\n", True),
        ("intel_pstate/no_turbo", "1\n", False),
        ("cpufreq/boost", "1\n", True),
        ("cpufreq/boost", "0\n", False),
        ("cpufreq/boost", "", None),
    ],
)
def test_turbo_is_read_from_either_switch(tmp_path: Path, file: str, text: str, on: bool | None) -> None:
    assert turbo(put(tmp_path, {f"sys/devices/system/cpu/{file}": text})) is on


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"run/systemd/container": "systemd-nspawn\n"}, "systemd-nspawn"),
        ({"run/.containerenv": ""}, "podman"),
        ({".dockerenv": ""}, "docker"),
        ({"proc/1/cgroup": "0::/kubepods/burstable/pod1/abc\n"}, "kubernetes"),
        ({"proc/1/cgroup": "12:cpu:/docker/abc\n"}, "docker"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, "none"),
        ({}, "none"),
    ],
)
def test_containers_are_recognised(tmp_path: Path, files: dict[str, str], name: str) -> None:
    assert container(put(tmp_path, files)) == name


CLOCK = "sys/devices/system/clocksource/clocksource0/available_clocksource"
VENDOR = "sys/class/dmi/id/sys_vendor"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"proc/cpuinfo": X86.format(flag="")}, "none"),
        ({"proc/cpuinfo": X86.format(flag=" hypervisor")}, "unknown"),
        ({"proc/cpuinfo": X86.format(flag=" hypervisor"), CLOCK: "tsc kvm-clock \n"}, "kvm"),
        ({"proc/cpuinfo": X86.format(flag=" hypervisor"), VENDOR: "VMware, Inc.\n"}, "vmware"),
        # Amazon's bare metal has the vendor but no hypervisor.
        ({"proc/cpuinfo": X86.format(flag=""), VENDOR: "Amazon EC2\n"}, "none"),
        ({"proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 50\n", VENDOR: "QEMU\n"}, "kvm"),
        ({"proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 50\n", VENDOR: "Ampere\n"}, "none"),
        ({"sys/hypervisor/type": "xen\n"}, "xen"),
        ({"proc/sys/kernel/osrelease": "5.15.90.1-microsoft-standard-WSL2\n"}, "wsl"),
        ({}, None),
    ],
)
def test_hypervisors_are_recognised(tmp_path: Path, files: dict[str, str], name: str | None) -> None:
    assert virtualisation(put(tmp_path, files)) == name


def test_the_tightest_limit_of_the_groups_above_counts(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/a.slice"
    put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/a.slice/b.service\n",
            f"{group}/b.service/cpu.max": "max 100000\n",
            f"{group}/b.service/memory.max": "4294967296\n",
            f"{group}/b.service/io.max": "8:0 rbps=1048576 wbps=max riops=max wiops=max\n",
            f"{group}/cpu.max": "150000 100000\n",
            f"{group}/memory.max": "max\n",
        },
    )
    assert cgroup_limits(tmp_path) == {
        "cgroup_cpus": 1.5,
        "cgroup_memory_bytes": 4 << 30,
        "cgroup_io": "8:0 rbps=1048576 wbps=max riops=max wiops=max",
    }


def test_limits_of_the_older_control_groups_are_read(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )
    assert cgroup_limits(tmp_path) == {"cgroup_cpus": 0.5}


def test_a_program_that_is_absent_has_no_version() -> None:
    assert program_version("storbench-no-such-program") is None


def test_a_program_tells_its_version(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\necho 'tool version 7.2.22 (made up 1:7.2)'\n")
    script.chmod(0o755)
    assert program_version(str(script)) == "7.2.22"
