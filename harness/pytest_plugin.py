"""The pytest plug-in: storage measured by tests, shown and compared by pytest-benchmark.

    @pytest.mark.storage(block_size="4KiB", queue_depth=16, duration="5s", rounds=10)
    def test_random_reads(storage):
        measured = storage()
        assert measured.percentile(99) < 2e-3

    pytest --storage-device 'file:/data/t.bin?size=1GiB' --benchmark-autosave

Every pytest session of a machine with storbench loads this module, most of them for nothing: it declares options, a
marker and fixtures, and leaves the rest to the first test that measures. docs/ci.md describes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .pytest_session import StorageSession
    from .pytest_storage import Storage

MARKER = (
    "storage(workload=None, *, rounds=5, warmup_rounds=0, metric='iops', direction=None, step=None, **parameters): "
    "what the fixture `storage` measures: a workload and its parameters, or one job where no workload is named."
)
_OURS = "storbench_session"
"""A fixture that only our `storage` asks for; a project may have a fixture `storage` that has nothing to do with us."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, and what a configuration file may say."""
    group = parser.getgroup("storage", "storage, measured by storbench")
    group.addoption("--storage-device", metavar="URL", help="What to measure, such as 'file:/data/t.bin?size=1GiB'.")
    group.addoption(
        "--storage-allow-destructive", metavar="SERIAL", action="append", default=[],
        help="Allow overwriting the raw device with this serial. Repeatable.",
    )  # fmt: skip
    group.addoption(
        "--storage-output", metavar="FOLDER", default="runs",
        help="Where a new folder for this session's run files is made. Default: runs.",
    )  # fmt: skip
    group.addoption(
        "--storage-compare", metavar="REF", action="append", default=[],
        help="Judge what is measured by the run files of earlier sessions: a file, or a folder of them. Repeatable.",
    )  # fmt: skip
    group.addoption(
        "--storage-fail-on", metavar="VERDICT", choices=("regressed", "inconclusive", "never"), default="regressed",
        help="What fails a session with --storage-compare: regressed (the default), also inconclusive, or never.",
    )  # fmt: skip
    parser.addini("storage_device", "What is measured where --storage-device is not given.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and the fixture in the form that fits the plug-ins of this session."""
    for path in config.getoption("--storage-compare"):
        if not (config.invocation_params.dir / path).exists():
            raise pytest.UsageError(f"--storage-compare {path}: there is no such file or folder")
    config.addinivalue_line("markers", MARKER)
    whole = config.pluginmanager.hasplugin("benchmark")
    config.pluginmanager.register(_WithBenchmark() if whole else _WithoutBenchmark(), "storbench-fixtures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test that measures storage be timed by what its device did, not by a clock."""
    ours = [item for item in items if _OURS in getattr(item, "fixturenames", ())]
    if ours:
        from .pytest_storage import time_by_device

        for item in ours:
            time_by_device(item)


@pytest.fixture(scope="session")
def storage_device(request: pytest.FixtureRequest) -> str:
    """Give the URL of the device that storage tests measure; override it to measure another, or several."""
    found = request.config.getoption("--storage-device") or request.config.getini("storage_device")
    if not found:
        pytest.fail(
            "there is no device to measure: name one, such as --storage-device 'file:/data/t.bin?size=1GiB', in the "
            "configuration as storage_device, or by a fixture storage_device of your own",
            pytrace=False,
        )
    return str(found)


@pytest.fixture(scope="session")
def storbench_session(request: pytest.FixtureRequest) -> StorageSession:
    """Give what the storage tests of this session have in common; refuse to measure beside other tests."""
    if hasattr(request.config, "workerinput"):
        pytest.fail(
            "storage is not measured under pytest-xdist: tests that run at the same time disturb one another's "
            "measurement, and pytest-benchmark is off there; run these tests with -n 0",
            pytrace=False,
        )
    from .pytest_session import StorageSession

    session = StorageSession(request.config)
    request.config.pluginmanager.register(session, "storbench-session")
    return session


class _WithBenchmark:
    @pytest.fixture
    def storage(
        self, request: pytest.FixtureRequest, storbench_session: StorageSession, storage_device: str, benchmark: Any
    ) -> Storage:
        """Measure storage by calling it: what the marker says, with the parameters of the call in addition."""
        from .pytest_storage import storage_of

        return storage_of(request.node, storbench_session, storage_device, benchmark)


class _WithoutBenchmark:
    @pytest.fixture
    def storage(self) -> None:
        """Say why storage cannot be measured."""
        pytest.fail(
            "the fixture `storage` needs pytest-benchmark, which is not there or turned off (-p no:benchmark): "
            "pip install 'storbench[pytest]'",
            pytrace=False,
        )
