"""`scripts/setup.sh` where it may not install anything: it says what to type and stops."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """Make a checkout beside a PATH without fio, nbdkit, Python and sudo, on which the user is not root."""
    checkout, programs = tmp_path / "checkout", tmp_path / "bin"
    (checkout / "scripts").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(CHECKOUT / "scripts" / "setup.sh", checkout / "scripts")
    for name in ("cat", "dirname", "grep", "tr"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    return checkout


def run_setup(checkout: Path, purpose: str) -> subprocess.CompletedProcess[str]:
    """Run it with that PATH and no standard input."""
    return subprocess.run(
        ["/bin/sh", "scripts/setup.sh", purpose],
        cwd=checkout,
        env={"PATH": str(checkout.parent / "bin")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_root_and_sudo_it_prints_the_one_command_and_touches_nothing(bare_machine: Path) -> None:
    apt = bare_machine.parent / "bin" / "apt-get"
    apt.write_text("#!/bin/sh\necho called >>called\n")
    apt.chmod(0o755)

    result = run_setup(bare_machine, "run")

    assert result.returncode == 2
    (command,) = (line.strip() for line in result.stderr.splitlines() if "apt-get" in line)
    assert command == (
        "apt-get update && apt-get install --yes --no-install-recommends"
        " fio nbdkit libnbd-bin file gcc libc6-dev nbdkit-plugin-dev python3 python3-venv"
    )
    assert sorted(path.name for path in bare_machine.iterdir()) == ["scripts"]


def test_without_apt_it_names_what_is_missing(bare_machine: Path) -> None:
    result = run_setup(bare_machine, "run")

    assert result.returncode == 2
    assert "fio nbdkit libnbd-bin file" in result.stderr


def test_a_mistyped_purpose_is_refused(bare_machine: Path) -> None:
    assert run_setup(bare_machine, "demo").returncode == 2
