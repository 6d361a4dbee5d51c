"""A project that watches its storage: the example of docs/ci.md. It is run by test_pytest_plugin.py, by itself not."""

import pytest


@pytest.mark.storage(queue_depth=1, duration="0.3s", rounds=3)
def test_random_reads(storage):
    measured = storage()
    assert measured.iops > 0


@pytest.mark.storage(read_fraction=0, duration="0.3s", rounds=3, metric="p99", warmup_rounds=1)
@pytest.mark.parametrize("queue_depth", [1, 4])
def test_random_writes(storage, queue_depth):
    measured = storage(queue_depth=queue_depth)
    assert 0 < measured.percentile(50, "write") <= measured.percentile(99, "write")


def test_nothing_of_storage():
    assert True
