"""How to install what is missing on this distribution: the one command to type."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_MANAGERS = {
    "apt": ("apt-get install", ("debian", "ubuntu")),
    "dnf": ("dnf install", ("fedora", "rhel", "centos", "rocky", "almalinux", "ol", "amzn")),
    "zypper": ("zypper install", ("suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles")),
    "pacman": ("pacman -S", ("arch", "archlinux", "manjaro")),
    "apk": ("apk add", ("alpine",)),
}


def os_release(root: Path = Path("/")) -> dict[str, str]:
    """Read the distribution's own description (os-release(5)); empty where there is none."""
    for place in ("etc/os-release", "usr/lib/os-release"):
        try:
            lines = (root / place).read_text(errors="replace").splitlines()
        except OSError:
            continue
        pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
        return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    return {}


def package_manager(root: Path = Path("/")) -> str | None:
    """Give apt, dnf, zypper, pacman or apk after the distribution or one that it is like; None for another one."""
    release = os_release(root)
    for name in [release.get("ID", ""), *release.get("ID_LIKE", "").split()]:
        for manager, (_, distributions) in _MANAGERS.items():
            if name in distributions:
                return manager
    return None


def install_command(package: str, names: Mapping[str, str] | None = None, *, root: Path = Path("/")) -> str:
    """Give the command that installs `package`; `names` has its name by manager where it differs.

    On an unknown distribution it says so in words instead.
    """
    manager = package_manager(root)
    if manager is None:
        return f"install the package '{package}' with this system's package manager"
    return as_root(f"{_MANAGERS[manager][0]} {(names or {}).get(manager, package)}")


def as_root(command: str) -> str:
    """Put sudo before a command, unless this is root already."""
    return command if os.geteuid() == 0 else f"sudo {command}"
