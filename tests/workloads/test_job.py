import re
import subprocess

import pytest

from storbench.common.errors import InputError
from storbench.workloads.job import Job, SizeShare, default_label

GOOD = ["uniform", "zipf:1.2", "zipf:0.5", "pareto:0.9", "normal:0", "normal:99", "zoned:50/5:30/15:20/80",
        "zoned:100/10", "zoned_abs:60/1024:40/4096"]  # fmt: skip
BAD = ["zipf", "zipf:x", "zipf:1", "zipf:1.0", "pareto:1", "pareto:0", "pareto:7", "normal:100", "zoned:50/5:30/15",
       "zoned:60/5:50/95", "zoned:50/60:50/60", "zoned:a/b", "gauss:3"]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_distribution_that_fio_takes_is_taken(text: str) -> None:
    assert Job(distribution=text).distribution == text
    if not text.startswith(("uniform", "zoned_abs")):
        assert fio_takes(text)


@pytest.mark.parametrize("text", BAD)
def test_a_distribution_that_fio_refuses_is_refused_before(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)):
        Job(distribution=text)


def fio_takes(text: str) -> bool:
    command = ["fio", "--name=j", "--ioengine=null", "--size=16m", "--rw=randread", "--bs=4k", "--number_ios=10",
               f"--random_distribution={text}"]  # fmt: skip
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"read_fraction": 0.705}, "not a whole percent"),
        ({"pattern": "sequential", "distribution": "zipf:1.2"}, "no address distribution"),
        ({"arrival": "poisson"}, "needs rate_iops"),
        ({"block_size_mix": (SizeShare(4096, 50.0),)}, "do not add up to 100"),
        ({"block_size_mix": (SizeShare(4096, 99.5), SizeShare(512, 0.5))}, "whole percents"),
        ({"trim": True}, "neither reads, verifies nor syncs"),
        ({"trim": True, "read_fraction": 0.0, "fsync_every": 1}, "neither reads, verifies nor syncs"),
        ({"sequential_percent": 50.0, "pattern": "sequential"}, "of a random pattern"),
        ({"sequential_percent": 0.5}, "whole percent"),
        ({"think_time": 1.0}, "need one another"),
        ({"think_every": 1}, "need one another"),
        ({"verify": "crc32c"}, "verify needs read_fraction 0"),
        ({"verify": "crc32c", "read_fraction": 0.0, "duration": 1.0}, "no duration"),
    ],
)
def test_a_job_that_contradicts_itself_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Job(**fields)  # type: ignore[arg-type]  # the tests' own words


def test_a_job_must_fit_its_target() -> None:
    with pytest.raises(InputError, match="8KiB is larger than the target's 4KiB"):
        Job(block_size=8192).check_against(4096, 512)
    with pytest.raises(InputError, match="not a multiple of the target's logical block"):
        Job(block_size=512).check_against(1 << 20, 4096)
    with pytest.raises(InputError, match="is beyond the target's"):
        Job(offset=1 << 20).check_against(1 << 20, 512)
    with pytest.raises(InputError, match="offset and span reach"):
        Job(offset=4096, span=1 << 20).check_against(1 << 20, 512)


def test_a_label_says_the_load() -> None:
    assert default_label(Job(read_fraction=0.7, queue_depth=16, jobs=2)) == "randrw 70% 4KiB qd16 x2"
    assert default_label(Job(pattern="sequential", read_fraction=0.0, block_size=1 << 20)) == "seq write 1MiB qd1"
