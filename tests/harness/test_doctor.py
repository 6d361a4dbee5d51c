"""The doctor names what makes numbers bad, says why, and what to do; it touches nothing and raises nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest

from storbench.common.errors import MeasurementError
from storbench.devices.ioengines import io_uring_error
from storbench.devices.mounts import mount_of, parse_mounts
from storbench.harness.doctor import Finding, examine
from storbench.harness.doctor_activity import Activity, activity_findings
from storbench.harness.doctor_folder import Folder, folder_findings, look_at
from storbench.harness.doctor_machine import machine_findings, user_finding
from storbench.harness.doctor_programs import (
    ENGINES,
    TOOLS,
    engines_findings,
    fio_finding,
    io_uring_finding,
    plugin_findings,
    tool_finding,
)
from storbench.harness.environment import environment_facts, host_facts


def one(findings: list[Finding], name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def seen_in(root: Path, name: str) -> Finding:
    return one(machine_findings(host_facts(root), environment_facts(root)), name)


def put(root: Path, **files: str) -> Path:
    places = {
        "governor": "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
        "driver": "sys/devices/system/cpu/cpufreq/policy0/scaling_driver",
        "no_turbo": "sys/devices/system/cpu/intel_pstate/no_turbo",
        "boost": "sys/devices/system/cpu/cpufreq/boost",
        "clock": "sys/devices/system/clocksource/clocksource0/current_clocksource",
        "hugepages": "sys/kernel/mm/transparent_hugepage/enabled",
        "meminfo": "proc/meminfo",
        "cpuinfo": "proc/cpuinfo",
        "cgroup": "proc/self/cgroup",
        "cpu_max": "sys/fs/cgroup/cpu.max",
        "aio_limit": "proc/sys/fs/aio-max-nr",
        "aio_used": "proc/sys/fs/aio-nr",
        "docker": ".dockerenv",
        "os": "etc/os-release",
    }
    for key, text in files.items():
        path = root / places[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# ---- On this machine ----------------------------------------------------------------------------------------------


def test_this_machine_is_examined_and_every_finding_is_complete(tmp_path: Path) -> None:
    findings = examine([tmp_path], [("broken", "ImportError: no module named x")])
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert {"python", "fio", "fio engines", "io_uring", "nbdkit", "governor", "steal", "memory", "aio queue"} <= set(
        names
    )
    assert one(findings, "fio").status == "ok"
    assert one(findings, "plug-in broken").status == "warning"
    for finding in findings:
        assert finding.seen
        if finding.status in ("warning", "problem"):
            assert finding.why, finding
            assert finding.advice, finding


def test_findings_are_the_same_in_json(tmp_path: Path) -> None:
    findings = examine([tmp_path])
    assert msgspec.json.decode(msgspec.json.encode(findings), type=list[Finding]) == findings


def test_a_system_that_tells_nothing_is_examined_all_the_same(tmp_path: Path) -> None:
    findings = examine([tmp_path], root=tmp_path)
    assert one(findings, "governor").status == "unknown"
    assert one(findings, "memory").status == "unknown"
    assert one(findings, "virtualisation").status == "unknown"


def test_nothing_is_left_in_the_folder(tmp_path: Path) -> None:
    examine([tmp_path])
    assert list(tmp_path.iterdir()) == []


# ---- The machine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("governor", "status"), [("performance", "ok"), ("powersave", "warning"), ("schedutil", "warning")]
)
def test_a_governor_that_follows_the_load_is_warned_of(tmp_path: Path, governor: str, status: str) -> None:
    finding = seen_in(put(tmp_path, governor=governor), "governor")
    assert (finding.status, finding.seen) == (status, governor)
    if status == "warning":
        assert "echo performance |" in finding.advice
        assert f"back: echo {governor} |" in finding.advice


@pytest.mark.parametrize(
    ("files", "status", "command"),
    [
        ({"no_turbo": "0", "driver": "intel_pstate"}, "warning", "echo 1 | "),
        ({"no_turbo": "1", "driver": "intel_pstate"}, "ok", ""),
        ({"boost": "1", "driver": "amd-pstate-epp"}, "warning", "echo 0 | "),
        ({"boost": "0", "driver": "acpi-cpufreq"}, "ok", ""),
        ({}, "unknown", ""),
    ],
)
def test_turbo_is_warned_of_with_the_switch_of_this_driver(
    tmp_path: Path, files: dict[str, str], status: str, command: str
) -> None:
    finding = seen_in(put(tmp_path, **files), "turbo")
    assert finding.status == status
    assert command in finding.advice
    if command:
        assert ("no_turbo" in finding.advice) == ("no_turbo" in files)


@pytest.mark.parametrize(
    ("clock", "status"),
    [
        ("tsc", "ok"),
        ("kvm-clock", "ok"),
        ("hyperv_clocksource_tsc_page", "ok"),
        ("hpet", "warning"),
        ("acpi_pm", "warning"),
    ],
)
def test_a_slow_clock_is_warned_of(tmp_path: Path, clock: str, status: str) -> None:
    assert seen_in(put(tmp_path, clock=clock), "clock source").status == status


def test_neighbours_are_suspected_in_containers_and_virtual_machines(tmp_path: Path) -> None:
    put(tmp_path, cpuinfo="processor\t: 0\nflags\t\t: fpu\n")
    assert seen_in(tmp_path, "virtualisation").status == "ok"
    put(tmp_path, docker="")
    assert seen_in(tmp_path, "virtualisation").seen == "container (docker)"
    put(tmp_path, cpuinfo="processor\t: 0\nflags\t\t: fpu hypervisor\n")
    assert seen_in(tmp_path, "virtualisation").seen == "virtual machine (unknown), container (docker)"


def test_limits_of_the_control_group_are_warned_of_where_they_bind(tmp_path: Path) -> None:
    put(tmp_path, cpuinfo="processor\t: 0\n\nprocessor\t: 1\n", cgroup="0::/\n", cpu_max="150000 100000")
    assert seen_in(tmp_path, "limits").seen == "1.5 processors"
    put(tmp_path, cpu_max="400000 100000")
    assert seen_in(tmp_path, "limits").status == "ok"


def memory(available_mib: int, swap_used_mib: int = 0, dirty_mib: int = 0) -> str:
    sizes = {"MemTotal": 16384, "MemAvailable": available_mib, "SwapTotal": 4096, "SwapFree": 4096 - swap_used_mib}
    return "".join(f"{name}:  {mib << 10} kB\n" for name, mib in {**sizes, "Dirty": dirty_mib, "Writeback": 0}.items())


@pytest.mark.parametrize(("mib", "status"), [(15000, "ok"), (1500, "warning"), (500, "warning")])
def test_low_memory_is_warned_of(tmp_path: Path, mib: int, status: str) -> None:
    assert seen_in(put(tmp_path, meminfo=memory(mib)), "memory").status == status


@pytest.mark.parametrize(("mib", "status"), [(0, "ok"), (50, "ok"), (1000, "warning")])
def test_swap_in_use_is_warned_of(tmp_path: Path, mib: int, status: str) -> None:
    assert seen_in(put(tmp_path, meminfo=memory(8000, swap_used_mib=mib)), "swap").status == status


def test_data_that_waits_to_be_written_is_warned_of(tmp_path: Path) -> None:
    finding = seen_in(put(tmp_path, meminfo=memory(8000, dirty_mib=2048)), "dirty pages")
    assert (finding.status, finding.advice) == ("warning", "sync")


@pytest.mark.parametrize(("mode", "status"), [("always [madvise] never", "ok"), ("[always] madvise never", "warning")])
def test_huge_pages_everywhere_are_warned_of(tmp_path: Path, mode: str, status: str) -> None:
    assert seen_in(put(tmp_path, hugepages=mode), "huge pages").status == status


@pytest.mark.parametrize(("used", "status"), [("0", "ok"), ("65000", "warning")])
def test_a_short_aio_queue_is_warned_of(tmp_path: Path, used: str, status: str) -> None:
    assert seen_in(put(tmp_path, aio_limit="65536", aio_used=used), "aio queue").status == status


@pytest.mark.parametrize(("limit", "status"), [(1024, "ok"), (-1, "ok"), (256, "warning")])
def test_too_few_open_files_are_warned_of(limit: int, status: str) -> None:
    assert one(machine_findings({}, {"open_files_limit": limit}), "open files").status == status


def test_what_this_user_may_do_is_said() -> None:
    assert user_finding(0).seen == "root"
    assert "block:" in user_finding(1000).seen


# ---- What goes on -------------------------------------------------------------------------------------------------


def test_a_quiet_machine_is_fine() -> None:
    assert {f.status for f in activity_findings(Activity(2.0, 0.0, (), 3.0, 1e4))} == {"ok"}


def test_steal_other_programs_and_other_io_are_warned_of() -> None:
    busy = Activity(80.0, 4.0, (("make (12)", 90.0), ("sh (13)", 0.5)), 900.0, 5e7)
    findings = activity_findings(busy)
    assert [finding.status for finding in findings] == ["warning"] * 3
    assert "make (12) 90 %" in one(findings, "other load").seen
    assert "sh" not in one(findings, "other load").seen


# ---- Programs -----------------------------------------------------------------------------------------------------


def test_an_absent_fio_is_a_problem_in_the_words_of_the_probe() -> None:
    finding = fio_finding(MeasurementError("fio is not installed", hint="Install it: apt-get install fio."))
    assert (finding.status, finding.seen) == ("problem", "fio is not installed")
    assert "apt-get install fio" in finding.advice


@pytest.mark.parametrize(
    ("missing", "status"),
    [
        (set(), "ok"),
        ({"libpmem", "rbd", "gfapi"}, "ok"),
        ({"io_uring"}, "ok"),
        ({"libaio"}, "ok"),
        ({"io_uring", "libaio"}, "warning"),
        ({"nbd"}, "warning"),
    ],
)
def test_engines_are_warned_of_only_where_nothing_takes_their_place(missing: set[str], status: str) -> None:
    finding = engines_findings(frozenset(ENGINES) - missing)[0]
    assert finding.status == status
    assert all(name in finding.seen for name in missing)


def test_where_engines_are_packages_the_advice_names_them(tmp_path: Path) -> None:
    put(tmp_path, os="ID=fedora\n")
    assert "dnf install fio-engine-nbd" in engines_findings(frozenset({"psync", "libaio"}), tmp_path)[0].advice


@pytest.mark.parametrize(
    ("error", "status"),
    [(errno.EINVAL, "ok"), (errno.EFAULT, "ok"), (errno.EPERM, "warning"), (errno.ENOSYS, "warning")],
)
def test_io_uring_is_judged_by_what_the_kernel_answers(error: int, status: str) -> None:
    assert io_uring_finding(error).status == status


def test_asking_for_io_uring_opens_nothing() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert isinstance(io_uring_error(), int)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("program", "version", "status"),
    [
        ("nbdkit", "1.32.5", "ok"),
        ("nbdkit", "1.30.9", "warning"),
        ("nbdkit", None, "warning"),
        ("nbdkit", "unknown", "unknown"),
        ("nbdinfo", None, "warning"),
        ("qemu-storage-daemon", None, "ok"),
    ],
)
def test_tools_are_judged_by_version_and_need(program: str, version: str | None, status: str) -> None:
    tool = next(tool for tool in TOOLS if tool.program == program)
    assert tool_finding(tool, version).status == status


def test_a_missing_tool_comes_with_this_distributions_command(tmp_path: Path) -> None:
    tool = next(tool for tool in TOOLS if tool.program == "nbdfuse")
    assert tool_finding(tool, None, put(tmp_path, os="ID=debian\n")).advice.endswith("apt-get install libnbd-bin")
    assert tool_finding(tool, None, put(tmp_path, os="ID=fedora\n")).advice.endswith("dnf install nbdfuse")


def test_broken_plugins_are_named_with_the_reason() -> None:
    assert plugin_findings([])[0].status == "ok"
    finding = plugin_findings([("turbo-disk", "ImportError: no module named x")])[0]
    assert (finding.name, finding.seen) == ("plug-in turbo-disk", "ImportError: no module named x")


# ---- Folders ------------------------------------------------------------------------------------------------------


def test_a_folder_on_a_disk_is_looked_at(tmp_path: Path) -> None:
    folder = look_at(tmp_path)
    assert folder.refused == ""
    assert folder.file_system
    assert folder.free is not None
    assert folder.direct is not None


def test_a_folder_in_memory_is_named_so() -> None:
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108
        pytest.skip("no /dev/shm here")
    findings = folder_findings(look_at(Path("/dev/shm")))  # noqa: S108
    assert findings[0].status == "warning"
    assert "memory" in findings[0].why


def test_a_file_stands_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "t.bin").touch()
    assert look_at(tmp_path / "t.bin").path == tmp_path


def test_a_folder_that_is_absent_or_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    absent = folder_findings(look_at(tmp_path / "absent"))
    assert [finding.status for finding in absent] == ["problem"]
    # Nobody, root included, makes files in /proc.
    refused = folder_findings(look_at(Path("/proc")))
    assert [finding.status for finding in refused] == ["problem"]
    assert "no file can be made" in refused[0].seen


MOUNTS = r"""22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:40 / /mnt/my\040data rw shared:1 - xfs /dev/sdb1 rw
31 22 0:41 / /mnt/hidden rw - ext4 /dev/sdc rw
32 22 0:42 / /mnt/hidden rw - nfs4 server:/export rw
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind", "source"),
    [
        ("/home", "ext4", "/dev/vda"),
        ("/mnt/my data/deep/er", "xfs", "/dev/sdb1"),
        ("/mnt/my database", "ext4", "/dev/vda"),
        ("/mnt/hidden/x", "nfs4", "server:/export"),
    ],
)
def test_the_mount_nearest_above_counts(path: str, kind: str, source: str) -> None:
    mount = mount_of(Path(path), parse_mounts(MOUNTS))
    assert (mount.file_system, mount.source) == (kind, source) if mount else kind is None


