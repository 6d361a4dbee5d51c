"""fio's bins: against fio itself, against published results, and by invariants."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storbench.results.histogram import BINS, Histogram, bin_edges, bin_of, bin_values, supported

PUBLISHED = Path(__file__).parent.parent / "data"
LARGEST = (1 << 34) - 1
"""Where fio's bins end: 17 s. Longer latencies are in the last bin; the maximum is kept exactly beside them."""
latencies = st.lists(st.integers(0, LARGEST), min_size=1, max_size=300)


def of(values: list[int]) -> Histogram:
    return Histogram.of_latencies(np.array(values, np.int64))


@given(st.integers(0, LARGEST))
def test_a_bins_value_is_within_one_in_sixty_four(value: int) -> None:
    middle = int(bin_values()[bin_of([value])[0]])
    assert abs(middle - value) <= value / 64


@given(st.integers(0, BINS - 1))
def test_a_bins_value_lies_in_the_bin(index: int) -> None:
    assert bin_of(bin_values()[[index]])[0] == index
    assert bin_edges()[index] <= bin_values()[index] < bin_edges()[index + 1]


@given(latencies, latencies)
def test_merging_is_the_histogram_of_all(a: list[int], b: list[int]) -> None:
    assert Histogram.merged([of(a), of(b)]) == of(a + b)
    assert of(a + b).minus(of(b)) == of(a)


@given(latencies)
def test_percentiles_rise_and_stay_within_the_samples(values: list[int]) -> None:
    found = [p for p in of(values * 40).percentiles((1, 10, 50, 75)) if p is not None]
    assert found == sorted(found)
    assert all(min(values) * 63 / 64 - 1 <= p <= max(values) * 65 / 64 + 1 for p in found)


@given(latencies)
def test_sparse_and_dense_are_the_same(values: list[int]) -> None:
    assert Histogram.of_dense(of(values).dense()) == of(values)
    assert of(values).samples == len(values)


@pytest.mark.parametrize(
    ("samples", "percent", "enough"),
    [(999, 99, False), (1000, 99, True), (10_000, 99.9, True), (9_999, 99.9, False), (19, 50, False), (20, 50, True)],
)
def test_a_percentile_needs_ten_samples_beyond_it(samples: int, percent: float, enough: bool) -> None:
    assert supported(samples, percent) is enough
    assert (Histogram({100: samples}).percentile(percent) is not None) is enough


def test_what_is_longer_than_fios_last_bin_is_in_it() -> None:
    assert of([10**12] * 20).bins == {BINS - 1: 20}


def test_an_empty_histogram_has_no_percentiles() -> None:
    assert Histogram().percentiles((50, 99)) == [None, None]
    assert Histogram().mean() is None


def test_percentiles_are_those_of_fio(tmp_path: Path) -> None:
    command = [
        "fio", "--name=j", "--filename=t.bin", "--size=4m", "--bs=4k", "--rw=randrw", "--ioengine=psync", "--runtime=1",
        "--time_based", "--output-format=json+", "--percentile_list=50:90:99:99.9",
    ]  # fmt: skip
    done = subprocess.run(command, check=True, cwd=tmp_path, capture_output=True, timeout=60)
    (job,) = json.loads(done.stdout)["jobs"]
    for direction in ("read", "write"):
        _agree(job[direction]["clat_ns"])


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("ssspt/*.json")), ids=lambda path: path.stem)
def test_percentiles_are_those_of_published_results(path: Path) -> None:
    compared = 0
    for job in json.loads(path.read_text())["jobs"]:
        for direction in ("read", "write"):
            latency = job[direction].get("clat_ns", {})
            if latency.get("bins"):
                _agree(latency)
                compared += 1
    if not compared:
        pytest.skip("this sample has no bins")


def _agree(latency: dict) -> None:  # type: ignore[type-arg]  # fio's own JSON
    histogram = Histogram.of_fio_bins(latency["bins"])
    assert histogram.samples == latency.get("N", sum(latency["bins"].values()))  # fio before 3.13 has no N
    for percent, value in latency["percentile"].items():
        ours = histogram.percentile(float(percent))
        if ours is not None:
            assert abs(ours - value) <= value / 64 + 1
    mean = histogram.mean()
    assert mean is not None
    assert abs(mean - latency["mean"]) <= latency["mean"] / 64
