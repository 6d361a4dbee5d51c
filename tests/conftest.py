"""What all tests share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# pytest imports the checkout's root, because it is a package, under the name of its folder. In a folder called
# `storbench` that must find the installed package, which the tests are about, already there.
import storbench  # noqa: F401

collect_ignore = ["harness/pytest_project"]  # an example, which test_pytest_plugin.py runs as a project of its own

# A busy machine is no error: no test depends on how long one of its examples took.
settings.register_profile("storbench", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("storbench")


ONE_BY_ONE = (
    "faults/", "browser/test_fault_section.py", "common/test_processes.py", "devices/test_mirror.py",
    "harness/test_doctor.py", "harness/test_faults.py", "harness/test_killed.py", "harness/test_leftovers.py",
)  # fmt: skip
"""Tests that kill storbench and look for what it left on the machine, or measure how long something stood still."""


LONG = ("test_docs.py", "harness/test_pytest_plugin.py")
"""Files of two minutes and more."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Under pytest-xdist keep the tests of a file in one row, and those that must not meet all in the same one."""
    from xdist.scheduler import LoadScopeScheduling

    class Rows(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "one by one" if file.removeprefix("tests/").startswith(ONE_BY_ONE) else file

    return Rows(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that at the end no row waits for another."""

    def later(item: pytest.Item) -> tuple[bool, bool]:
        place = item.nodeid.removeprefix("tests/")
        return not place.startswith(ONE_BY_ONE), not place.startswith(LONG)

    items.sort(key=later)


@pytest.fixture(scope="session")
def sample_runs() -> ModuleType:
    """The module that builds run files value by value."""
    return _module("reports/sample_runs.py")


@pytest.fixture(scope="session")
def snia_runs() -> ModuleType:
    """The module that carries out SNIA tests on numbers that are made up."""
    return _module("workloads/snia_runs.py")


def _module(place: str) -> ModuleType:
    path = Path(__file__).parent / place
    name = f"storbench_{path.stem}"
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)
    return sys.modules[name]