def test_an_empty_list_of_mounts_has_no_answer() -> None:
    assert mount_of(Path("/home"), parse_mounts("")) is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("ext4", "ok"), ("xfs", "ok"), ("btrfs", "ok"), ("tmpfs", "warning"), ("overlay", "warning"),
        ("nfs4", "warning"), ("fuse.sshfs", "warning"), ("9p", "warning"), ("zfs", "warning"),
    ],
)  # fmt: skip
def test_file_systems_that_are_not_the_disk_are_warned_of(kind: str, status: str) -> None:
    folder = Folder(Path("/data"), kind, "/dev/x", direct=True, free=1 << 40, size=2 << 40)
    assert folder_findings(folder)[0].status == status


@pytest.mark.parametrize(("direct", "status"), [(True, "ok"), (False, "warning"), (None, "unknown")])
def test_a_file_system_without_direct_io_is_warned_of(direct: bool | None, status: str) -> None:
    folder = Folder(Path("/data"), "ext4", "/dev/x", direct=direct, free=1 << 40, size=2 << 40)
    assert one(folder_findings(folder), "direct I/O in /data").status == status


@pytest.mark.parametrize(
    ("free", "status"), [(1 << 40, "ok"), (3 << 30, "warning"), (900 << 20, "warning"), (1 << 20, "problem")]
)
def test_little_space_is_warned_of(free: int, status: str) -> None:
    folder = Folder(Path("/data"), "ext4", "/dev/x", direct=True, free=free, size=2 << 40)
    finding = one(folder_findings(folder), "space in /data")
    assert finding.status == status
