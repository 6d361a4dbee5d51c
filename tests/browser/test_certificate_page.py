"""The certificate of each test in a real browser: no errors, nothing fetched, all charts, at every width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storbench.harness.certification import write_certificate
from storbench.harness.session import Options, execute, prepare
from storbench.results.run_file import open_run

TESTS = ("iops", "throughput", "latency", "wsat", "hir", "xsr", "cbw", "dirth")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every test on a simulated drive, certified."""
    folder = tmp_path_factory.mktemp("certified")
    given = {"element": "0.1s", "scale": "0.03", "max_rounds": "5"}
    found = {}
    for test in TESTS:
        options = Options(folder / f"{test}.h5", certify=True)
        (finished,) = execute(prepare(f"snia.{test}", ["sim:flash-mlc?size=2GiB"], given, options))
        assert finished.status == "COMPLETED", finished.reason
        with open_run(finished.path) as run:
            found[test] = next(d.path for d in write_certificate(run, pdf=False) if d.kind == "html")
    return found


@pytest.mark.parametrize("test", TESTS)
def test_the_certificate_of_each_test_opens_without_an_error(chromium: Any, pages: dict[str, Path], test: str) -> None:
    address = pages[test].as_uri()
    for width, dark in ((1280, False), (1280, True), (400, False)):
        chromium.open(address, width=width, dark=dark)
        assert chromium.problems() == []
        assert chromium.requests() == [address]
        # Nothing but a table's own frame may be wider than the window.
        assert chromium.evaluate("document.documentElement.scrollWidth") <= width
        assert "ADAPTED" in chromium.evaluate("document.querySelector('header').innerText")
        charts = chromium.evaluate(
            "[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect()).map(b => [b.width, b.height])"
        )
        assert len(charts) >= 2
        assert all(w > 200 and h > 90 for w, h in charts)
    lines = chromium.evaluate(
        "[...document.querySelectorAll('svg .line, svg .dot, svg .bar')].map(e => getComputedStyle(e).color)"
    )
    assert lines
    assert all(color != "rgba(0, 0, 0, 0)" for color in lines)
