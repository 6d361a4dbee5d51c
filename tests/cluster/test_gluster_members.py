"""GlusterFS, three copies and erasure code: a brick is killed, a brick hangs, and nobody loses anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storbench.devices.base import Fault
from storbench.devices.cluster_gluster import ADDRESS, FILE, VOLUME

from .conftest import RATE, Cluster, all_right, opened, storbench_inside

PING_S = 3


@pytest.fixture(scope="module", params=["replica-3", "disperse-2-1"])
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with opened(f"gluster:local?size=32MiB&layout={request.param}&ping_timeout={PING_S}s") as made:
        made.fill()
        yield made


def redundant(cluster: Cluster) -> bool:
    facts = cluster.compare()
    return facts["heal_entries"] == 0 and facts.get("replicas_identical", facts.get("fragments_agree")) == 1


def test_a_killed_brick_is_masked_and_healed(cluster: Cluster, tmp_path: Path) -> None:
    seen = cluster.load(Fault("kill", "brick2"), tmp_path, broken=3.0, after=2.0)
    print(seen)
    # Its connection is closed, so the client knows at once.
    assert seen.stall_s < PING_S
    assert seen.completed > RATE * 3
    assert redundant(cluster)


def test_a_brick_that_hangs_stops_everything_until_the_client_gives_it_up(cluster: Cluster, tmp_path: Path) -> None:
    seen = cluster.load(Fault("hang", "brick1"), tmp_path, broken=8.0, after=2.0)
    print(seen)
    assert seen.slowest_s > PING_S - 1.0
    assert seen.stall_s < seen.broken_s - 1.0
    assert redundant(cluster)


def test_nothing_is_lost_when_one_brick_hangs_and_then_another_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    facts = cluster.check([Fault("hang", "brick1"), Fault("kill", "brick3")], tmp_path, broken=2.0)
    print(facts)
    assert all_right(facts)
    assert redundant(cluster)


# How the bricks hold it makes no difference.
@pytest.mark.parametrize("cluster", ["replica-3"], indirect=True)
def test_a_file_that_exists_is_written_only_when_its_url_was_typed(cluster: Cluster, tmp_path: Path) -> None:
    url = f"gluster://{ADDRESS}/{VOLUME}/{FILE}"
    before = written_at(cluster)
    refused = storbench_inside(cluster.target, "-d", url, folder=tmp_path)
    assert refused.returncode == 2
    assert f"--destroy '{url}'" in refused.stderr
    assert written_at(cluster) == before
    missing = storbench_inside(cluster.target, "-d", f"{url}.none", "--destroy", f"{url}.none", folder=tmp_path)
    assert missing.returncode == 2
    assert "cannot reach" in missing.stderr
    allowed = storbench_inside(cluster.target, "-d", url, "--destroy", url, folder=tmp_path)
    assert allowed.returncode == 0, allowed.stderr
    assert written_at(cluster) != before


def written_at(cluster: Cluster) -> int:
    return Path(cluster.target.checked["filename"]).stat().st_mtime_ns
