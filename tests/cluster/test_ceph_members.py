"""Ceph with three OSDs: one is killed, one hangs, and nobody loses anything."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.devices.base import Fault
from storbench.devices.cluster_ceph import IMAGE, POOL

from .conftest import RATE, Cluster, all_right, opened, storbench_inside

GRACE_S = 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with opened(f"rbd:local?size=32MiB&grace={GRACE_S}s") as made:
        made.fill()
        yield made


def redundant(cluster: Cluster) -> bool:
    facts = cluster.compare()
    return facts["placement_groups_unclean"] == 0 and facts["replicas_identical"] == 1


def test_a_killed_osd_is_masked_and_recovered(cluster: Cluster, tmp_path: Path) -> None:
    seen = cluster.load(Fault("kill", "osd.1"), tmp_path, broken=4.0, after=5.0)
    print(seen)
    # The others see its connection close, so its place is taken long before it would be missed.
    assert seen.stall_s < 10.0
    assert seen.completed > RATE * 3
    assert redundant(cluster)


def test_an_osd_that_hangs_stops_what_it_leads_until_the_others_report_it(cluster: Cluster, tmp_path: Path) -> None:
    seen = cluster.load(Fault("hang", "osd.2"), tmp_path, broken=13.0, after=5.0)
    print(seen)
    assert GRACE_S - 1.0 < seen.slowest_s < seen.broken_s - 1.0
    assert redundant(cluster)


def test_nothing_is_lost_when_one_osd_hangs_and_then_another_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    facts = cluster.check([Fault("hang", "osd.1"), Fault("kill", "osd.0")], tmp_path, broken=2.0)
    print(facts)
    assert all_right(facts)
    assert redundant(cluster)


def test_an_image_that_exists_is_written_only_when_its_url_was_typed_and_nobody_uses_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    conf = cluster.target.environment["CEPH_CONF"]
    create = ["rbd", "create", "--conf", conf, "--size", "16M", f"{POOL}/other"]
    subprocess.run([*cluster.target.command, *create], check=True, timeout=60)
    url = f"rbd:{POOL}/other?conf={conf}"
    refused = storbench_inside(cluster.target, "-d", url, folder=tmp_path)
    assert refused.returncode == 2
    assert f"--destroy '{url}'" in refused.stderr
    allowed = storbench_inside(cluster.target, "-d", url, "--destroy", url, folder=tmp_path)
    assert allowed.returncode == 0, allowed.stderr
    # The checker's own way to the volume is a client like any other.
    used = f"rbd:{POOL}/{IMAGE}?conf={conf}"
    refused = storbench_inside(cluster.target, "-d", used, "--destroy", used, folder=tmp_path)
    assert refused.returncode == 2
    assert "in use by" in refused.stderr
