"""What programs get: stable keys, the file's own numbers, null for what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from storbench.reports import machine
from storbench.reports.machine import run_json
from storbench.results.measurement import jain_index
from storbench.results.run_file import open_run

RUN_KEYS = {
    "schema", "run", "workload", "device", "status", "verdict", "reason", "created", "ended", "storbench", "engine",
    "campaign", "path", "notes", "steps",
}  # fmt: skip
STEP_KEYS = {"index", "kind", "label", "status", "error", "labels", "job", "beside", "started", "ended"}
MEASURED_KEYS = {
    "engine", "runtime_s", "iops", "bandwidth", "read", "write", "trim", "sync", "clients", "cpu", "errors", "notes",
}  # fmt: skip
DIRECTION_KEYS = {"ios", "bytes", "runtime_s", "iops", "bandwidth", "latency_ns"}
CLIENT_KEYS = {
    "count", "jain_index", "slowest_iops", "fastest_iops", "worst_read_p99_ns", "worst_write_p99_ns",
}  # fmt: skip
LATENCY_KEYS = {
    "samples", "mean", "min", "max", "stddev", "p50", "p90", "p95", "p99", "p99.9", "p99.99", "p99.999", "p99.9999",
}  # fmt: skip
CPU_KEYS = {"user_percent", "system_percent", "context_switches", "major_faults", "minor_faults"}


def facts_of(path: Path) -> dict[str, Any]:
    """Give the facts of a file as a program reads them."""
    with open_run(path) as run:
        facts: dict[str, Any] = json.loads(json.dumps(run_json(run), allow_nan=False))
    return facts


@pytest.fixture
def path(sample_runs: ModuleType, tmp_path: Path) -> Path:
    steps = [*sample_runs.sweep_steps(9000)[:2], *sample_runs.client_steps(1, 5000, first=2)]
    steps.append(sample_runs.step(6, "synced", sample_runs.measurement(3, 4000, syncs=True, errors={"EIO": 3}), {}, {}))
    steps.append(sample_runs.step(7, "failed", None, {}, {}, status="ERROR", error="fio was killed"))
    record = sample_runs.record("file:/data/a.bin?size=1GiB", steps, header={"status": "ERROR", "reason": "killed"})
    written: Path = sample_runs.write(tmp_path, "a", record)
    return written


def test_the_keys_are_these_in_every_run(path: Path) -> None:
    facts = facts_of(path)
    assert set(facts) == RUN_KEYS
    for step in facts["steps"]:
        assert set(step) == STEP_KEYS | (MEASURED_KEYS if step["status"] == "COMPLETED" else set())
        if step["status"] != "COMPLETED":
            continue
        for name in ("read", "write", "trim"):
            assert set(step[name]) == DIRECTION_KEYS
            assert set(step[name]["latency_ns"]) == LATENCY_KEYS
        assert set(step["sync"]) == {"latency_ns"}
        assert set(step["clients"]) == CLIENT_KEYS
        assert set(step["cpu"]) == CPU_KEYS


def test_every_key_is_explained_where_they_are_promised() -> None:
    text = machine.__doc__ or ""
    keys = RUN_KEYS | STEP_KEYS | MEASURED_KEYS | DIRECTION_KEYS | CLIENT_KEYS | LATENCY_KEYS | CPU_KEYS
    words = set(text.replace(",", " ").replace("{", " ").replace("}", " ").replace(";", " ").replace(":", " ").split())
    assert keys - words == set()


def test_the_numbers_are_the_files(path: Path) -> None:
    facts = facts_of(path)
    with open_run(path) as run:
        assert (facts["run"], facts["status"], facts["reason"]) == (run.header.run, "ERROR", "killed")
        assert facts["path"] == str(path)
        for step, view in zip(facts["steps"], run.steps, strict=True):
            assert (step["index"], step["kind"], step["label"]) == (view.index, view.kind, view.label)
            assert (step["job"], step["labels"]) == (view.job, view.labels)
            if view.measurement is None:
                continue
            for name in ("read", "write"):
                part = getattr(view.measurement, name)
                got = step[name]
                assert (got["ios"], got["bytes"], got["iops"], got["bandwidth"]) == (
                    part.ios, part.bytes, part.iops, part.bandwidth,
                )  # fmt: skip
                assert got["latency_ns"]["mean"] == part.latency.mean_ns
                assert got["latency_ns"]["p99.9"] == part.latency.percentile(99.9)
            clients = view.measurement.clients
            rates = [r + w for r, w in zip(clients.read_iops, clients.write_iops, strict=True)]
            got = step["clients"]
            assert got["count"] == max(len(rates), 1)
            assert got["jain_index"] == jain_index(rates)
            assert (got["slowest_iops"], got["fastest_iops"]) == ((min(rates), max(rates)) if rates else (None, None))
        assert facts["steps"][6]["errors"] == {"EIO": 3}
        assert facts["steps"][6]["sync"]["latency_ns"]["samples"] == 2000


def test_a_percentile_without_enough_samples_is_null(sample_runs: ModuleType, tmp_path: Path) -> None:
    step = sample_runs.step(0, "x", sample_runs.measurement(1, 9000, read_fraction=1.0, samples=500), {}, {})
    facts = facts_of(sample_runs.write(tmp_path, "a", sample_runs.record("file:x", [step])))
    latency = facts["steps"][0]["read"]["latency_ns"]
    assert latency["p95"] > latency["p50"] > 0
    assert (latency["p99"], latency["p99.9"]) == (None, None)
    assert facts["steps"][0]["write"]["latency_ns"] == dict.fromkeys(LATENCY_KEYS) | {"samples": 0}


def test_a_run_of_a_campaign_says_its_place(sample_runs: ModuleType, tmp_path: Path) -> None:
    facts = facts_of(sample_runs.many_repeats(tmp_path, count=4, intervals=2)[3])
    assert facts["campaign"] == {"id": "c1", "repeat": 2, "repeats": 2, "order": 4}
