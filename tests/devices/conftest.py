"""Openings as the harness makes them."""

from collections.abc import Callable

import pytest

from storbench.devices.base import Opening
from storbench.harness.engines.fio.probe import probe

MakeOpening = Callable[..., Opening]


@pytest.fixture
def opening() -> MakeOpening:
    def make(
        run_id: str = "run1", *, write: bool = True, destroy: tuple[str, ...] = (), resuming: bool = False
    ) -> Opening:
        return Opening(run_id, write, frozenset(destroy), probe().ioengines, resuming)

    return make
