"""What is installed is what is in the checkout: every module and data file of the rooms, and nothing beside them."""

from __future__ import annotations

import importlib.metadata
import inspect
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import storbench

CHECKOUT = Path(__file__).parents[1]


def packages_in(folder: Path, name: str = "storbench") -> Iterator[tuple[str, Path]]:
    """Give each folder that has an `__init__.py`, down from `folder`, with its dotted name."""
    yield name, folder
    for child in sorted(folder.iterdir()):
        if (child / "__init__.py").is_file():
            yield from packages_in(child, f"{name}.{child.name}")


def shipped_files(root: Path) -> set[str]:
    """Give what belongs into an installation: of the root its modules, of the rooms every file."""
    rooms = [folder for name, folder in packages_in(root) if name.count(".") == 1]
    files = {*root.glob("*.py"), root / "py.typed"}
    files.update(file for room in rooms for file in room.rglob("*") if file.is_file())
    names = {file.relative_to(root) for file in files}
    # What is built from the C sources depends on the machine: a test of its own looks for it.
    return {str(name) for name in names if "__pycache__" not in name.parts and name.suffix != ".so"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel from a copy of the checkout and list its files."""
    source = tmp_path_factory.mktemp("source") / "storbench"
    target = tmp_path_factory.mktemp("wheel")
    shutil.copytree(
        CHECKOUT, source, ignore=shutil.ignore_patterns(".*", "build", "dist", "runs", "*.egg-info", "__pycache__")
    )
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", target, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (file,) = target.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def test_pyproject_names_every_package_folder() -> None:
    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

    assert listed == [name for name, _ in packages_in(CHECKOUT)]


def test_a_wheel_has_the_files_of_the_rooms_and_no_others(wheel: set[str]) -> None:
    sources = {name for name in wheel if not name.endswith(".so")}
    package = {name.removeprefix("storbench/") for name in sources if name.startswith("storbench/")}
    beside = {name.split("/")[0] for name in wheel if not name.startswith("storbench/")}

    assert sorted(shipped_files(CHECKOUT) - package) == [], "forgotten"
    assert sorted(package - shipped_files(CHECKOUT)) == [], "too much"
    assert beside == {f"storbench-{storbench.__version__}.dist-info"}


def test_a_wheel_has_the_device_models_and_their_front_ends(wheel: set[str]) -> None:
    built = {name.split(".")[0] for name in wheel if name.endswith(".so")}

    assert built == {
        f"storbench/devices/native/{name}" for name in ("models", "preload", "nbdkit_faulty", "nbdkit_plugin")
    }


def test_pyproject_names_every_c_source() -> None:
    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    named = {name for module in listed for key in ("sources", "depends") for name in module[key]}

    assert named == {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "devices" / "native").glob("*.[ch]")}


def test_what_is_tested_is_what_is_in_the_checkout() -> None:
    installed = Path(inspect.getfile(storbench)).parent

    assert sorted(shipped_files(installed) ^ shipped_files(CHECKOUT)) == []


def test_the_distribution_has_the_version_and_the_command() -> None:
    distribution = importlib.metadata.distribution("storbench")
    commands = distribution.entry_points.select(group="console_scripts")
    plugins = distribution.entry_points.select(group="pytest11")

    assert distribution.version == storbench.__version__
    assert [(command.name, command.value) for command in commands] == [("storbench", "storbench.harness.cli:main")]
    assert [(plugin.name, plugin.value) for plugin in plugins] == [("storbench", "storbench.harness.pytest_plugin")]


@pytest.mark.parametrize("command", [["-m", "storbench"], [str(Path(sys.executable).with_name("storbench"))]])
def test_the_command_starts_as_a_script_and_as_a_module(command: list[str], tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, *command, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    assert result.stdout == f"storbench {storbench.__version__}\n"


def test_the_public_names_are_these_and_documented() -> None:
    assert storbench.__all__ == ["__version__", "compare", "open_run", "run"]
    for name in ("compare", "open_run", "run"):
        assert inspect.getdoc(getattr(storbench, name)), name


def test_importing_storbench_imports_nothing_heavy() -> None:
    code = "import sys, storbench; print({'altair', 'h5py', 'numpy', 'rich', 'scipy', 'typer'} & set(sys.modules))"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "set()\n"
