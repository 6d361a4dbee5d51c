"""The advice for a missing package is one command that this distribution understands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storbench.common.packages import install_command, os_release, package_manager


def system(root: Path, text: str) -> Path:
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text(text)
    return root


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt-get install libnbd-bin"),
        ('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install libnbd-bin"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install libnbd"),
        ("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n", "zypper install libnbd"),
        ("ID=arch\n", "pacman -S libnbd"),
        ("# comment\nID=alpine\n", "apk add libnbd"),
    ],
)
def test_each_distribution_gets_its_own_command(tmp_path: Path, release: str, command: str) -> None:
    given = install_command("libnbd", {"apt": "libnbd-bin"}, root=system(tmp_path, release))
    assert given == (command if os.geteuid() == 0 else f"sudo {command}")


def test_an_unknown_distribution_gets_words_and_no_guess(tmp_path: Path) -> None:
    assert package_manager(system(tmp_path, "ID=plan9\n")) is None
    assert "'fio'" in install_command("fio", root=tmp_path)
    assert "apt" not in install_command("fio", root=tmp_path)


def test_a_system_without_a_description_has_none(tmp_path: Path) -> None:
    assert os_release(tmp_path) == {}
    assert package_manager(tmp_path) is None
