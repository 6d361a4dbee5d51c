"""CI formats by their readers' own code, each in an environment of its own, installed from the package index."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from storbench.reports.ci.answer import Answer, Line
from storbench.reports.ci.formats import format_named

OTAVA = "apache-otava==0.8.0"
XSD = "pytest-8.4.2/testing/example_scripts/junit-10.xsd"
"""The schema of the Jenkins xUnit plug-in, as pytest's source distribution has it to check its own output."""

CONFIGURATION = """
tests:
  storage:
    type: csv
    file: series.csv
    time_column: time
    attributes: [commit]
    metrics:
      iops: {column: randread 4KiB qd1 read iops, direction: 1}
"""


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with Otava and an XML schema validator; they pin versions that ours must not have."""
    folder = tmp_path_factory.mktemp("readers")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    install = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", OTAVA, "xmlschema"]
    subprocess.run(install, check=True, timeout=600)
    return folder


def answer(loss: float, hour: int = 0) -> Answer:
    """An answer with one rate and one latency."""
    random = np.random.default_rng(hour)
    rate = 1000 * (1 - loss) * float(np.exp(random.normal(0, 0.01)))
    verdict = "REGRESSED" if loss else "INCONCLUSIVE"
    lines = [
        Line("randread 4KiB qd1 read", "iops", "1/s", True, rate, verdict, 1000.0, (0.9, 1.1), 0.05, f"{verdict}: <&>"),
        Line("randread 4KiB qd1 read", "latency_p99", "ns", False, 9e5, "EQUIVALENT", 9e5, (0.99, 1.01), 0.05, "same"),
    ]
    created = f"2026-11-{1 + hour // 24:02}T{hour % 24:02}:00:00.000+00:00"
    return Answer("ab", "a \x00 title", lines, ["the run failed"], ["a remark"], created, f"commit{hour}")


def test_otava_finds_a_step_in_a_series_of_ours(readers: Path, tmp_path: Path) -> None:
    rows = [format_named("otava").render(answer(0.0 if hour < 20 else 0.15, hour)) for hour in range(40)]
    (tmp_path / "series.csv").write_bytes(rows[0] + b"".join(row.splitlines(keepends=True)[1] for row in rows[1:]))
    (tmp_path / "otava.yaml").write_text(CONFIGURATION)

    done = subprocess.run(
        [readers / "bin/otava", "analyze", "storage", "--since", "2026-10-01"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "OTAVA_CONFIG": "otava.yaml"}, timeout=120,
        check=True,
    )  # fmt: skip

    lines = done.stdout.splitlines()
    before = next(number for number, line in enumerate(lines) if "commit19 " in line)
    after = next(number for number, line in enumerate(lines) if "commit20 " in line)
    assert any("-1" in line and "%" in line for line in lines[before:after]), done.stdout


def test_junit_is_valid_by_the_schema_of_jenkins(readers: Path, tmp_path: Path) -> None:
    download = [readers / "bin/pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "-d", tmp_path]
    subprocess.run([*download, "pytest==8.4.2"], check=True, timeout=600)
    with tarfile.open(tmp_path / "pytest-8.4.2.tar.gz") as archive:
        archive.extract(XSD, tmp_path, filter="data")
    (tmp_path / "junit.xml").write_bytes(format_named("junit").render(answer(0.15)))
    code = "import sys, xmlschema; xmlschema.validate(sys.argv[2], sys.argv[1])"
    done = subprocess.run(
        [readers / "bin/python", "-c", code, tmp_path / XSD, tmp_path / "junit.xml"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
