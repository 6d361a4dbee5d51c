"""Gives the tests of this folder a real browser and the module that builds run files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _load(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        found = importlib.util.spec_from_file_location(name, path)
        assert found is not None
        assert found.loader is not None
        module = importlib.util.module_from_spec(found)
        sys.modules[name] = module
        found.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def sample_runs() -> ModuleType:
    return _load("storbench_sample_runs", Path(__file__).parents[1] / "reports" / "sample_runs.py")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    driver = _load("storbench_chromium", Path(__file__).with_name("chromium.py"))
    program = driver.find_chromium()
    if program is None:
        pytest.skip("chromium is not installed (Debian and Ubuntu: apt-get install chromium)")
    with driver.browser(program) as started:
        yield started
